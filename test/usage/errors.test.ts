import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REFUSED } from '../../shared/usage/decide-entries.ts';
import { lookBack } from '../../shared/usage/usage-window.ts';
import {
  WorkspaceForbiddenError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
} from '../../shared/workspace/errors.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage, telling } from '../support/usage.ts';
import {
  DAY,
  dateOf,
  HOUR,
  MINUTE,
  refusal,
  type SentReport,
  type UsageStory,
  usageStory,
  watchReports,
} from '../support/usage-story.ts';

let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

/** OpenTrain refuses whatever has something to do with that day. */
const refusing = (date: () => string) =>
  watchReports(({ entries }) =>
    entries.some(({ workDate }) => workDate === date()) ? refusal(400, 'BAD_REQUEST') : undefined,
  );
const summaryOf = ({ outcome }: Awaited<ReturnType<typeof runUsage>>) => ('summary' in outcome ? outcome.summary : {});

describe('400: one bad entry fails the whole request', () => {
  /** Three days of work and a fourth, the second of which OpenTrain refuses. */
  async function badSecondDay() {
    await days.nextDayAt(9);
    const { customer, contract, work } = await days.hireFor(3);
    await days.advanceTo(days.now() + 2 * HOUR);
    const dates = [3, 2, 1, 0].map((ago) => dateOf(days.now() - ago * DAY));
    const sittings = [3, 2, 1, 0].map((ago, index) => work(days.now() - ago * DAY - HOUR, 600 + index));
    const bad = dates[1] ?? '';
    const watch = refusing(() => bad);
    return { customer, contract, dates, bad, sitting: sittings[1] ?? '', ...watch };
  }

  test('so halves are sent until it stands alone and is set aside, while the others are accepted', async () => {
    const { customer, contract, bad, reports, ...faults } = await badSecondDay();
    const { outcome, lines } = await runUsage(story, customer.id, { faults });
    expect(outcome).toMatchObject({ kind: 'done', summary: { sent: 3, setAside: 1, left: 0 } });
    expect(Object.values(days.reported(contract))).toEqual([600, 602, 603]);
    expect(reports.map(({ entries }) => entries.length)).toEqual([4, 2, 1, 1, 2]);
    expect((await days.recordOf(customer, contract)).setAside.get(bad)).toMatchObject({
      reason: REFUSED,
      seconds: 601,
    });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'usage.set-aside', workDate: bad, reason: REFUSED }),
    );
    expect((await customer.connection()).usageReportedAt, 'it holds nothing up').toBeDefined();
  });

  test('it is not asked for again within a day, and once more afterwards', async () => {
    const { customer, bad, reports, ...faults } = await badSecondDay();
    await runUsage(story, customer.id, { faults });
    const before = reports.length;
    await story.opentrain.clock.advance(10 * HOUR);
    expect(summaryOf(await runUsage(story, customer.id, { faults }))).toMatchObject({
      sent: 0,
      setAside: 1,
      unchanged: 3,
    });
    expect(reports.length).toBe(before);
    await story.opentrain.clock.advance(14 * HOUR);
    await runUsage(story, customer.id, { faults });
    expect(reports.slice(before).map(({ entries }) => entries)).toMatchObject([[{ workDate: bad }]]);
  });

  test('it is asked for at once when its totals change, and is set aside no longer when it is taken', async () => {
    const { customer, contract, bad, sitting, reports, ...faults } = await badSecondDay();
    await runUsage(story, customer.id, { faults });
    story.workspace.correctWork(sitting, { seconds: 500 });
    expect(summaryOf(await runUsage(story, customer.id, { faults }))).toMatchObject({ sent: 0, setAside: 1 });
    expect((await days.recordOf(customer, contract)).setAside.get(bad)).toMatchObject({ seconds: 500 });

    story.workspace.correctWork(sitting, { seconds: 400 });
    expect(summaryOf(await runUsage(story, customer.id))).toMatchObject({ sent: 1, setAside: 0, unchanged: 3 });
    expect(days.reported(contract)[bad]).toBe(400);
    expect((await days.recordOf(customer, contract)).setAside).toEqual(new Map());
  });

  test('it is forgotten when its work is deleted', async () => {
    const { customer, contract, sitting, reports, ...faults } = await badSecondDay();
    await runUsage(story, customer.id, { faults });
    story.workspace.correctWork(sitting, null);
    expect(summaryOf(await runUsage(story, customer.id, { faults }))).toMatchObject({ sent: 0, setAside: 0 });
    expect((await days.recordOf(customer, contract)).setAside).toEqual(new Map());
  });

  test('what OpenTrain had of the day before stays known, so that zero is sent when the work goes', async () => {
    const { customer, contract, bad, sitting, reports, ...faults } = await badSecondDay();
    await runUsage(story, customer.id);
    story.workspace.correctWork(sitting, { seconds: 700 });
    await runUsage(story, customer.id, { faults });
    expect((await days.recordOf(customer, contract)).reported.get(bad)).toEqual({ seconds: 601 });
    story.workspace.correctWork(sitting, null);
    await runUsage(story, customer.id);
    expect(days.reported(contract)[bad]).toBe(0);
  });
});

