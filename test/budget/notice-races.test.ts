import { expect, test } from 'vitest';
import { processDelivery } from '../../shared/deliveries/process-delivery.ts';
import { setUpTable } from '../property/set-up.ts';
import { createSteppedWork } from '../property/stepped-work.ts';
import { type PlannedDelivery, runStorm } from '../property/storm.ts';
import { beginningsOf, CALMLY, createNoticeStage, deliveriesOf, type NoticeHistoryPlan } from './notice-history.ts';

/** Races that random histories meet too seldom, each step put where it hurts. */

const shared = setUpTable();

type Course = Partial<Pick<NoticeHistoryPlan, 'contracts' | 'words' | 'unlinked'>>;

/** Trainers at work; the deliveries of the course are left to the test. */
async function stage({ contracts = [{ customer: 0, ends: false }], words = [], unlinked = [] }: Course) {
  const run = shared.nextRun();
  const notices = createNoticeStage(shared.table, run);
  await runStorm(beginningsOf({ contracts }, run), CALMLY, notices.partsOf);
  const deliveries = deliveriesOf({ contracts, words, unlinked }, run);
  const start = createSteppedWork();

  /** A worker takes the delivery up; it waits before its first step. */
  function take(index: number) {
    const { envelope, attempts } = some(deliveries, index);
    return start((step) =>
      processDelivery(envelope, attempts + 1, notices.partsOf(step), new AbortController().signal),
    );
  }
  return { run, notices, take };
}

/** One of the course's deliveries: its words, then its ends, then its removals. */
function some(deliveries: readonly PlannedDelivery[], index: number): PlannedDelivery {
  const delivery = deliveries[index];
  if (delivery === undefined) throw new Error(`there is no delivery ${index}`);
  return delivery;
}

const word = (consumed: number, contract = 0) => ({ contract, consumed });
const ending = { customer: 0, ends: true };
const staying = { customer: 0, ends: false };

test('two who show a notice at once: the one that is overtaken shows it again as it should be', async () => {
  const { notices, take } = await stage({ words: [word(85), word(110)] });
  const overtaken = take(0);
  const low = await overtaken.until('setNotice');
  expect(await take(1).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
  await low.go();
  expect(notices.shown?.state, 'the stale one shows for a moment').toBe('LOW');
  expect(await overtaken.toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test('two who show the same notice at once call once each', async () => {
  const { notices, take } = await stage({ contracts: [staying, staying], words: [word(110), word(40, 1)] });
  const overtaken = take(0);
  const depleted = await overtaken.until('setNotice');
  expect(await take(1).toTheEnd()).toBe('done');
  await depleted.go();
  expect(await overtaken.toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
  expect(notices.calls).toBe(2);
});

test('one that leaves it to somebody who comes after it, and who then crashes, has lost nothing', async () => {
  const { notices, take } = await stage({ words: [word(85), word(110)] });
  const leaving = take(0);
  await (await leaving.until('change NOTICE')).go();
  await (await take(1).until('change NOTICE')).crashAfter();
  expect(await leaving.toTheEnd()).toBe('done');
  expect(notices.calls, 'the crash shows until the delivery comes again').toBe(0);
  expect(await take(1).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test('what is shown is looked at only after the change was announced', async () => {
  const { notices, take } = await stage({ words: [word(85), word(110)] });
  const slow = take(0);
  await slow.until('change NOTICE');
  expect(await take(1).toTheEnd()).toBe('done');
  expect(await slow.toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test('an older budget that is copied late does not cover the newer one', async () => {
  const { run, notices, take } = await stage({ words: [word(85), word(110)] });
  const slow = take(0);
  await slow.until(`change BUDGET#c0-${run}#`);
  expect(await take(1).toTheEnd()).toBe('done');
  expect(await slow.toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test('a notice that was about to be changed is not taken for shown', async () => {
  const { notices, take } = await stage({ words: [word(110), word(85), word(110)] });
  await take(0).toTheEnd();
  await (await take(1).until('setNotice')).crashAfter();
  expect(notices.shown?.state).toBe('LOW');
  expect(await take(2).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test('a call that arrives late, after a crash, is undone when its delivery comes again', async () => {
  const { notices, take } = await stage({ words: [word(85), word(110)] });
  const late = (await take(0).until('setNotice')).crashBefore();
  expect(await take(1).toTheEnd()).toBe('done');
  await late();
  expect(notices.shown?.state, 'the crash shows for a moment').toBe('LOW');
  expect(await take(0).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('DEPLETED');
});

test.each([
  ['an end', { contracts: [ending, { ...staying, customer: 1 }] }],
  ['a removed link', { contracts: [staying, { ...staying, customer: 1 }], unlinked: [0] }],
])('so is one of %s', async (_, course) => {
  const { notices, take } = await stage({ ...course, words: [word(110), word(85, 1)] });
  await take(0).toTheEnd();
  const late = (await take(2).until('setNotice')).crashBefore();
  expect(await take(1).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('LOW');
  await late();
  expect(notices.shown).toBeNull();
  expect(await take(2).toTheEnd()).toBe('done');
  expect(notices.shown?.state).toBe('LOW');
});

test.each(['list GRANT', 'change GRANT', 'change BUDGET#c0', 'change NOTICE', 'setNotice'])(
  'a contract that ends while its warning is under way (before: %s) is not warned of in the end',
  async (step) => {
    const { notices, take } = await stage({ contracts: [ending], words: [word(110)] });
    const warning = take(0);
    await warning.until(step);
    expect(await take(1).toTheEnd()).toBe('done');
    expect(await warning.toTheEnd()).toBe('done');
    expect(notices.shown).toBeNull();
  },
);

test.each(['change GRANT', 'change SEAT', 'revokeAccess'])(
  'a contract that is warned of while it ends (before: %s) is not warned of in the end',
  async (step) => {
    const { notices, take } = await stage({ contracts: [ending], words: [word(110)] });
    const end = take(1);
    await end.until(step);
    expect(await take(0).toTheEnd()).toBe('done');
    expect(await end.toTheEnd()).toBe('done');
    expect(notices.shown).toBeNull();
  },
);

test('a notice that is shown already is not shown again by news that change nothing in it', async () => {
  const { notices, take } = await stage({ contracts: [staying, staying], words: [word(110), word(40, 1)] });
  await take(0).toTheEnd();
  const { calls } = notices;
  expect(await take(1).toTheEnd()).toBe('done');
  expect(notices.calls).toBe(calls);
});
