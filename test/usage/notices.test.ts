import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ContractId } from '../../shared/ids.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { BudgetNotice, Workspace } from '../../shared/workspace/port.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage, type UsageFaults } from '../support/usage.ts';
import { HOUR, type UsageStory, usageStory } from '../support/usage-story.ts';

let story: Story;
let usage: UsageStory;

beforeAll(async () => {
  story = await startStory();
  usage = usageStory(story);
});
afterAll(() => story.close());

/** Several trainers in one project, ten hours funded for each; OpenTrain's events about that arrive only if they should. */
async function hireCrew(count: number, { told }: { readonly told: boolean }) {
  const morning = await usage.nextDayAt(6);
  const customer = await story.newCustomer({ delivered: true });
  const jobId = customer.postJob();
  const { project } = customer.link(jobId);
  const contracts = Array.from({ length: count }, () => customer.hire(jobId));
  await story.idle();
  if (!told) await customer.client.deleteWebhookEndpoint(customer.endpointId);
  for (const { id } of contracts) story.opentrain.fundMilestone(id, { volume: 10 });
  await story.idle();
  return { morning, customer, project, contracts };
}

/** The real workspace, but for what becomes of its notices. */
const showing = (setNotice: (notice: BudgetNotice | null) => Promise<void>): Partial<Workspace> => ({
  dailyTotals: (query, signal) => story.connector.workspace.dailyTotals(query, signal),
  setNotice: (_, notice) => setNotice(notice),
});

test('a project of many contracts that run low in one run is told once, at the first attempt', async () => {
  const { morning, customer, project, contracts } = await hireCrew(12, { told: false });
  await usage.advanceTo(morning + 10 * HOUR);
  for (const { trainer } of contracts) {
    const sitting = { trainer: trainer?.opentrainUserId ?? '', project, at: morning + HOUR, seconds: 8.5 * 3_600 };
    story.workspace.recordWork(sitting);
  }
  const shown: (BudgetNotice | null)[] = [];
  const faults = { workspace: showing(async (notice) => void shown.push(notice)) };
  const { outcome, lines } = await runUsage(story, customer.id, { faults });
  expect(outcome).toMatchObject({ kind: 'done', summary: { contracts: 12, sent: 12 } });
  expect(shown).toMatchObject([{ state: 'LOW', text: expect.stringContaining('11 more contracts') }]);
  expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('what a failure left undone is made good by the next run, though nothing is new', async () => {
  const { morning, customer, project, contracts } = await hireCrew(1, { told: false });
  const [contract] = contracts;
  const work = { trainer: contract?.trainer?.opentrainUserId ?? '', project };
  await usage.advanceTo(morning + 14 * HOUR);
  story.workspace.recordWork({ ...work, at: morning + HOUR, seconds: 11 * 3_600 });
  const shown: (BudgetNotice | null)[] = [];
  const good = { workspace: showing(async (notice) => void shown.push(notice)) };
  await runUsage(story, customer.id, { faults: good });
  expect(shown).toMatchObject([{ state: 'DEPLETED' }]);

  // Nobody tells of the funding; the answer to the next report does.
  story.opentrain.fundMilestone(contract?.id ?? '', { volume: 30 });
  story.workspace.recordWork({ ...work, at: morning + 12 * HOUR, seconds: 600 });
  const away = async () => {
    throw new WorkspaceUnavailableError('The platform is away.');
  };
  const failed = await runUsage(story, customer.id, { faults: { workspace: showing(away) } });
  expect(failed.outcome).toMatchObject({ kind: 'retry', reason: 'busy', summary: { sent: 1, left: 0 } });
  expect((await story.store.budgets.getAll(customer.id, [contract?.id as ContractId]))[0]?.state).toBe('OK');

  expect((await runUsage(story, customer.id, { faults: good })).outcome).toMatchObject({
    kind: 'done',
    summary: { sent: 0, unchanged: 1 },
  });
  expect(shown).toMatchObject([{ state: 'DEPLETED' }, null]);
});

test('when OpenTrain tells of many contracts of one project at once, no delivery has to be tried again', async () => {
  const { morning, customer, project, contracts } = await hireCrew(10, { told: true });
  story.lines.length = 0;
  const entry = { workDate: new Date(morning).toISOString().slice(0, 10), totalSeconds: 11 * 3_600 };
  for (const { id } of contracts) await customer.client.reportContractUsage(id as ContractId, [entry]);
  await story.idle();
  expect(story.workspace.noticeOf(project)).toMatchObject({ state: 'DEPLETED' });
  expect(story.lines.filter(({ event }) => event === 'delivery.done')).toHaveLength(20);
  expect(story.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('what OpenTrain answered of the funds is not lost with a table that fails just then, nor is its event needed', async () => {
  const { morning, customer, project, contracts } = await hireCrew(1, { told: false });
  const [contract] = contracts;
  const work = { trainer: contract?.trainer?.opentrainUserId ?? '', project };
  await usage.advanceTo(morning + 14 * HOUR);
  story.workspace.recordWork({ ...work, at: morning + HOUR, seconds: 2 * 3_600 });
  await runUsage(story, customer.id);
  const stateNow = async () => (await story.store.budgets.getAll(customer.id, [contract?.id as ContractId]))[0]?.state;
  expect(await stateNow()).toBe('OK');

  story.workspace.recordWork({ ...work, at: morning + 3 * HOUR, seconds: 7 * 3_600 });
  const failing: UsageFaults = {
    store: (store) => ({
      ...store,
      budgets: { ...store.budgets, record: () => Promise.reject(new Error('The table is away.')) },
    }),
  };
  expect((await runUsage(story, customer.id, { faults: failing })).outcome.kind).toBe('retry');
  expect(await stateNow()).toBe('OK');
  await runUsage(story, customer.id);
  expect(await stateNow()).toBe('LOW');
  expect(story.workspace.noticeOf(project)).toMatchObject({ state: 'LOW' });
});