test('more than a hundred entries go in requests of at most a hundred, each with its own bad days', async () => {
  await days.nextDayAt(9);
  const { customer, contract, work } = await days.hireFor(129);
  await days.advanceTo(days.now() + 2 * HOUR);
  for (let ago = 0; ago < 130; ago += 1) work(days.now() - ago * DAY - HOUR, 60 + ago);
  const bad = dateOf(days.now() - 2 * DAY);
  const { reports, ...faults } = refusing(() => bad);
  const window = lookBack(130, days.now());
  const { outcome } = await runUsage(story, customer.id, { faults, window });
  expect(outcome).toMatchObject({ kind: 'done', summary: { sent: 129, setAside: 1 } });
  const sizes = reports.map(({ entries }) => entries.length);
  expect(Math.max(...sizes)).toBe(100);
  expect(sizes.slice(0, 2)).toEqual([100, 30]);
  const sum = 130 * 60 + (129 * 130) / 2 - 62;
  const total = () => Object.values(days.reported(contract)).reduce((all, seconds) => all + seconds, 0);
  expect(total()).toBe(sum);

  // Of the days that were forgotten the back-fill sends all once more, which comes to the same.
  await runUsage(story, customer.id, { faults, window });
  expect(total()).toBe(sum);
  expect((await days.recordOf(customer, contract)).reported.size).toBe(35);
});

describe('a contract that OpenTrain has nothing to do with', () => {
  const unlinked = {
    title: '404: it knows no such contract, or the job is linked no more',
    reason: 'contract_unknown',
    break: (hire: Awaited<ReturnType<UsageStory['hireFor']>>) => {
      // The removal is not delivered: the connector goes on.
      story.opentrain.holdDeliveries();
      story.opentrain.unlinkProject(hire.customer.installId, hire.link.id);
    },
    mend: async (hire: Awaited<ReturnType<UsageStory['hireFor']>>) => {
      hire.customer.link(hire.jobId, { project: hire.project });
      await story.opentrain.release();
      await story.idle();
    },
  };
  const trainerless = {
    title: '409: there is no trainer to attribute to',
    reason: 'no_trainer',
    break: ({ contract }: Awaited<ReturnType<UsageStory['hireFor']>>) => story.opentrain.loseTrainer(contract.id),
    mend: undefined,
  };

  test.each([unlinked, trainerless])('$title: it is held for a day, and nothing else is', async (trouble) => {
    await days.nextDayAt(9);
    const hire = await days.hireFor(1);
    const { customer, contract } = hire;
    const other = await days.hireAnother(customer);
    await days.advanceTo(days.now() + HOUR);
    hire.work(days.now() - HOUR, 600);
    other.work(days.now() - HOUR, 300);
    trouble.break(hire);
    const { reports, ...faults } = watchReports();
    const asked = () => reports.filter(({ contractId }) => contractId === contract.id).length;

    const { outcome, lines } = await runUsage(story, customer.id, { faults });
    expect(outcome).toMatchObject({ kind: 'done', summary: { contracts: 2, sent: 1, held: 1, left: 0 } });
    expect(days.reported(other.contract)).toEqual({ [dateOf(days.now())]: 300 });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'usage.held', contractId: contract.id, reason: trouble.reason }),
    );
    expect((await customer.connection()).attention, 'the token is good').toBeUndefined();
    expect(asked()).toBe(1);

    await story.opentrain.clock.advance(12 * HOUR);
    expect(summaryOf(await runUsage(story, customer.id, { faults }))).toMatchObject({ held: 1, unchanged: 1 });
    expect(asked()).toBe(1);
    await story.opentrain.clock.advance(12 * HOUR);
    await runUsage(story, customer.id, { faults });
    expect(asked(), 'after a day it is tried once more').toBe(2);

    if (trouble.mend === undefined) return;
    await trouble.mend(hire);
    await runUsage(story, customer.id, { faults });
    expect(asked(), 'and at once when a grant of it changes').toBe(3);
    expect(Object.values(days.reported(contract))).toEqual([600]);
    expect((await days.recordOf(customer, contract)).hold).toBeUndefined();
  });

  test('a grant that changes while OpenTrain is asked is a reason to ask again', async () => {
    await days.nextDayAt(9);
    const hire = await days.hireFor(0);
    await days.advanceTo(days.now() + HOUR);
    hire.work(days.now() - HOUR / 2, 600);
    unlinked.break(hire);
    const { reports, ...faults } = watchReports(async (report) => {
      if (reports.length > 1) return undefined;
      const answer = await report.perform();
      await unlinked.mend(hire);
      return answer;
    });
    expect(summaryOf(await runUsage(story, hire.customer.id, { faults }))).toMatchObject({ held: 1 });
    expect(summaryOf(await runUsage(story, hire.customer.id, { faults }))).toMatchObject({ held: 0, sent: 1 });
  });
});

