import { expect, test } from 'vitest';
import type {
  ConnectionId,
  ContractId,
  LinkId,
  ProjectId,
  TrainerId,
  WorkEmail,
  WorkspaceId,
} from '../../shared/ids.ts';
import { claimsOf } from '../../shared/reconcile/observe-seats.ts';
import { grantName } from '../../shared/store/grants.ts';
import type { Seat } from '../../shared/store/seats.ts';

const refOf = (connection: string, contract: string) => ({
  connectionId: connection as ConnectionId,
  contractId: contract as ContractId,
  linkId: 'link_1' as LinkId,
});

test('a connection’s claims in a seat are its own, though another’s name begins alike and an id has a slash', () => {
  const [one, odd, others] = [refOf('acme', 'ct_1'), refOf('acme', 'ct/2'), refOf('acme-2', 'ct_1')];
  const seat: Seat = {
    workspaceId: 'default' as WorkspaceId,
    project: 'signs' as ProjectId,
    trainerId: 'tr_1' as TrainerId,
    trainer: {
      opentrainUserId: 'tr_1' as TrainerId,
      workEmail: 'tr_1@opentrain.work' as WorkEmail,
      displayName: 'T. O.',
    },
    openGrants: new Set([one, odd, others].map(grantName)),
    revision: 1,
    memberId: undefined,
    settled: true,
  };
  expect(claimsOf('acme' as ConnectionId, seat)).toEqual([one, odd]);
  expect(claimsOf('acm' as ConnectionId, seat)).toEqual([]);
});
