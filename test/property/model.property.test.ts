import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Command, type ModelPlan, runModel } from './model-history.ts';
import { CUSTOMERS, JOBS, PROJECTS, TRAINERS } from './model-world.ts';

/** More with `MODEL_RUNS=20000` (`npm run test:model`); the same again with `MODEL_SEED`, which every run prints. */
const numRuns = Number(process.env.MODEL_RUNS ?? 1_000);

const customer = fc.nat(CUSTOMERS - 1);
const job = fc.nat(JOBS - 1);
const project = fc.nat(PROJECTS - 1);
const trainers = fc.uniqueArray(fc.nat(TRAINERS - 1), { minLength: 1, maxLength: TRAINERS });
const kinds = <const Kind extends string>(...all: Kind[]) => fc.constantFrom(...all);

const one = <const Kind extends string>(kind: Kind) => ({ kind: fc.constant(kind) });
const of = <One>(weight: number, arbitrary: fc.Arbitrary<One>) => ({ weight, arbitrary });
const command: fc.Arbitrary<Command> = fc.oneof(
  of(6, fc.record({ ...one('hire'), customer, job, trainers })),
  of(4, fc.record({ ...one('end'), contract: fc.nat(20), all: fc.boolean() })),
  of(3, fc.record({ ...one('link'), customer, project, job })),
  of(2, fc.record({ ...one('unlink'), customer, project, job })),
  of(6, fc.record({ ...one('reconcile'), customer })),
  of(4, fc.record({ kind: kinds('consent', 'revoke', 'connect', 'disable'), customer })),
  of(1, fc.record({ ...one('refuse'), customer, isOn: fc.boolean() })),
  of(
    2,
    fc.record({ ...one('reconnect'), customer, keepsLinks: fc.boolean(), connects: fc.boolean(), links: fc.boolean() }),
  ),
  of(5, fc.record({ ...one('by hand'), project, person: fc.nat(TRAINERS), isIn: fc.boolean() })),
  of(1, fc.record({ ...one('outage'), side: kinds('opentrain', 'workspace'), calls: fc.nat(6) })),
  of(4, fc.record({ ...one('wait'), minutes: fc.oneof(fc.nat(90), fc.nat(40 * 60)) })),
);

/** What would seldom come about by single commands. */
const episode: fc.Arbitrary<Command[]> = fc.oneof(
  of(
    8,
    command.map((one) => [one]),
  ),
  // A customer is away for hours or days, and comes back.
  of(
    1,
    fc
      .record({ customer, minutes: fc.nat(40 * 60), keepsLinks: fc.boolean(), links: fc.boolean() })
      .map(({ customer, minutes, keepsLinks, links }): Command[] => [
        { kind: 'revoke', customer },
        { kind: 'wait', minutes },
        { kind: 'reconcile', customer },
        { kind: 'reconnect', customer, keepsLinks, connects: true, links },
        { kind: 'reconcile', customer },
      ]),
  ),
  // OpenTrain refuses a token for hours or days, and then takes it again.
  of(
    1,
    fc.tuple(customer, fc.nat(40 * 60)).map(([customer, minutes]): Command[] => [
      { kind: 'refuse', customer, isOn: true },
      { kind: 'reconcile', customer },
      { kind: 'wait', minutes: 70 },
      { kind: 'reconcile', customer },
      { kind: 'wait', minutes },
      { kind: 'reconcile', customer },
      { kind: 'refuse', customer, isOn: false },
      { kind: 'reconcile', customer },
    ]),
  ),
);

/** Somebody is at work as a rule when the story begins, or waits for consent. */
const beginning: fc.Arbitrary<Command[]> = fc
  .array(fc.tuple(customer, project, job, trainers, fc.nat(4)), { minLength: 1, maxLength: 3, size: 'max' })
  .map((hires) =>
    hires.flatMap(([customer, project, job, trainers, chance]): Command[] => [
      ...(chance === 0 ? [] : [{ kind: 'consent', customer } as const]),
      { kind: 'link', customer, project, job },
      { kind: 'hire', customer, job, trainers },
    ]),
  );

const plans: fc.Arbitrary<ModelPlan> = fc.record({
  accessScope: kinds('project', 'project', 'workspace'),
  commands: fc
    .tuple(beginning, fc.array(episode, { maxLength: 16, size: 'max' }))
    .map(([first, others]) => [...first, ...others.flat()]),
  lost: fc.constantFrom(0, 1, 1, 4, 8),
  choices: fc.noBias(fc.array(fc.nat(5039), { minLength: 20, maxLength: 80, size: 'max' })),
  troubles: fc.nat(10),
  seldom: fc.constantFrom(6, 20, 60),
  drains: fc.boolean(),
});

test('whatever happened on either side, one quiet reconciliation makes the workspace agree with OpenTrain', async () => {
  const seed = process.env.MODEL_SEED === undefined ? randomInt(2 ** 31) : Number(process.env.MODEL_SEED);
  console.log(`${numRuns} histories, MODEL_SEED=${seed}`);
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const result = await runModel(plan);
      for (const one of result.seen) seen.set(one, (seen.get(one) ?? 0) + 1);
      expect(result.problems).toEqual([]);
      expect(result.access).toEqual(result.expected);
    }),
    { numRuns, seed },
  );
  // A model that comes upon none of this would prove nothing.
  if (numRuns >= 1_000) for (const one of COMMON) expect.soft(seen.get(one), one).toBeGreaterThan(5);
}, 3_600_000);

const COMMON = [
  'contract_unheard_of',
  'contract_ended',
  'link_removed',
  'missing_in_workspace',
  'waiting_for_consent',
  'connection_disconnected',
  'suspended',
  'reconnected',
  'unlinked',
  'held',
  'endpoint healed',
  'install back',
  'run failed',
];