/** A customer with six hires who worked an hour each: more than are sent at once. */
async function sixAtWork() {
  await days.nextDayAt(9);
  const first = await days.hireFor(0);
  const second = await days.hireAnother(first.customer);
  const others = await Promise.all(Array.from({ length: 4 }, () => days.hireAnother(first.customer, second)));
  const hires = [first, second, ...others];
  await days.advanceTo(days.now() + 2 * HOUR);
  for (const { work } of hires) work(days.now() - HOUR, 3_600);
  return {
    customer: first.customer,
    hires,
    reportedSeconds: () => hires.map(({ contract }) => Object.values(days.reported(contract))[0]),
  };
}
const ALL = Array.from({ length: 6 }, () => 3_600);

describe('a token that OpenTrain refuses', () => {
  test.each([
    {
      title: '403: it lacks usage:write',
      reason: 'usage_forbidden',
      answer: () => refusal(403, 'FORBIDDEN'),
    },
    { title: '401: it was revoked', reason: 'opentrain_forbidden', answer: () => refusal(401, 'UNAUTHORIZED') },
  ])(
    '$title: the connection is marked and left at once, others go on, and it recovers by itself',
    async ({ reason, answer }) => {
      const { customer, reportedSeconds } = await sixAtWork();
      const other = await sixAtWork();
      const { reports, ...faults } = watchReports(answer);
      const { outcome, lines } = await runUsage(story, customer.id, { faults });
      expect(outcome).toMatchObject({ kind: 'refused', reason, summary: { sent: 0, left: 6 } });
      expect(reports.length, 'those that were under way at once').toBeLessThanOrEqual(4);
      expect(await customer.connection()).toMatchObject({ attention: reason });
      expect((await customer.connection()).usageReportedAt).toBeUndefined();
      expect(lines).toContainEqual(
        expect.objectContaining({
          level: 'error',
          event: 'connection.needs-attention',
          connectionId: customer.id,
          reason,
        }),
      );
      expect((await runUsage(story, other.customer.id)).outcome.kind).toBe('done');
      expect(other.reportedSeconds()).toEqual(ALL);

      await runUsage(story, customer.id, { faults });
      expect((await customer.connection()).attention).toBe(reason);
      await runUsage(story, customer.id);
      expect(reportedSeconds()).toEqual(ALL);
      expect((await customer.connection()).attention).toBeUndefined();
    },
  );

  test('the real refusals of a revoked install and of a feature that is off are told apart in the same way', async () => {
    const { customer } = await sixAtWork();
    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    expect((await runUsage(story, customer.id)).outcome).toMatchObject({ kind: 'refused', reason: 'usage_forbidden' });
    story.opentrain.setFeatureEnabled(customer.organizationId, true);
    await story.connector.parameters.put(story.connector.names.token(customer.id), 'ot_ptk_of_nobody');
    expect((await runUsage(story, customer.id)).outcome).toMatchObject({
      kind: 'refused',
      reason: 'opentrain_forbidden',
    });
  });

  test('a budget that may not be read says nothing of the right to report', async () => {
    const { customer, hires } = await sixAtWork();
    story.opentrain.fundMilestone(hires[0]?.contract.id ?? '', { volume: 1 });
    await runUsage(story, customer.id);
    await story.idle();
    const opentrainFetch: typeof fetch = async (input, init) => {
      const request = new Request(input, init);
      return request.url.endsWith('/budget') ? refusal(403, 'FORBIDDEN') : fetch(request);
    };
    const { outcome } = await runUsage(story, customer.id, { faults: { opentrainFetch } });
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'opentrain_forbidden' });
  });
});

