import type { OpenTrainEvent } from '../opentrain/events.ts';
import type { Budget } from '../opentrain/relied-on.ts';
import type { BudgetFacts } from '../store/budgets.ts';
import { parseState, stateOfFraction, worstOf } from './budget-state.ts';
import type { BudgetState } from './project-budget.ts';

/** As OpenTrain wrote it; a state that is not known yet is a text like any other. */
type Told = {
  readonly [Field in keyof BudgetFacts]?: (Field extends 'state' ? string : BudgetFacts[Field]) | null | undefined;
};

/** What OpenTrain answers to a report of usage, or when it is asked for the budget. */
export function factsOfAnswer({ activeMilestone, ...answer }: Budget): BudgetFacts {
  return factsOf({ ...answer, milestoneId: activeMilestone?.id }, 'OK');
}

/** What a milestone event tells; as a doorbell it may tell no more than its type (rule 6). */
export function factsOfEvent({ type, data }: OpenTrainEvent): BudgetFacts {
  return factsOf({ ...data.budget, milestoneId: data.milestone?.id }, STATE_OF_TYPE[type] ?? 'OK');
}

const STATE_OF_TYPE: Readonly<Record<string, BudgetState>> = {
  'milestone.budget_low': 'LOW',
  'milestone.budget_depleted': 'DEPLETED',
};

/** @param least - what the state is at least, when it is not told in words that are known */
function factsOf(told: Told, least: BudgetState): BudgetFacts {
  const consumedFraction = amount(told.consumedFraction);
  const paymentType = told.paymentType ?? undefined;
  const state = parseState(told.state ?? undefined) ?? worstOf([least, stateOfFraction(consumedFraction)]);
  return {
    // Nothing is measured where the price is fixed.
    state: paymentType === 'FIXED_PRICE' ? 'OK' : state,
    paymentType,
    consumedFraction,
    fundedVolume: amount(told.fundedVolume),
    consumedVolume: amount(told.consumedVolume),
    remainingVolume: amount(told.remainingVolume),
    milestoneId: told.milestoneId ?? undefined,
  };
}

/** What is no amount, or more than the table can hold exactly, counts as not told. */
function amount(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
