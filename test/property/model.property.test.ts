import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Command, type ModelPlan, runModel, STRANGERS } from './model-history.ts';
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
  of(4, fc.record(one('quiet'))),
  of(1, fc.record({ ...one('glitch'), customer, glitch: kinds('empty list', 'gone', 'denied') })),
  of(1, fc.record({ ...one('trap'), state: kinds('open', 'ended', 'suspended') })),
  of(1, fc.record({ ...one('bar'), trainer: fc.nat(TRAINERS - 1), isOn: fc.boolean() })),
  of(1, fc.record({ ...one('outage'), side: kinds('opentrain', 'workspace'), calls: fc.nat(6) })),
  of(4, fc.record({ ...one('wait'), minutes: fc.oneof(fc.nat(90), fc.nat(40 * 60)) })),
);

/** A trainer comes, goes, and comes again, or their project is unlinked, before anybody is told of any of it. */
const race: fc.Arbitrary<Command[]> = fc
  .record({ customer, project, job, trainer: fc.nat(TRAINERS - 1), after: fc.nat(5) })
  .map(({ customer, project, job, trainer, after }): Command[] => {
    const hire = { kind: 'hire', customer, job, trainers: [trainer] } as const;
    const end = { kind: 'end', contract: 'newest', all: false } as const;
    const unlink = { kind: 'unlink', customer, project, job } as const;
    const goes = [[end], [end, hire], [end, hire, end], [unlink], [hire, end], [unlink, end]][after] ?? [];
    return [
      { kind: 'link', customer, project, job },
      { kind: 'quiet' },
      { kind: 'at once', commands: [hire, ...goes] },
      { kind: 'quiet' },
    ];
  });

/** What would seldom come about by single commands. */
const episode: fc.Arbitrary<Command[]> = fc.oneof(
  of(
    8,
    command.map((one) => [one]),
  ),
  // A customer is away for hours or days, and comes back; the last hires are told of at the same time.
  of(
    1,
    fc
      .record({ customer, job, trainers, minutes: fc.nat(40 * 60), keepsLinks: fc.boolean(), links: fc.boolean() })
      .map(({ customer, job, trainers, minutes, keepsLinks, links }): Command[] => [
        {
          kind: 'at once',
          commands: [
            { kind: 'hire', customer, job, trainers },
            { kind: 'revoke', customer },
          ],
        },
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
  // A worker crashes half-way, and nobody takes up where it stopped.
  of(
    1,
    fc
      .record({ customer, job, contract: fc.nat(20), trainers, state: kinds('open', 'ended', 'suspended') })
      .map(({ customer, job, contract, trainers, state }): Command[] => [
        { kind: 'trap', state },
        ...(state === 'open' ? [{ kind: 'hire', customer, job, trainers } as const] : []),
        ...(state === 'ended' ? [{ kind: 'end', contract, all: true } as const] : []),
        ...(state === 'suspended' ? [{ kind: 'glitch', customer, glitch: 'empty list' } as const] : []),
        { kind: 'reconcile', customer },
        { kind: 'wait', minutes: 30 },
      ]),
  ),
  // OpenTrain is wrong for one run.
  of(
    1,
    fc
      .record({ customer, glitch: kinds('empty list', 'gone', 'denied'), minutes: fc.nat(60) })
      .map(({ customer, glitch, minutes }): Command[] => [
        { kind: 'glitch', customer, glitch },
        { kind: 'reconcile', customer },
        { kind: 'wait', minutes },
        { kind: 'reconcile', customer },
      ]),
  ),
  // Whoever was let in once, and is out again, is put in by hand.
  of(
    1,
    fc
      .record({ customer, project, contract: fc.nat(20), trainers })
      .map(({ customer, project, contract, trainers }): Command[] => [
        { kind: 'reconcile', customer },
        { kind: 'wait', minutes: 1 },
        { kind: 'end', contract, all: true },
        { kind: 'reconcile', customer },
        { kind: 'wait', minutes: 1 },
        ...trainers.map((trainer) => ({ kind: 'by hand', project, person: STRANGERS + trainer, isIn: true }) as const),
        { kind: 'reconcile', customer },
      ]),
  ),
  // Only a person can let somebody in, and does so in the end.
  of(
    1,
    fc
      .record({ customer, job, trainers })
      .map(({ customer, job, trainers }): Command[] => [
        ...trainers.map((trainer) => ({ kind: 'bar', trainer, isOn: true }) as const),
        { kind: 'hire', customer, job, trainers },
        { kind: 'reconcile', customer },
      ]),
  ),
  of(1, race),
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
  keepAfterUnlink: fc.constantFrom(false, false, false, false, true),
  commands: fc
    .tuple(beginning, fc.array(race, { maxLength: 3, size: 'max' }), fc.array(episode, { maxLength: 16, size: 'max' }))
    .map(([first, races, others]) => [...first, ...races.flat(), ...others.flat()]),
  lost: fc.constantFrom(0, 0, 1, 4, 8),
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
  'claim_lost',
  'claim_left_behind',
  'still_in_workspace',
  'still_listed',
  'contract_untold',
  'action_required',
  'locked out',
  'at rest',
];