describe('a token that may not report', () => {
  test('is not taken for good because OpenTrain tells of a budget', async () => {
    const morning = await days.nextDayAt(6);
    const customer = await story.newCustomer({ delivered: true });
    const jobId = customer.postJob();
    const { project } = customer.link(jobId);
    const [warned, other] = [customer.hire(jobId), customer.hire(jobId)];
    await story.idle();
    for (const { id } of [warned, other]) story.opentrain.fundMilestone(id, { volume: 10 });
    await days.advanceTo(morning + 14 * HOUR);
    const work = ({ trainer }: typeof warned, hours: number) =>
      story.workspace.recordWork({
        trainer: trainer?.opentrainUserId ?? '',
        project,
        at: morning + HOUR,
        seconds: hours * 3600,
      });
    work(warned, 9);
    await runUsage(story, customer.id);
    await story.idle();
    work(other, 1);
    const { reports: _, ...faults } = watchReports(() => refusal(403, 'FORBIDDEN'));
    expect((await runUsage(story, customer.id, { faults })).outcome.kind).toBe('refused');
    // Longer than the look-back: there is nothing to report any more, only the budget to ask for.
    await story.opentrain.clock.advance(5 * 24 * HOUR);
    expect((await runUsage(story, customer.id, { faults })).outcome.kind).toBe('done');
    expect((await customer.connection()).attention).toBe('usage_forbidden');
  });
});

describe('OpenTrain away or in a hurry', () => {
  const lost = () => {
    throw new TypeError('fetch failed');
  };
  test.each<{
    title: string;
    strike: (report: SentReport) => Response | Promise<Response>;
    retryAfterSeconds?: number;
    /** Contracts that are tried before the rest waits: those that were under way at once. */
    asked?: number;
  }>([
    { title: '429', strike: () => refusal(429, 'RATE_LIMITED', { 'retry-after': '31' }), retryAfterSeconds: 31 },
    // One or two alone may be what OpenTrain stumbles over.
    { title: '503', strike: () => refusal(503, 'INTERNAL_ERROR'), asked: 6 },
    { title: '500', strike: () => refusal(500, 'INTERNAL_ERROR'), asked: 6 },
    { title: 'no connection', strike: lost },
    {
      title: 'no answer in time',
      strike: () => {
        throw new DOMException('The operation timed out.', 'TimeoutError');
      },
    },
  ])(
    '$title: the rest of the connection waits, and it is tried again',
    async ({ strike, retryAfterSeconds, asked: most = 4 }) => {
      const { customer, hires, reportedSeconds } = await sixAtWork();
      const { reports, ...faults } = watchReports(strike);
      const { outcome } = await runUsage(story, customer.id, { faults });
      expect(outcome).toMatchObject({
        kind: 'retry',
        reason: 'busy',
        retryAfterSeconds,
        summary: { sent: 0, left: 6 },
      });
      const asked = new Set(reports.map(({ contractId }) => contractId));
      expect(asked.size, 'those that were under way at once').toBeLessThanOrEqual(most);
      expect((await customer.connection()).attention).toBeUndefined();
      expect((await customer.connection()).usageReportedAt).toBeUndefined();

      await story.opentrain.clock.advance(7 * MINUTE);
      expect((await runUsage(story, customer.id)).outcome).toMatchObject({
        kind: 'done',
        summary: { sent: hires.length },
      });
      expect(reportedSeconds()).toEqual(ALL);
    },
  );

  test.each([
    { title: 'without a word of when to come back', headers: {}, retryAfterSeconds: 5, most: 6 },
    { title: 'for longer than the workspace', headers: { 'retry-after': '31' }, retryAfterSeconds: 31, most: 4 },
  ])('$title, after trouble with the workspace: the rest waits, too, and the longest wait counts', async (away) => {
    const { customer, hires } = await sixAtWork();
    const { reports, ...faults } = watchReports(() => refusal(503, 'INTERNAL_ERROR', away.headers));
    const workspace = {
      async *dailyTotals(query: Parameters<typeof story.connector.workspace.dailyTotals>[0]) {
        if (query.project.projectId === hires[0]?.project) {
          // Last of all, so that the others of that workspace are read before.
          await new Promise((resolve) => setTimeout(resolve, 500));
          throw new WorkspaceUnavailableError('away', { retryAfterSeconds: 5 });
        }
        yield* story.connector.workspace.dailyTotals(query);
      },
    };
    const { outcome } = await runUsage(story, customer.id, { faults: { ...faults, workspace } });
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'busy', retryAfterSeconds: away.retryAfterSeconds });
    const asked = new Set(reports.map(({ contractId }) => contractId)).size;
    expect(asked).toBeGreaterThan(0);
    expect(asked, 'those that were under way at once').toBeLessThanOrEqual(away.most);
  });

  test('an answer that was lost is asked for again, and it ends right', async () => {
    await days.nextDayAt(9);
    const { customer, contract, work } = await days.hireFor(0);
    await days.advanceTo(days.now() + HOUR);
    work(days.now() - HOUR / 2, 600, { tasks: 2 });
    const { reports, ...faults } = watchReports(async ({ perform }) => {
      await perform();
      throw new TypeError('fetch failed');
    });
    expect((await runUsage(story, customer.id, { faults })).outcome).toMatchObject({ kind: 'retry', reason: 'busy' });
    expect(days.reported(contract), 'it went through').toEqual({ [dateOf(days.now())]: 600 });
    expect((await days.recordOf(customer, contract)).reported.get(dateOf(days.now()))).toMatchObject({
      unconfirmed: true,
    });

    await story.opentrain.clock.advance(7 * MINUTE);
    const again = watchReports();
    await runUsage(story, customer.id, { faults: again });
    expect(again.reports.length).toBe(1);
    expect((await days.recordOf(customer, contract)).reported.get(dateOf(days.now()))).toEqual({
      seconds: 600,
      tasks: 2,
    });
    expect(story.opentrain.usageOf(contract.id)).toMatchObject([{ totalSeconds: 600, tasksCompleted: 2 }]);
  });
});

