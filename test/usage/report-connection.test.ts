import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Story, startStory } from '../support/story.ts';
import { runUsage } from '../support/usage.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const now = () => story.opentrain.clock.now();
const dateOf = (at: number) => new Date(at).toISOString().slice(0, 10);

/** Moves time to so many hours after the next midnight, so that a story has its days to itself. */
async function nextDayAt(hours: number): Promise<number> {
  await story.opentrain.clock.advance((Math.floor(now() / DAY) + 1) * DAY + hours * HOUR - now());
  return now();
}

/** What OpenTrain has: `2026-06-15: 3600 s`. Days of zero are left out unless they are asked for. */
function reported(contract: { id: string }): Record<string, number> {
  return Object.fromEntries(
    story.opentrain.usageOf(contract.id).map(({ workDate, totalSeconds }) => [workDate, totalSeconds]),
  );
}

const posts = () => story.opentrain.calls.filter(({ operationId }) => operationId === 'reportContractUsage').length;

describe('the work of a contract', () => {
  test('is reported day by day, corrected and deleted as the workspace has it, and never twice', async () => {
    const today = await nextDayAt(20);
    const { customer, contract, trainer, project } = await story.newHire({ delivered: true });
    await story.idle();
    const work = { trainer: trainer.opentrainUserId, project };
    await story.opentrain.clock.advance(2 * HOUR);
    const first = story.workspace.recordWork({ ...work, at: today + HOUR / 2, seconds: 1_800, tasks: 3, labels: 9 });
    await runUsage(story, customer.id);
    expect(story.opentrain.usageOf(contract.id)).toMatchObject([
      { workDate: dateOf(today), totalSeconds: 1_800, tasksCompleted: 3, labelsCompleted: 9 },
    ]);
    expect(story.opentrain.usageOf(contract.id)[0]?.externalReportId).toContain('usage-test');

    const before = posts();
    expect((await runUsage(story, customer.id)).outcome).toMatchObject({
      kind: 'done',
      summary: { contracts: 1, sent: 0, unchanged: 1 },
    });
    expect(posts()).toBe(before);

    await story.opentrain.clock.advance(DAY);
    story.workspace.recordWork({ ...work, at: now() - HOUR, seconds: 600 });
    story.workspace.correctWork(first, { seconds: 2_400, tasks: 3, labels: 9 });
    await runUsage(story, customer.id);
    expect(reported(contract)).toEqual({ [dateOf(today)]: 2_400, [dateOf(now())]: 600 });

    story.workspace.correctWork(first, null);
    await runUsage(story, customer.id);
    expect(story.opentrain.usageOf(contract.id)[0]).toMatchObject({
      totalSeconds: 0,
      tasksCompleted: 0,
      labelsCompleted: 0,
    });
    expect((await customer.connection()).usageReportedAt).toBeGreaterThan(today + DAY);
  });

  test('is the sum over all of its projects', async () => {
    await nextDayAt(6);
    const { customer, jobId, contract, trainer, project } = await story.newHire({ delivered: true });
    const other = customer.link(jobId);
    await story.idle();
    const begun = now();
    await story.opentrain.clock.advance(4 * HOUR);
    const work = { trainer: trainer.opentrainUserId, at: begun + 1_000, seconds: 3_600 };
    story.workspace.recordWork({ ...work, project });
    story.workspace.recordWork({ ...work, project: other.project, seconds: 1_200 });
    await runUsage(story, customer.id);
    expect(reported(contract)).toEqual({ [dateOf(begun)]: 4_800 });
  });

  test('is split between two contracts of one day by their own start and end', async () => {
    const morning = await nextDayAt(6);
    const { customer, jobId, contract, trainer, project } = await story.newHire({
      delivered: true,
      trainer: 'Rehired',
    });
    await story.idle();
    const at = (hours: number) => morning + hours * HOUR;
    const clockTo = (hours: number) => story.opentrain.clock.advance(at(hours) - now());
    await clockTo(4);
    story.opentrain.endContract(contract.id);
    await story.idle();
    await clockTo(6);
    const second = customer.hire(jobId, 'Rehired');
    expect(second.trainer?.opentrainUserId).toBe(trainer.opentrainUserId);
    await story.idle();
    await clockTo(10);
    // From the second to the eighth hour: two hours of the first contract's, two between, two of the second's.
    story.workspace.recordWork({ trainer: trainer.opentrainUserId, project, at: at(2), seconds: 6 * 3_600 });
    const { lines } = await runUsage(story, customer.id);
    const started = new Date(second.startDate).getTime();
    const ended = new Date(story.opentrain.contract(contract.id)?.endDate ?? '').getTime();
    expect(reported(contract)).toEqual({ [dateOf(morning)]: Math.round((ended - at(2)) / 1000) });
    expect(reported(second)).toEqual({ [dateOf(morning)]: Math.round((at(8) - started) / 1000) });
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'usage.connection-done',
        unattributedSeconds: expect.closeTo((started - ended) / 1000, -0.5),
      }),
    );
  });
});

test('a back-fill of past days leaves the day after them as it is', async () => {
  await nextDayAt(9);
  const { customer, contract, trainer, project } = await story.newHire({ delivered: true });
  await story.idle();
  await story.opentrain.clock.advance(8 * DAY);
  for (const daysAgo of [6, 5, 4]) {
    const at = now() - daysAgo * DAY;
    story.workspace.recordWork({ trainer: trainer.opentrainUserId, project, at, seconds: 600 + daysAgo });
  }
  const midnight = (daysAgo: number) => (Math.floor(now() / DAY) - daysAgo) * DAY;
  const push = (from: number, to: number) =>
    runUsage(story, customer.id, { window: { since: midnight(from), until: midnight(to - 1) } });
  await push(6, 4);
  const all = reported(contract);
  expect(Object.values(all).toSorted()).toEqual([604, 605, 606]);
  const before = posts();
  expect((await push(6, 6)).outcome).toMatchObject({ kind: 'done', summary: { sent: 0, unchanged: 1 } });
  expect(posts()).toBe(before);
  expect(reported(contract)).toEqual(all);
});
