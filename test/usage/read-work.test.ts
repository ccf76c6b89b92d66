import { expect, test } from 'vitest';
import type {
  ConnectionId,
  ContractId,
  MemberId,
  ProjectId,
  TrainerId,
  WorkEmail,
  WorkspaceId,
} from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import type { Seat } from '../../shared/store/seats.ts';
import { createProjectReader } from '../../shared/usage/read-work.ts';
import { fakeWorkspace } from '../support/worker.ts';

const NOON = Date.parse('2026-06-15T12:00:00Z');
const since = Date.parse('2026-06-15T00:00:00Z');
const projectId = 'p1' as ProjectId;
const workspaceId = 'default' as WorkspaceId;
const MEMBER = '2' as MemberId;

test.each([
  ['u-stays', 'u-left'],
  ['u-left', 'u-stays'],
])(
  'work under a member id that a rebuilt workspace gave anew is that of whoever is in: %s, %s',
  async (...trainers) => {
    const seats = trainers.map((trainer) => seat(trainer, trainer === 'u-stays' ? ['acme/ct_1/ln_1'] : []));
    const workspace = fakeWorkspace({
      async *dailyTotals() {
        yield { member: { memberId: MEMBER }, project: { projectId }, workDate: '2026-06-15', seconds: 60 };
      },
    });
    const parts = {
      store: { seats: { getAll: async () => seats } as never },
      placeOf: async () => ({ workspaceId, workspace }),
      logger: silentLogger,
    };
    const window = { connectionId: 'acme' as ConnectionId, since, until: NOON };
    const read = createProjectReader(window, { fail: () => {} }, parts, new AbortController().signal);
    const work = await read({ workspaceId, projectId, claims: trainers.map(claim) });
    const seconds = (trainer: string) =>
      work?.days.get(`contract of ${trainer}` as ContractId)?.get('2026-06-15')?.totals;
    expect(seconds('u-stays')).toEqual({ seconds: 60 });
    expect(seconds('u-left')).toBeUndefined();
  },
);

const claim = (trainer: string) => ({
  contractId: `contract of ${trainer}` as ContractId,
  trainerId: trainer as TrainerId,
  workEmail: `${trainer}@opentrain.work` as WorkEmail,
  workspaceId,
  projectId,
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
  since,
});

function seat(trainer: string, openGrants: readonly string[]): Seat {
  const trainerId = trainer as TrainerId;
  const person = {
    opentrainUserId: trainerId,
    workEmail: `${trainer}@opentrain.work` as WorkEmail,
    displayName: trainer,
  };
  const ref = { workspaceId, project: projectId, trainerId };
  return { ...ref, trainer: person, openGrants: new Set(openGrants), revision: 1, memberId: MEMBER, settled: true };
}
