import type { ConnectionId, ContractId, LinkId } from '../../shared/ids.ts';
import type { BudgetCopy } from '../../shared/store/budgets.ts';

/** A contract's budget within a project: each test names only what it is about. */
export function newCopy(differences: Partial<BudgetCopy> = {}): BudgetCopy {
  return {
    connectionId: 'acme' as ConnectionId,
    contractId: 'c-1' as ContractId,
    title: 'Label street signs',
    url: 'https://opentrain.example/c-1',
    links: ['link-1' as LinkId],
    state: 'LOW',
    paymentType: 'PAY_PER_HOUR',
    consumedFraction: 0.87,
    fundedVolume: 40,
    consumedVolume: 34.8,
    remainingVolume: 5.2,
    asOf: 1,
    revision: 1,
    ...differences,
  };
}

export const lowCopy = newCopy();
export const depletedCopy = newCopy({
  state: 'DEPLETED',
  consumedFraction: 1.03,
  consumedVolume: 41.2,
  remainingVolume: 0,
});
