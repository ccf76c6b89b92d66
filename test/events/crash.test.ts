import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { type Faults, startWorker, type Worker } from '../support/worker.ts';

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const WRITES = ['grants.open', 'seats.claim'] as const;

/** The worker crashes right after one of its writes. @param before - what happens elsewhere just before that write */
function crashAfter(write: (typeof WRITES)[number], before: () => Promise<unknown> = async () => {}): Faults {
  const crashing =
    <Args extends unknown[]>(perform: (...args: Args) => Promise<unknown>) =>
    async (...args: Args): Promise<never> => {
      await before();
      await perform(...args);
      throw new Error('crash');
    };
  return {
    store: (store) =>
      write === 'grants.open'
        ? { ...store, grants: { ...store.grants, open: crashing(store.grants.open) } }
        : { ...store, seats: { ...store.seats, claim: crashing(store.seats.claim) } },
  };
}

let customers = 0;

/** A job that was linked when its trainer was at work already, so that the link's own event is what lets them in. */
async function linkedAfterwards() {
  customers += 1;
  const connectionId = `customer-${customers}` as ConnectionId;
  const { installId, organizationId, token } = worker.opentrain.consent({ organization: connectionId });
  await worker.parameters.put(worker.names.token(connectionId), token);
  const { id: jobId } = worker.opentrain.postJob({ organizationId });
  const contract = worker.opentrain.hire({ jobId, trainer: 'Maria Silva' });
  const project = `project of ${connectionId}`;
  const link = worker.opentrain.linkProject(installId, { externalProjectId: project, jobId });

  const tell = (type: 'project_link.created' | 'project_link.removed', receives: number, faults?: Faults) => {
    const event = worker.opentrain.eventsOf(installId).find((one) => one.type === type) ?? {};
    return worker.run([queuedDelivery({ connection: connectionId, delivery: type, event, receives })], faults);
  };
  return {
    tellOfLink: (receives: number, faults?: Faults) => tell('project_link.created', receives, faults),
    unlink() {
      worker.opentrain.unlinkProject(installId, link.id);
      return tell('project_link.removed', 1);
    },
    members: () => worker.demo.membersOf(project),
    grant: () =>
      worker.store.grants.get({ connectionId, contractId: contract.id as ContractId, linkId: link.id as LinkId }),
    seat: () =>
      worker.store.seats.get({
        workspaceId: DEFAULT_WORKSPACE,
        project: project as ProjectId,
        trainerId: contract.trainer?.opentrainUserId as TrainerId,
      }),
  };
}

describe.each(WRITES)('a project_link.created that crashed right after %s leaves nothing behind', (write) => {
  test('when the link was removed before it came again', async () => {
    const { tellOfLink, unlink, members, grant, seat } = await linkedAfterwards();
    expect(await tellOfLink(1, crashAfter(write))).toEqual({ 'project_link.created': 2 });
    expect((await grant())?.state, 'it is there to be found').toBe('open');

    expect(await unlink()).toEqual({ 'project_link.removed': 'acknowledged' });
    expect(await tellOfLink(2)).toEqual({ 'project_link.created': 'acknowledged' });
    expect((await seat())?.openGrants ?? new Set()).toEqual(new Set());
    expect(members()).toEqual([]);
    expect((await grant())?.state).toBe('ended');
  });

  test('when the link was removed just before that write, so that the removal did not find it', async () => {
    const { tellOfLink, unlink, members, grant, seat } = await linkedAfterwards();
    expect(await tellOfLink(1, crashAfter(write, unlink))).toEqual({ 'project_link.created': 2 });

    expect(await tellOfLink(2)).toEqual({ 'project_link.created': 'acknowledged' });
    expect((await seat())?.openGrants ?? new Set()).toEqual(new Set());
    expect(members()).toEqual([]);
    expect((await grant())?.state).toBe('ended');
  });

  test('when the link is still there: it is done when it comes again', async () => {
    const { tellOfLink, members, grant, seat } = await linkedAfterwards();
    await tellOfLink(1, crashAfter(write));
    expect(members()).toEqual([]);
    expect(await tellOfLink(2)).toEqual({ 'project_link.created': 'acknowledged' });
    expect(members()).toHaveLength(1);
    expect((await grant())?.state).toBe('open');
    expect((await seat())?.openGrants.size).toBe(1);
  });
});