describe('the workspace', () => {
  test('away: nothing is reported, nothing becomes zero, and it is tried again', async () => {
    const { customer, hires, reportedSeconds } = await sixAtWork();
    await runUsage(story, customer.id);
    for (const { work } of hires) work(days.now() - HOUR / 4, 60);
    story.workspace.outage(true);
    const { reports, ...faults } = watchReports();
    const { outcome } = await runUsage(story, customer.id, { faults });
    story.workspace.outage(false);
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'busy', summary: { left: 6 } });
    expect(reports).toEqual([]);
    await runUsage(story, customer.id);
    expect(reportedSeconds()).toEqual(ALL.map((seconds) => seconds + 60));
  });

  test('refusing our token: it is tried again, and an error says so', async () => {
    const { customer, reportedSeconds } = await sixAtWork();
    const workspace = {
      // biome-ignore lint/correctness/useYield: it fails before its first row
      async *dailyTotals(): AsyncGenerator<never> {
        throw new WorkspaceForbiddenError('The token is refused.');
      },
    };
    const { outcome, lines } = await runUsage(story, customer.id, { faults: { workspace } });
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'workspace-refuses', summary: { left: 6 } });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'usage.failed', reason: 'workspace-refuses' }),
    );
    expect((await customer.connection()).attention, 'OpenTrain has nothing to do with it').toBeUndefined();
    await runUsage(story, customer.id);
    expect(reportedSeconds()).toEqual(ALL);
  });

  test('without one of the projects: its contracts are left out as a whole, and no other is', async () => {
    await days.nextDayAt(9);
    const { customer, jobId, contract, project, work } = await days.hireFor(0);
    const second = customer.link(jobId);
    const other = await days.hireAnother(customer);
    await story.idle();
    await days.advanceTo(days.now() + 2 * HOUR);
    const today = dateOf(days.now());
    work(days.now() - HOUR, 600);
    story.workspace.recordWork({
      trainer: contract.trainer?.opentrainUserId ?? '',
      project: second.project,
      at: days.now() - HOUR,
      seconds: 30,
    });
    other.work(days.now() - HOUR, 300);
    await runUsage(story, customer.id);
    expect(days.reported(contract)).toEqual({ [today]: 630 });
    const reportedAt = (await customer.connection()).usageReportedAt;

    work(days.now() - HOUR / 2, 60);
    other.work(days.now() - HOUR / 2, 60);
    const workspace = {
      async *dailyTotals(query: Parameters<typeof story.connector.workspace.dailyTotals>[0]) {
        if (query.project.projectId === project) throw new WorkspaceRejectedError('There is no such project.');
        yield* story.connector.workspace.dailyTotals(query);
      },
    };
    const { outcome, lines } = await runUsage(story, customer.id, { faults: { workspace } });
    expect(outcome).toMatchObject({ kind: 'done', summary: { sent: 1, left: 1 } });
    expect(days.reported(contract)).toEqual({ [today]: 630 });
    expect(days.reported(other.contract)).toEqual({ [today]: 360 });
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'usage.project-unreadable', projectId: project }),
    );
    expect((await customer.connection()).usageReportedAt, 'not all of it was reported').toBe(reportedAt);
  });
});

