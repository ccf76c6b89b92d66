import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionId, ContractId, ProjectId } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import {
  NeedsPersonError,
  WorkspaceForbiddenError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../../shared/workspace/errors.ts';
import type { BudgetNotice, Workspace } from '../../shared/workspace/port.ts';
import {
  contractEnded,
  contractStarted,
  type Hire,
  milestoneEvent,
  newHire,
  type TestEvent,
  without,
} from '../support/opentrain-event.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { type Faults, fakeWorkspace, startWorker, type Worker } from '../support/worker.ts';

/** Budgets on platforms that the demo workspace is not. */
let worker: Worker;

beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

/** A workspace that shows notices, if the test does not say otherwise; `notices` holds what each project was told. */
function noticeBoard(parts: Partial<Workspace> = {}) {
  const notices = new Map<string, (BudgetNotice | null)[]>();
  const setNotice = async ({ projectId }: { projectId: ProjectId }, notice: BudgetNotice | null) => {
    notices.set(projectId, [...(notices.get(projectId) ?? []), notice]);
  };
  return { notices, workspace: fakeWorkspace({ setNotice, ...parts }) };
}

/** @returns what became of the delivery: gone for good, or back after so many seconds */
async function deliver(event: TestEvent, faults: Faults) {
  const fates = await worker.run([queuedDelivery({ delivery: event.id, event })], faults);
  return fates[event.id];
}

async function hired(workspace: Workspace, given: Partial<Hire> = {}): Promise<Hire> {
  const hire = newHire(given);
  expect(await deliver(contractStarted(hire), { workspace })).toBe('acknowledged');
  return hire;
}

const lowEvent = ({ contract }: Hire) => milestoneEvent('milestone.budget_low', contract);
const linesOf = (name: string) => worker.lines.filter(({ event }) => event === name);

test('a platform that has no place for notices is left alone; what is known is kept for those who ask', async () => {
  const workspace = fakeWorkspace();
  const hire = await hired(workspace);
  expect(await deliver(lowEvent(hire), { workspace })).toBe('acknowledged');
  const [budget] = await worker.store.budgets.getAll('acme' as ConnectionId, [hire.contract as ContractId]);
  expect(budget?.state).toBe('LOW');
  const project = { workspaceId: DEFAULT_WORKSPACE, projectId: hire.project as ProjectId };
  expect(await worker.store.notices.get(project)).toBeUndefined();
  const copies = [];
  for await (const copy of worker.store.budgets.listCopies(project)) copies.push(copy);
  expect(copies).toMatchObject([{ contractId: hire.contract, state: 'LOW', title: 'Draw boxes' }]);
  expect(await deliver(contractEnded(hire), { workspace })).toBe('acknowledged');
});

test('a contract that was never warned of begins with 6 requests of the table and ends with 5', async () => {
  const { workspace } = noticeBoard();
  const hire = newHire();
  const costOf = async (event: TestEvent) => {
    const before = worker.requests.count;
    await deliver(event, { workspace });
    return worker.requests.count - before;
  };
  expect(await costOf(contractStarted(hire))).toBe(6);
  await deliver(milestoneEvent('milestone.funded', hire.contract, { state: 'OK' }), { workspace });
  expect(await costOf(contractEnded(hire))).toBe(5);
});

test.each([
  ['refuses it', new WorkspaceRejectedError('There is no such project.')],
  ['cannot show any', new WorkspaceUnsupportedError('There is no such place.')],
  ['would need a person for it', new NeedsPersonError('Only a person can.', { steps: ['Write it on the wall.'] })],
])('a platform that %s keeps no delivery waiting', async (_, refusal) => {
  const { workspace } = noticeBoard({
    setNotice: async () => {
      throw refusal;
    },
  });
  const hire = await hired(workspace);
  const before = linesOf('notice.rejected').length;
  expect(await deliver(lowEvent(hire), { workspace })).toBe('acknowledged');
  expect(linesOf('notice.rejected')).toHaveLength(before + 1);
  expect(linesOf('notice.rejected').at(-1)).toMatchObject({ level: 'warn', projectId: hire.project });
  expect(await deliver(contractEnded(hire), { workspace })).toBe('acknowledged');
});

test.each([
  ['is away', new WorkspaceUnavailableError('It is away.')],
  ['refuses the token', new WorkspaceForbiddenError('The token is wrong.')],
])('while the platform %s the delivery waits', async (_, failure) => {
  const { workspace } = noticeBoard({
    setNotice: async () => {
      throw failure;
    },
  });
  const hire = await hired(workspace);
  expect(await deliver(lowEvent(hire), { workspace })).toEqual(expect.any(Number));
});

test('one project’s trouble does not keep the other project’s notice waiting', async () => {
  const board = noticeBoard();
  const hire = await hired(board.workspace);
  const other = await hired(board.workspace, { ...newHire(), contract: hire.contract, trainer: hire.trainer });
  const [first] = [hire.link, other.link].sort();
  const troubled = first === hire.link ? hire.project : other.project;
  const setNotice: Workspace['setNotice'] = async (project, notice) => {
    if (project.projectId === troubled) throw new WorkspaceUnavailableError('This project is being moved.');
    await board.workspace.setNotice?.(project, notice);
  };
  const event = lowEvent(hire);
  expect(await deliver(event, { workspace: { ...board.workspace, setNotice } })).toEqual(expect.any(Number));
  const calm = troubled === hire.project ? other.project : hire.project;
  expect([...board.notices.keys()]).toEqual([calm]);
  expect(await deliver(event, { workspace: board.workspace })).toBe('acknowledged');
  expect(board.notices.get(troubled)).toMatchObject([{ state: 'LOW' }]);
});

describe('a trainer who cannot be taken out does not keep the notice standing', () => {
  test.each([
    ['without a person', new NeedsPersonError('Only a person can.', { steps: ['Remove them.'] }), 'acknowledged'],
    ['for now', new WorkspaceUnavailableError('It is away.'), expect.any(Number)],
  ])('%s', async (_, failure, fate) => {
    const { workspace, notices } = noticeBoard({
      revokeAccess: async () => {
        throw failure;
      },
    });
    const hire = await hired(workspace);
    await deliver(lowEvent(hire), { workspace });
    expect(await deliver(contractEnded(hire), { workspace })).toEqual(fate);
    expect(notices.get(hire.project)).toMatchObject([{ state: 'LOW' }, null]);
  });
});

test('a notice that somebody else changes again and again is taken up later', async () => {
  const { workspace, notices } = noticeBoard();
  const hire = await hired(workspace);
  const store: Faults['store'] = (real) => ({ ...real, notices: { ...real.notices, settle: async () => false } });
  expect(await deliver(lowEvent(hire), { workspace, store })).toEqual(expect.any(Number));
  expect(notices.get(hire.project)).toHaveLength(5);
  expect(linesOf('delivery.retried').at(-1)).toMatchObject({ error: { name: 'NoticeContendedError' } });
});

test('numbers that do not come before the worker’s time is over leave the delivery for the next attempt', async () => {
  const { workspace, notices } = noticeBoard();
  const hire = await hired(workspace);
  const event = without(lowEvent(hire), 'data.budget.consumedFraction');
  await worker.parameters.put(worker.names.token('acme' as ConnectionId), 'ot_ptk_acme');
  const opentrainFetch: typeof fetch = (request) =>
    new Promise((_, reject) => {
      const { signal } = request as Request;
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  // A third of a second after what is kept back for noting.
  expect(await deliver(event, { workspace, opentrainFetch, remaining: 5_300 })).toEqual(expect.any(Number));
  expect(notices.size).toBe(0);
  expect(linesOf('budget.not-told'), 'nobody has refused to tell').toEqual([]);
  expect(await worker.recordOf(event.id)).toBeUndefined();
});
