import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  WorkspaceForbiddenError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
} from '../../shared/workspace/errors.ts';
import type { UsageQuery, Workspace } from '../../shared/workspace/port.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage } from '../support/usage.ts';
import { DAY, dateOf, HOUR, refusal, type UsageStory, usageStory, watchReports } from '../support/usage-story.ts';

// One project, or one contract, of a connection that is broken for good: the others of it are served all the same.
let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

/** Of one customer, on a project of their own each or all on one; everybody has worked for ten minutes today. */
async function manyAtWork(count: number, { inOneProject = false } = {}) {
  await days.nextDayAt(9);
  const first = await days.hireFor(0);
  const { customer, jobId, project } = first;
  const hires: Pick<typeof first, 'contract' | 'project' | 'work'>[] = [first];
  while (hires.length < count) {
    hires.push(await days.hireAnother(customer, inOneProject ? { jobId, project } : undefined));
  }
  await days.advanceTo(days.now() + 2 * HOUR);
  for (const { work } of hires) work(days.now() - HOUR, 600);
  const today = dateOf(days.now());
  const isReported = ({ contract }: (typeof hires)[number]) => days.reported(contract)[today] === 600;
  return { customer, hires, reported: () => hires.filter(isReported) };
}

function failingAt(project: string, error: Error): Partial<Workspace> {
  return {
    async *dailyTotals(query: UsageQuery, signal?: AbortSignal) {
      if (query.project.projectId === project) throw error;
      yield* story.connector.workspace.dailyTotals(query, signal);
    },
  };
}

describe('a project that cannot be read', () => {
  test.each([
    { title: 'times out', error: new WorkspaceUnavailableError('It took too long.') },
    { title: 'refuses the token', error: new WorkspaceForbiddenError('Not in this project.') },
    { title: 'is not there', error: new WorkspaceRejectedError('No such project.') },
  ])('because it $title leaves out its own contracts only', async ({ error }) => {
    const { customer, hires, reported } = await manyAtWork(8);
    for (const broken of hires) {
      const faults = { workspace: failingAt(broken.project, error) };
      await runUsage(story, customer.id, { faults });
      expect(reported().length, 'whichever it is in the order').toBeGreaterThanOrEqual(7);
    }
    expect(reported(), 'each was broken once only').toHaveLength(8);
  });

  test('is named as the reason why the connection is not reported to the end', async () => {
    const { customer, hires } = await manyAtWork(2);
    const faults = { workspace: failingAt(hires[0]?.project ?? '', new WorkspaceRejectedError('No such project.')) };
    const { lines } = await runUsage(story, customer.id, { faults });
    expect(lines.at(-1)).toMatchObject({ event: 'usage.connection-done', reason: 'project_unreadable' });
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
  });

  test('and whose link was removed long ago is not read any more', async () => {
    await days.nextDayAt(9);
    const { customer, jobId, contract, trainer, link, project } = await days.hireFor(0);
    const other = customer.link(jobId);
    await story.idle();
    await story.opentrain.clock.advance(HOUR);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await story.idle();
    await story.opentrain.clock.advance(10 * DAY);
    const work = { trainer: trainer.opentrainUserId, project: other.project };
    story.workspace.recordWork({ ...work, at: days.now() - HOUR, seconds: 600 });
    const faults = { workspace: failingAt(project, new WorkspaceRejectedError('No such project.')) };
    const { outcome, lines } = await runUsage(story, customer.id, { faults });
    expect(outcome).toMatchObject({ kind: 'done', summary: { sent: 1, left: 0 } });
    expect(lines.map(({ event }) => event)).not.toContain('usage.project-unreadable');
    expect(days.reported(contract)).toEqual({ [dateOf(days.now())]: 600 });
  });
});

describe('a contract', () => {
  test('that OpenTrain stumbles over keeps none of the others waiting', async () => {
    const { customer, hires, reported } = await manyAtWork(12, { inOneProject: true });
    for (const broken of hires.slice(0, 3)) {
      const { reports: _, ...faults } = watchReports(({ contractId }) =>
        contractId === broken.contract.id ? refusal(500, 'INTERNAL_ERROR') : undefined,
      );
      const { outcome } = await runUsage(story, customer.id, { faults });
      expect(outcome.kind).toBe(reported().includes(broken) ? 'done' : 'retry');
      expect(reported().length).toBeGreaterThanOrEqual(11);
    }
    expect(reported()).toHaveLength(12);
  });

  test.each([400, 404, 409])('that a proxy answers %i for is neither held nor set aside', async (status) => {
    const { customer, hires, reported } = await manyAtWork(1);
    const { reports: _, ...faults } = watchReports(
      () => new Response('<html>No such site</html>', { status, headers: { 'content-type': 'text/html' } }),
    );
    const { outcome } = await runUsage(story, customer.id, { faults });
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'busy', summary: { held: 0, setAside: 0, left: 1 } });
    expect((await runUsage(story, customer.id)).outcome).toMatchObject({ kind: 'done' });
    expect(reported()).toHaveLength(hires.length);
  });
});

test('a notice that cannot be shown keeps no other project’s from being shown', async () => {
  const morning = await days.nextDayAt(6);
  const customer = await story.newCustomer({ delivered: true });
  const places = Array.from({ length: 8 }, () => {
    const jobId = customer.postJob();
    const { project } = customer.link(jobId);
    return { project, contract: customer.hire(jobId) };
  });
  await story.idle();
  await customer.client.deleteWebhookEndpoint(customer.endpointId);
  await days.advanceTo(morning + 14 * HOUR);
  for (const { project, contract } of places) {
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    const trainer = contract.trainer?.opentrainUserId ?? '';
    story.workspace.recordWork({ trainer, project, at: morning + HOUR, seconds: 9 * 3600 });
  }
  const broken = places[0]?.project;
  const shown = new Set<string>();
  const workspace: Partial<Workspace> = {
    dailyTotals: (query, signal) => story.connector.workspace.dailyTotals(query, signal),
    async setNotice({ projectId }) {
      if (projectId === broken) throw new WorkspaceUnavailableError('It took too long.');
      shown.add(projectId);
    },
  };
  expect((await runUsage(story, customer.id, { faults: { workspace } })).outcome.kind).toBe('retry');
  expect(shown.size).toBe(7);
});
