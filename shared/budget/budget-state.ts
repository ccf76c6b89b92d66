import type { BudgetState } from './project-budget.ts';

/** From the least to the worst. */
const STATES = ['OK', 'LOW', 'DEPLETED'] as const satisfies readonly BudgetState[];

export function worstOf(states: Iterable<BudgetState>): BudgetState {
  const severity = Math.max(0, ...Array.from(states, (state) => STATES.indexOf(state)));
  return STATES[severity] ?? 'OK';
}

/** @returns undefined for a state that is not known (yet), or was not told */
export function parseState(text: string | undefined): BudgetState | undefined {
  return STATES.find((state) => state === text);
}

/** LOW from 0.8 of the funds on, DEPLETED from 1.0 on. Source: OpenTrain's budget object. */
export function stateOfFraction(consumedFraction: number | undefined): BudgetState {
  if (consumedFraction === undefined || consumedFraction < 0.8) return 'OK';
  return consumedFraction < 1 ? 'LOW' : 'DEPLETED';
}

interface Ranked {
  readonly state: BudgetState;
  readonly consumedFraction?: number | undefined;
  readonly connectionId: string;
  readonly contractId: string;
}

/** For sorting: the worst state first, then the most consumed; the ids keep the order of equals from changing. */
export function worstFirst(one: Ranked, other: Ranked): number {
  const nameOf = ({ connectionId, contractId }: Ranked) => `${connectionId}#${contractId}`;
  return (
    STATES.indexOf(other.state) - STATES.indexOf(one.state) ||
    (other.consumedFraction ?? 0) - (one.consumedFraction ?? 0) ||
    (nameOf(one) < nameOf(other) ? -1 : 1)
  );
}