describe('a row that cannot be right', () => {
  test.each<{ reason: string; row: (today: string) => Omit<Parameters<typeof telling>[0], 'trainer'> }>([
    { reason: 'not_a_number', row: (workDate) => ({ workDate, seconds: Number.NaN }) },
    { reason: 'not_a_number', row: (workDate) => ({ workDate, seconds: 5, labels: Number.POSITIVE_INFINITY }) },
    { reason: 'seconds_out_of_range', row: (workDate) => ({ workDate, seconds: -1 }) },
    { reason: 'negative_count', row: (workDate) => ({ workDate, seconds: 5, tasks: -1 }) },
    { reason: 'not_a_whole_number', row: (workDate) => ({ workDate, seconds: 5, labels: 0.5 }) },
    { reason: 'seconds_out_of_range', row: (workDate) => ({ workDate, seconds: 86_401 }) },
    { reason: 'seconds_out_of_range', row: (workDate) => ({ workDate, seconds: 1e300 }) },
    { reason: 'count_out_of_range', row: (workDate) => ({ workDate, seconds: 5, tasks: 2 ** 60 }) },
    { reason: 'future_date', row: () => ({ workDate: dateOf(days.now() + DAY), seconds: 5 }) },
    { reason: 'outside_window', row: () => ({ workDate: dateOf(days.now() - 5 * DAY), seconds: 5 }) },
    {
      reason: 'malformed_date',
      row: () => ({ workDate: `${new Date(days.now()).getUTCFullYear() + 1}-02-31`, seconds: 5 }),
    },
  ])('$reason: is set aside with its reason, blocks nothing, and is told once', async ({ reason, row }) => {
    await days.nextDayAt(9);
    const { customer, contract, trainer } = await days.hireFor(6);
    const other = await days.hireAnother(customer);
    const bad = { trainer: trainer.opentrainUserId, ...row(dateOf(days.now())) };
    const good = { trainer: trainer.opentrainUserId, workDate: dateOf(days.now() - DAY), seconds: 700 };
    const others = {
      trainer: other.contract.trainer?.opentrainUserId ?? '',
      workDate: dateOf(days.now()),
      seconds: 50,
    };

    const workspace = telling(bad, good, others);
    const { outcome, lines } = await runUsage(story, customer.id, { faults: { workspace } });
    expect(outcome).toMatchObject({ kind: 'done', summary: { setAside: 1, left: 0, unattributedSeconds: 0 } });
    expect(days.reported(contract)).toEqual({ [good.workDate]: 700 });
    expect(days.reported(other.contract)).toEqual({ [others.workDate]: 50 });
    const told = expect.objectContaining({
      event: 'usage.set-aside',
      contractId: contract.id,
      workDate: bad.workDate,
      reason,
    });
    expect(lines).toContainEqual(told);
    expect((await days.recordOf(customer, contract)).setAside.get(bad.workDate)).toMatchObject({ reason });

    const again = await runUsage(story, customer.id, { faults: { workspace } });
    expect(again.outcome).toMatchObject({ summary: { sent: 0, setAside: 1 } });
    expect(again.lines).not.toContainEqual(told);

    const mended = await runUsage(story, customer.id, { faults: { workspace: telling(good, others) } });
    expect(mended.outcome).toMatchObject({ summary: { sent: 0, setAside: 0 } });
    expect((await days.recordOf(customer, contract)).setAside).toEqual(new Map());
  });

  test('of somebody who is nobody’s trainer here is nothing to count either', async () => {
    await days.nextDayAt(9);
    const { customer, contract, jobId, project } = await days.hireFor(6);
    story.opentrain.endContract(contract.id);
    await story.idle();
    await story.opentrain.clock.advance(5 * DAY);
    await days.hireAnother(customer, { jobId, project });
    const trainer = contract.trainer?.opentrainUserId ?? '';
    const workspace = telling({ trainer, workDate: dateOf(days.now()), seconds: Number.NaN });
    expect(summaryOf(await runUsage(story, customer.id, { faults: { workspace } }))).toMatchObject({
      unattributedSeconds: 0,
    });
  });
});
