import { expect, test } from 'vitest';
import type { ConnectionId, ContractId, LinkId, TrainerId } from '../../shared/ids.ts';
import { trainerCounts } from '../../shared/operations/connection-status.ts';
import type { Grant } from '../../shared/store/grants.ts';

let contracts = 0;

function grant(state: Grant['state'], trainer?: string, reason?: Grant['reason']): Grant {
  contracts += 1;
  return {
    connectionId: 'acme' as ConnectionId,
    contractId: `contract-${contracts}` as ContractId,
    linkId: 'link-1' as LinkId,
    state,
    reason,
    trainerId: trainer as TrainerId | undefined,
  };
}

test('people are counted, not contracts: each by the best that they have', () => {
  const grants = [
    grant('ended', 'maria'),
    grant('open', 'maria'),
    grant('parked', 'maria', 'action_required'),
    grant('ended', 'joao'),
    grant('parked', 'joao', 'waiting_for_consent'),
    grant('parked', 'aiko', 'waiting_for_consent'),
    grant('suspended', 'pat'),
    grant('ended', 'sam'),
    grant('ended', 'sam'),
  ];
  expect(trainerCounts(grants)).toEqual({
    working: 1,
    waiting: { waiting_for_consent: 2, suspended: 1 },
    gone: 1,
  });
});

test('whoever waits without a name is told apart by the contract', () => {
  const grants = [grant('parked', undefined, 'trainer_unclear'), grant('parked', undefined, 'trainer_unclear')];
  expect(trainerCounts(grants).waiting).toEqual({ trainer_unclear: 2 });
});

test('nobody is nobody', () => {
  expect(trainerCounts([])).toEqual({ working: 0, waiting: {}, gone: 0 });
});
