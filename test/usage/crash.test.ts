import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStore } from '../../shared/store/store.ts';
import type { Table } from '../../shared/store/table.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage, type UsageFaults } from '../support/usage.ts';
import { DAY, dateOf, HOUR, MINUTE, type UsageStory, usageStory, watchReports } from '../support/usage-story.ts';
import { countedTable } from '../support/worker.ts';

let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

/** When the function is killed: at its so-many-th write or report, before or after that had its effect. */
interface Death {
  /** 1 for the first. */
  readonly step: number;
  readonly when: 'before' | 'after';
}

/** Every write to the table and every report of a run is a step; nothing of it goes on after its death. */
function mortal(death?: Death) {
  const steps: string[] = [];
  let die = () => {};
  let isDead = false;
  const died = new Promise<'died'>((resolve) => {
    die = () => {
      isDead = true;
      resolve('died');
    };
  });
  const forever = new Promise<never>(() => {});
  async function step<Result>(name: string, perform: () => Promise<Result>): Promise<Result> {
    if (isDead) return forever;
    steps.push(name);
    const isLast = steps.length === death?.step;
    if (isLast && death.when === 'before') {
      die();
      return forever;
    }
    const result = await perform();
    if (isLast) die();
    return isDead ? forever : result;
  }

  const { table } = countedTable(story.connector.emulators);
  const mortalTable: Table = {
    ...table,
    change: (key, change) => step(`change ${key.sk}`, () => table.change(key, change)),
  };
  const { opentrainFetch } = watchReports(({ perform }) => step('report', perform));
  const faults: UsageFaults = { store: () => createStore(mortalTable), opentrainFetch };
  return { steps, died, faults };
}

test('a crash before or after any write and any report leaves nothing that the next run does not mend', async () => {
  await days.nextDayAt(9);
  const first = await days.hireFor(2);
  const { customer } = first;
  const hires = [first, await days.hireAnother(customer), await days.hireAnother(customer)];
  await days.advanceTo(days.now() + 3 * HOUR);
  /** What was done, by contract and day. */
  const truth = hires.map((): Record<string, number> => ({}));
  const sittings: { readonly id: string; readonly undo: () => void }[] = [];

  /** On every day of every contract there is something else to tell than before. */
  function workOn(round: number): void {
    // What is deleted is the oldest, so that some day has less than before.
    const deleted = sittings.length < 12 ? undefined : sittings.shift();
    if (deleted !== undefined) story.workspace.correctWork(deleted.id, null);
    deleted?.undo();
    for (const [index, { work }] of hires.entries()) {
      const done = truth[index] ?? {};
      for (const ago of index === 0 ? [2, 1, 0] : [0]) {
        const at = days.now() - ago * DAY - HOUR;
        const add = (seconds: number) => {
          done[dateOf(at)] = (done[dateOf(at)] ?? 0) + seconds;
        };
        add(round);
        sittings.push({ id: work(at, round), undo: () => add(-round) });
      }
    }
  }
  const reported = () => hires.map(({ contract }) => days.reported(contract));

  workOn(60);
  const calm = mortal();
  await runUsage(story, customer.id, { faults: calm.faults });
  expect(reported()).toEqual(truth);
  expect(calm.steps.filter((step) => step === 'report').length).toBe(3);
  expect(calm.steps.length).toBeGreaterThanOrEqual(10);

  for (const [index, name] of calm.steps.entries()) {
    for (const when of ['before', 'after'] as const) {
      workOn(61 + 2 * index + (when === 'before' ? 0 : 1));
      const { died, faults } = mortal({ step: index + 1, when });
      const ended = await Promise.race([died, runUsage(story, customer.id, { faults })]);
      expect(ended, `${when} step ${index + 1}, ${name}`).toBe('died');
      await story.opentrain.clock.advance(6 * MINUTE + 1_000);
      const { outcome } = await runUsage(story, customer.id);
      expect(outcome.kind, `${when} step ${index + 1}, ${name}`).toBe('done');
      expect(reported(), `${when} step ${index + 1}, ${name}`).toEqual(truth);
    }
  }
}, 120_000);
