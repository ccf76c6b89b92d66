import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryTable } from '../property/memory-table.ts';
import { setUpTable } from '../property/set-up.ts';
import { CRASHES } from '../property/storm.ts';
import { CALMLY, type NoticeHistoryPlan, runNoticeHistory } from './notice-history.ts';

const shared = setUpTable();
const live = (plan: NoticeHistoryPlan) => runNoticeHistory(plan, shared.table, shared.nextRun());
/** Where there are so many that the emulator would take minutes for them. */
const liveInMemory = (plan: NoticeHistoryPlan) => runNoticeHistory(plan, createMemoryTable(), shared.nextRun());

/** More with `PROPERTY_RUNS=2000`. */
const numRuns = Number(process.env.PROPERTY_RUNS ?? 60);

describe('rule 2: whatever the order, however many workers, wherever they crash', () => {
  test('a project shows the worst of what was said last of its open contracts, of all customers', async () => {
    const plans = fc.integer({ min: 1, max: 3 }).chain((count) =>
      fc.record({
        contracts: fc.array(fc.record({ customer: fc.nat(1), ends: fc.boolean() }), {
          minLength: count,
          maxLength: count,
        }),
        words: fc.array(fc.record({ contract: fc.nat(count - 1), consumed: fc.constantFrom(10, 85, 95, 100, 120) }), {
          minLength: 1,
          maxLength: 4,
        }),
        unlinked: fc.uniqueArray(fc.nat(1), { maxLength: 1 }),
        failing: fc.uniqueArray(fc.nat(5), { maxLength: 2 }),
        choices: fc.array(fc.nat(5039), { minLength: 20, maxLength: 60 }),
        crashes: fc.record({ kind: fc.constant('anywhere' as const), most: fc.nat(5) }),
        workers: fc.integer({ min: 1, max: 3 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const { shown, expected } = await live(plan);
        expect(shown).toEqual(expected);
      }),
      { numRuns, interruptAfterTimeLimit: 40_000 },
    );
  }, 300_000);
});

describe('a crash after every single write or call, one by one', () => {
  const stays = { customer: 0, ends: false };
  const stories: [string, Partial<NoticeHistoryPlan>][] = [
    ['funds run low', { words: [{ contract: 0, consumed: 85 }] }],
    ['low funds are topped up', { words: [85, 40].map((consumed) => ({ contract: 0, consumed })) }],
    ['a contract ends with its funds used up', { contracts: [{ customer: 0, ends: true }] }],
    ['a link is removed under such a contract', { unlinked: [0] }],
    [
      'of two customers’ contracts the worse ends',
      {
        contracts: [
          { customer: 0, ends: true },
          { customer: 1, ends: false },
        ],
        words: [
          { contract: 0, consumed: 110 },
          { contract: 1, consumed: 85 },
        ],
      },
    ],
  ];

  test.each(stories)('%s', async (_, story) => {
    const depleted = [{ contract: 0, consumed: 110 }];
    const plan = { ...CALMLY, contracts: [stays], words: depleted, unlinked: [], failing: [], ...story };
    const calm = await live(plan);
    expect(calm.shown).toEqual(calm.expected);
    expect(calm.steps).toBeGreaterThanOrEqual(10);
    for (let step = 1; step <= calm.steps; step += 1) {
      for (const crash of CRASHES) {
        const { shown, expected } = await liveInMemory({ ...plan, crashes: { kind: 'at', step, crash } });
        expect(shown, `${crash} at step ${step} of ${calm.steps}`).toEqual(expected);
      }
    }
  });
});
