import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage, type UsageFaults } from '../support/usage.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

test('each run tells for how long the connection had not been reported to the end, whether it gets there or not', async () => {
  const { customer } = await story.newHire({ delivered: true });
  await story.idle();
  await story.opentrain.clock.advance(5 * 3600_000);
  const away: UsageFaults = {
    workspace: {
      // biome-ignore lint/correctness/useYield: it fails before the first page
      async *dailyTotals() {
        throw new WorkspaceUnavailableError('The workspace is away.');
      },
    },
  };
  /** Event and lag, in hours, of the line that ends a run. */
  const run = async (faults: UsageFaults = {}) => {
    const { lines } = await runUsage(story, customer.id, { faults });
    const { event, lagSeconds } = lines.at(-1) ?? {};
    return [event, Math.round(Number(lagSeconds) / 3600)];
  };

  expect(await run(), 'since it was connected').toEqual(['usage.connection-done', 5]);
  await story.opentrain.clock.advance(3600_000);
  expect(await run()).toEqual(['usage.connection-done', 1]);
  await story.opentrain.clock.advance(2 * 3600_000);
  expect(await run(away)).toEqual(['usage.connection-unfinished', 2]);
  await story.opentrain.clock.advance(3600_000);
  expect(await run(), 'the failed run reported nothing').toEqual(['usage.connection-done', 3]);
});
