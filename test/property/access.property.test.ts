import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HistoryPlan, runHistory } from './history.ts';
import { createMemoryTable } from './memory-table.ts';
import { setUpTable } from './set-up.ts';
import { CRASHES } from './storm.ts';

const shared = setUpTable();
const live = (plan: HistoryPlan) => runHistory(plan, shared.table, shared.nextRun());
/** Where there are so many that the emulator would take minutes for them. */
const liveInMemory = (plan: HistoryPlan) => runHistory(plan, createMemoryTable(), shared.nextRun());

/** More with `PROPERTY_RUNS=2000`. */
const numRuns = Number(process.env.PROPERTY_RUNS ?? 120);

const contract = (trainers: number, projects: number) =>
  fc.record({
    customer: fc.nat(1),
    trainer: fc.nat(trainers - 1),
    project: fc.nat(projects - 1),
    ends: fc.boolean(),
  });
const storm = {
  accessScope: fc.constantFrom('project' as const, 'workspace' as const),
  duplicates: fc.array(fc.record({ event: fc.nat(20), sameDelivery: fc.boolean() }), { maxLength: 3 }),
  choices: fc.array(fc.nat(5039), { minLength: 20, maxLength: 60 }),
  crashes: fc.record({ kind: fc.constant('anywhere' as const), most: fc.nat(5) }),
  workers: fc.integer({ min: 1, max: 3 }),
};

describe('rule 2 and rule 4: whatever the order, however many workers, wherever they crash', () => {
  test('two contracts of one trainer in one project keep them in exactly while one is open', async () => {
    const plans = fc.record({
      contracts: fc.array(contract(1, 1), { minLength: 2, maxLength: 2 }),
      removedLinks: fc.constant([]),
      ...storm,
    });
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { access, expected } = await live(plan);
        expect(access).toEqual(expected);
      }),
      { numRuns, interruptAfterTimeLimit: 40_000 },
    );
  }, 300_000);

  test('several trainers, projects and customers, with links that are removed meanwhile', async () => {
    const plans = fc.record({
      contracts: fc.array(contract(2, 2), { minLength: 1, maxLength: 4 }),
      removedLinks: fc.uniqueArray(fc.tuple(fc.nat(1), fc.nat(1)), { maxLength: 2, selector: String }),
      ...storm,
    });
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { access, expected } = await live(plan);
        expect(access).toEqual(expected);
      }),
      { numRuns, interruptAfterTimeLimit: 40_000 },
    );
  }, 300_000);
});

describe('a crash after every single write or call, one by one', () => {
  const oneTrainer = { trainer: 0, project: 0 };
  const stories: [string, HistoryPlan['contracts'], HistoryPlan['removedLinks']][] = [
    ['a contract begins', [{ ...oneTrainer, customer: 0, ends: false }], []],
    ['a contract begins and ends', [{ ...oneTrainer, customer: 0, ends: true }], []],
    [
      'one of two customers’ contracts ends',
      [
        { ...oneTrainer, customer: 0, ends: true },
        { ...oneTrainer, customer: 1, ends: false },
      ],
      [],
    ],
    ['a link is removed under a contract', [{ ...oneTrainer, customer: 0, ends: false }], [[0, 0]]],
  ];

  test.each(stories)('%s', async (_, contracts, removedLinks) => {
    const calmly = { accessScope: 'project', duplicates: [], choices: [0], workers: 1 } as const;
    const inOrder = { ...calmly, contracts, removedLinks };
    const calm = await live({ ...inOrder, crashes: { kind: 'at', step: 0, crash: 'lost' } });
    expect(calm.access).toEqual(calm.expected);
    expect(calm.steps).toBeGreaterThanOrEqual(6);
    for (let step = 1; step <= calm.steps; step += 1) {
      for (const crash of CRASHES) {
        const { access, expected } = await liveInMemory({ ...inOrder, crashes: { kind: 'at', step, crash } });
        expect(access, `${crash} at step ${step} of ${calm.steps}`).toEqual(expected);
      }
    }
  });
});
