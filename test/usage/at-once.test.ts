import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UsageQuery } from '../../shared/workspace/port.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage } from '../support/usage.ts';
import { dateOf, HOUR, MINUTE, refusal, type UsageStory, usageStory, watchReports } from '../support/usage-story.ts';

// One connection, several runs, and a function that has five minutes.
let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

/** Something that happens when a test says so. */
function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** A trainer at work since two hours, who worked for ten minutes so far. */
async function atWork() {
  await days.nextDayAt(9);
  const hire = await days.hireFor(0);
  await days.advanceTo(days.now() + 2 * HOUR);
  const sitting = hire.work(days.now() - HOUR, 600);
  const today = dateOf(days.now());
  return {
    ...hire,
    /** Goes on working. */
    workOn: (seconds: number) => story.workspace.correctWork(sitting, { seconds }),
    reportedSeconds: () => days.reported(hire.contract)[today],
    run: (faults = {}, signal = new AbortController().signal) => runUsage(story, hire.customer.id, { faults, signal }),
  };
}

describe('two runs of one connection at once', () => {
  test('the one that read the work earlier does not put it over what the other one read later', async () => {
    const { workOn, run, reportedSeconds } = await atWork();
    const hasRead = gate();
    const mayGoOn = gate();
    const workspace = {
      async *dailyTotals(query: UsageQuery) {
        const rows = [];
        for await (const row of story.connector.workspace.dailyTotals(query)) rows.push(row);
        hasRead.open();
        await mayGoOn.passed;
        yield* rows;
      },
    };
    const { reports, ...faults } = watchReports();
    const slow = run({ workspace, ...faults });
    await hasRead.passed;
    workOn(900);
    expect((await run()).outcome.kind).toBe('done');
    mayGoOn.open();
    expect((await slow).outcome).toMatchObject({ kind: 'retry', reason: 'turn-taken', summary: { left: 1 } });
    expect(reports).toEqual([]);
    expect(reportedSeconds()).toBe(900);
  });

  test('the one that comes while a report is on its way leaves the contract, and is tried again', async () => {
    const { workOn, run, reportedSeconds, customer } = await atWork();
    const isOnItsWay = gate();
    const mayArrive = gate();
    const held = run(
      watchReports(async ({ perform }) => {
        isOnItsWay.open();
        await mayArrive.passed;
        return perform();
      }),
    );
    await isOnItsWay.passed;
    workOn(900);
    const { reports, ...faults } = watchReports();
    expect((await run(faults)).outcome).toMatchObject({ kind: 'retry', reason: 'turn-taken' });
    expect(reports).toEqual([]);
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
    mayArrive.open();
    expect((await held).outcome.kind).toBe('done');
    expect(reportedSeconds()).toBe(600);
    await run();
    expect(reportedSeconds()).toBe(900);
  });
});

describe('a report that nobody waits for any more', () => {
  test.each([
    {
      title: 'got no answer',
      answer: (): Response => {
        throw new DOMException('The operation timed out.', 'TimeoutError');
      },
    },
    { title: 'was given up by a gateway', answer: () => refusal(504, 'INTERNAL_ERROR') },
  ])('because it $title keeps others from its contract until it cannot arrive any more', async ({ answer }) => {
    const { customer, workOn, run, reportedSeconds } = await atWork();
    const token = await story.connector.parameters.get(story.connector.names.token(customer.id));
    let arrive: (() => Promise<Response>) | undefined;
    const lost = watchReports(({ contractId, entries }) => {
      // As it was sent, but not bound to a sender who no longer waits.
      arrive = () =>
        fetch(`${story.opentrain.platformApiUrl}/contracts/${contractId}/usage`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ entries }),
        });
      return answer();
    });
    expect((await run(lost)).outcome).toMatchObject({ kind: 'retry', reason: 'busy' });
    workOn(900);
    const { reports, ...faults } = watchReports();
    expect((await run(faults)).outcome).toMatchObject({ kind: 'retry', reason: 'turn-taken' });
    expect(reports).toEqual([]);
    expect((await arrive?.())?.status).toBe(200);
    expect(reportedSeconds()).toBe(600);

    await story.opentrain.clock.advance(6 * MINUTE);
    expect((await run()).outcome.kind).toBe('done');
    expect(reportedSeconds()).toBe(900);
  });

  test.each([429, 500, 503])('because OpenTrain answered %s does not: it is sent again at once', async (status) => {
    const { run, reportedSeconds } = await atWork();
    expect((await run(watchReports(() => refusal(status, 'INTERNAL_ERROR')))).outcome.kind).toBe('retry');
    expect((await run()).outcome.kind).toBe('done');
    expect(reportedSeconds()).toBe(600);
  });
});

describe('a run whose time is over', () => {
  test('leaves the rest to the next one, which repeats nothing that was accepted', async () => {
    const first = await atWork();
    const { customer } = first;
    const place = await days.hireAnother(customer);
    const others = await Promise.all(Array.from({ length: 6 }, () => days.hireAnother(customer, place)));
    await days.advanceTo(days.now() + HOUR);
    const hires = [place, ...others];
    for (const { work } of hires) work(days.now() - HOUR / 2, 600);
    const time = new AbortController();
    let answered = 0;
    const watch = watchReports(async ({ perform }) => {
      const answer = await perform();
      const body = await answer.text();
      answered += 1;
      if (answered === 3) time.abort();
      return new Response(body, { status: answer.status, headers: answer.headers });
    });
    const { outcome } = await first.run(watch, time.signal);
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'out-of-time' });
    const isConfirmed = async ({ contract }: (typeof hires)[number]) => {
      const { reported } = await days.recordOf(customer, contract);
      return reported.size > 0 && [...reported.values()].every(({ unconfirmed }) => unconfirmed !== true);
    };
    const confirmed = new Set<string>();
    for (const hire of hires) if (await isConfirmed(hire)) confirmed.add(hire.contract.id);
    expect(confirmed.size).toBeGreaterThan(0);
    expect(confirmed.size).toBeLessThan(hires.length);

    await story.opentrain.clock.advance(7 * MINUTE);
    const { reports, ...faults } = watchReports();
    expect((await first.run(faults)).outcome).toMatchObject({ kind: 'done', summary: { left: 0 } });
    for (const { contractId } of reports) expect(confirmed).not.toContain(contractId);
    expect(hires.map(({ contract }) => Object.values(days.reported(contract)))).toEqual(hires.map(() => [600]));
  });

  test('before it began leaves everything', async () => {
    const { run, reportedSeconds } = await atWork();
    expect((await run({}, AbortSignal.abort())).outcome).toMatchObject({ kind: 'retry', reason: 'out-of-time' });
    expect(reportedSeconds()).toBeUndefined();
  });
});

test('a dry run tells what would be sent, and neither sends nor writes', async () => {
  const { customer, contract } = await atWork();
  const { reports, ...faults } = watchReports();
  const told: unknown[] = [];
  const { outcome } = await runUsage(story, customer.id, {
    faults,
    isDryRun: true,
    onContract: (progress) => told.push(progress),
  });
  expect(outcome).toMatchObject({ kind: 'done', summary: { contracts: 1, sent: 0 } });
  expect(told).toMatchObject([
    {
      contractId: contract.id,
      decision: { send: new Map([[dateOf(days.now()), { seconds: 600 }]]) },
      reported: undefined,
    },
  ]);
  expect(reports).toEqual([]);
  expect((await days.recordOf(customer, contract)).revision).toBe(0);
  expect((await customer.connection()).usageReportedAt).toBeUndefined();
});
