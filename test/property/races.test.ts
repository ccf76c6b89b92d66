import { expect, test } from 'vitest';
import { processDelivery } from '../../shared/deliveries/process-delivery.ts';
import { deliveriesOf, type HistoryPlan, partsOf } from './history.ts';
import { setUpTable } from './set-up.ts';
import { createSteppedWork } from './stepped-work.ts';
import type { PlannedDelivery } from './storm.ts';

/** Races that random histories meet too seldom, each step put where it hurts. */

const shared = setUpTable();

function stage(contracts: HistoryPlan['contracts'], removedLinks: HistoryPlan['removedLinks'] = []) {
  const run = shared.nextRun();
  const inside = new Set<string>();
  const start = createSteppedWork();

  /** A worker takes the delivery up; it waits before its first step. */
  const take = ({ envelope }: PlannedDelivery) =>
    start((step) => {
      const parts = partsOf(step, { table: shared.table, run, inside, accessScope: 'project' });
      return processDelivery(envelope, 1, parts, new AbortController().signal);
    });
  return { inside, take, deliveries: deliveriesOf({ contracts, removedLinks, duplicates: [] }, run) };
}

const maria = { customer: 0, trainer: 0, project: 0, ends: true };

/** The deliveries of a history, which is known to have so many. */
function some(deliveries: readonly PlannedDelivery[], index: number): PlannedDelivery {
  const delivery = deliveries[index];
  if (delivery === undefined) throw new Error(`there is no delivery ${index}`);
  return delivery;
}

test('a request to let in that arrives after the end is undone when its delivery comes again', async () => {
  const { deliveries, take, inside } = stage([maria]);
  const late = (await take(some(deliveries, 0)).until('ensureAccess')).crashBefore();
  expect(await take(some(deliveries, 1)).toTheEnd()).toBe('done');
  await late();
  expect([...inside], 'the crash shows for a moment').toEqual(['project-0/trainer-0']);
  expect(await take(some(deliveries, 0)).toTheEnd()).toBe('done');
  expect([...inside]).toEqual([]);
});

test('a claim that was made behind the end, before a crash, gives nobody access through another contract’s end', async () => {
  const { deliveries, take, inside } = stage([maria, { ...maria, ends: true }]);
  const behind = take(some(deliveries, 0));
  await behind.until('change SEAT');
  expect(await take(some(deliveries, 1)).toTheEnd()).toBe('done');
  await (await behind.until('change SEAT')).crashAfter();
  expect(await take(some(deliveries, 0)).toTheEnd()).toBe('done');
  expect(await take(some(deliveries, 2)).toTheEnd()).toBe('done');
  expect(await take(some(deliveries, 3)).toTheEnd()).toBe('done');
  expect([...inside]).toEqual([]);
});

test('two workers, one letting in for a new contract and one taking out for an old one, agree on in', async () => {
  const { deliveries, take, inside } = stage([maria, { ...maria, ends: false }]);
  await take(some(deliveries, 0)).toTheEnd();
  const ending = take(some(deliveries, 1));
  const revoke = await ending.until('revokeAccess');
  expect(await take(some(deliveries, 2)).toTheEnd()).toBe('done');
  await revoke.go();
  expect(await ending.toTheEnd()).toBe('done');
  expect([...inside]).toEqual(['project-0/trainer-0']);
});

test('a hire that was under way when its link was removed grants nothing', async () => {
  const { deliveries, take, inside } = stage([{ ...maria, ends: false }], [[0, 0]]);
  const hiring = take(some(deliveries, 0));
  await hiring.until('change GRANT');
  expect(await take(some(deliveries, 1)).toTheEnd()).toBe('done');
  expect(await hiring.toTheEnd()).toBe('done');
  expect([...inside]).toEqual([]);
});
