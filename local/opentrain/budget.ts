import type { Contract, Milestone, Schemas } from './state.ts';

const LOW_FROM = 0.8;
const DEPLETED_FROM = 1;

/** The budget of a contract: what is funded in all, against what has been reported in all. */
export function budgetOf(contract: Contract): Schemas['Budget'] {
  const funded = contract.milestones.filter((milestone) => milestone.status === 'FUNDED');
  const fundedVolume = sum(funded, (milestone) => milestone.volume);
  const days = [...contract.usage.values()];
  const seconds = sum(days, (day) => day.totalSeconds);
  const consumed = {
    seconds,
    hours: seconds / 3600,
    labels: sum(days, (day) => day.labelsCompleted),
    tasks: sum(days, (day) => day.tasksCompleted),
  };
  const consumedVolume = volumeOf(contract.paymentType, consumed);
  const measured = contract.paymentType !== 'FIXED_PRICE' && fundedVolume > 0;
  const consumedFraction = measured ? consumedVolume / fundedVolume : 0;
  return {
    contractId: contract.id,
    paymentType: contract.paymentType,
    state: stateOf(consumedFraction),
    fundedVolume,
    fundedAmountUsd: sum(funded, (milestone) => milestone.amountUsd),
    consumed,
    consumedVolume,
    remainingVolume: Math.max(0, fundedVolume - consumedVolume),
    consumedFraction,
    activeMilestone: activeMilestone(funded, consumedVolume),
    lastUsageAt: contract.lastUsageAt,
  };
}

function stateOf(consumedFraction: number): Schemas['BudgetState'] {
  if (consumedFraction >= DEPLETED_FROM) return 'DEPLETED';
  return consumedFraction >= LOW_FROM ? 'LOW' : 'OK';
}

function volumeOf(paymentType: Contract['paymentType'], consumed: Schemas['Budget']['consumed']): number {
  if (paymentType === 'PAY_PER_HOUR') return consumed.hours;
  return paymentType === 'PAY_PER_LABEL' ? consumed.labels : 0;
}

/** The milestone that the work eats into: the first that is not used up, or the last when all are. */
function activeMilestone(funded: readonly Milestone[], consumedVolume: number): Schemas['Milestone'] | null {
  let reached = 0;
  const current = funded.find((milestone) => {
    reached += milestone.volume;
    return reached > consumedVolume;
  });
  const active = current ?? funded.at(-1);
  return active === undefined ? null : { ...active };
}

function sum<Item>(items: readonly Item[], measure: (item: Item) => number): number {
  return items.reduce((total, item) => total + measure(item), 0);
}
