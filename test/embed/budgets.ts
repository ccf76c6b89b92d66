import type { ContractBudget, ProjectBudget } from '../../shared/budget/project-budget.ts';
import type { ConnectionId, ContractId, ProjectId } from '../../shared/ids.ts';

/** Small factories: each test names only what it is about. */
export function newBudget(differences: Partial<ProjectBudget> = {}): ProjectBudget {
  return {
    connectionId: 'acme' as ConnectionId,
    projectId: 'signs' as ProjectId,
    state: 'LOW',
    text: null,
    url: 'https://app.opentrain.example/top-up/1',
    contracts: [newContract()],
    updatedAt: '2026-10-01T12:00:00Z',
    ...differences,
  };
}

export function newContract(differences: Partial<ContractBudget> = {}): ContractBudget {
  return {
    contractId: 'c-1' as ContractId,
    title: 'Street sign annotator',
    state: 'LOW',
    paymentType: 'PAY_PER_HOUR',
    consumedFraction: 0.85,
    fundedVolume: 40,
    consumedVolume: 34,
    remainingVolume: 6,
    unit: 'hours',
    ...differences,
  };
}

export const low = newBudget();
export const depleted = newBudget({
  state: 'DEPLETED',
  contracts: [newContract({ state: 'DEPLETED', consumedFraction: 1.04, consumedVolume: 41.6, remainingVolume: 0 })],
});
export const severalContracts = newBudget({
  state: 'DEPLETED',
  text: '104 % of the funded hours of “Street sign annotator” are used. No further work is funded.',
  contracts: [
    newContract({ contractId: 'c-ok' as ContractId, title: 'Lidar reviewer', state: 'OK', consumedFraction: 0.2 }),
    newContract({ contractId: 'c-low' as ContractId, title: 'Lane marker', consumedFraction: 0.91, unit: 'labels' }),
    newContract({ contractId: 'c-out' as ContractId, state: 'DEPLETED', consumedFraction: 1.04, consumedVolume: 41.6 }),
  ],
});
