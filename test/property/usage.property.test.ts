import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runUsageHistory } from './usage-history.ts';
import type { ContractPlan, LinkPlan, RunTime, SittingPlan, When } from './usage-world.ts';

/** More with `PROPERTY_RUNS=2000`. */
const numRuns = Number(process.env.PROPERTY_RUNS ?? 300);

const HOUR = 60;
const DAY = 24 * HOUR;
/** The look-back is the last day and three before it. */
const DAYS = 7;

const seldom = <Value>(arbitrary: fc.Arbitrary<Value>, otherwise: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 1, arbitrary }, { weight: 4, arbitrary: otherwise });

const none = fc.constant(undefined);

const told = fc.constantFrom('exactly' as const, 'as a day' as const, 'not at all' as const);
/** Mostly at once, sometimes days later. */
const delay = seldom(fc.nat(5 * DAY), fc.nat(3));

const link: fc.Arbitrary<LinkPlan> = fc.record({
  project: seldom(fc.constant(1), fc.constant(0)),
  opensAfter: seldom(fc.nat(2 * DAY), fc.constant(0)),
  removedAfter: seldom(fc.oneof(fc.nat(8 * HOUR), fc.nat(2 * DAY)), none),
});

const contract: fc.Arbitrary<ContractPlan> = fc.record({
  trainer: seldom(fc.constant(1), fc.constant(0)),
  gap: seldom(fc.integer({ min: -2 * HOUR, max: DAY }), fc.nat(2 * HOUR)),
  lasts: seldom(fc.integer({ min: 1, max: 3 * DAY }), fc.integer({ min: 1, max: 8 * HOUR })),
  startTold: told,
  endTold: told,
  startHeardAfter: delay,
  endHeardAfter: seldom(none, delay),
  isAdmitted: seldom(fc.boolean(), fc.constant(true)),
  links: fc.array(link, { minLength: 1, maxLength: 2 }),
});

const contracts = fc.nat(3);
const beside = fc.constantFrom('start' as const, 'end' as const);
const whenWorking: fc.Arbitrary<When> = fc.record({
  beside: seldom(fc.constant('begin' as const), beside),
  contract: contracts,
  after: seldom(fc.integer({ min: -DAY, max: 2 * DAY }), fc.integer({ min: -3 * HOUR, max: 4 * HOUR })),
});
const whenReporting: fc.Arbitrary<RunTime> = fc.oneof(
  fc.record({
    beside: fc.constantFrom('start heard', 'end heard', 'start', 'end'),
    contract: contracts,
    after: fc.oneof(fc.integer({ min: -5, max: 5 }), fc.nat(4 * HOUR), fc.nat(4 * DAY)),
  }),
  fc.record({
    beside: fc.constant('last change' as const),
    sitting: fc.nat(6),
    after: fc.integer({ min: -2, max: 2 }),
  }),
);

/** Up to three hours. */
const quarters = fc.integer({ min: 1, max: 4 * 3 * 3600 });
const tasks = fc.oneof(fc.integer({ min: 1, max: 9 }), none);
const edit = fc.record({ after: fc.oneof(fc.nat(5), fc.nat(DAY)), quarters: seldom(none, quarters), tasks });
const sitting: fc.Arbitrary<SittingPlan> = fc.record({
  at: whenWorking,
  isTrainers: seldom(fc.boolean(), fc.constant(true)),
  link: fc.nat(1),
  quarters,
  tasks,
  edits: seldom(fc.array(edit, { minLength: 1, maxLength: 2 }), fc.array(edit, { maxLength: 0 })),
});

const plans = fc.record({
  begin: seldom(fc.nat(4 * DAY), fc.nat(DAY)).map((before) => 5 * DAY - before),
  contracts: fc.array(contract, { minLength: 2, maxLength: 4 }),
  sittings: fc.array(sitting, { minLength: 2, maxLength: 7 }),
  runs: fc.array(fc.record({ at: whenReporting, atOnce: fc.integer({ min: 1, max: 2 }) }), {
    minLength: 2,
    maxLength: 10,
  }),
  end: fc.nat(DAY - 1).map((before) => DAYS * DAY - 1 - before),
  choices: fc.array(fc.nat(5039), { minLength: 20, maxLength: 80 }),
  troubles: fc.nat(5),
});

test('whatever happened, one quiet run leaves OpenTrain with what was done, each moment of it once', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { reported, truth, outcome } = await runUsageHistory(plan);
      expect(outcome.kind).toBe('done');
      expect(reported).toEqual(truth);
    }),
    // What matters here are days and hours that meet, not numbers that are small.
    { numRuns, unbiased: true, interruptAfterTimeLimit: 240_000 },
  );
}, 300_000);
