import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProjectId } from '../../shared/ids.ts';
import { readLag } from '../../shared/reconcile/read-lag.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { type ReconcileFaults, runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

const HOUR = 3600_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const AWAY: ReconcileFaults = {
  workspace: {
    // biome-ignore lint/correctness/useYield: it fails before the first page
    async *listAccess() {
      throw new WorkspaceUnavailableError('The workspace is away.');
    },
  },
};

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

/** The lag, in hours, of the line that ends a run. */
async function run(customer: Customer, faults: ReconcileFaults = {}) {
  const { lines } = await runReconcile(story, customer.id, faults);
  const { event, lagSeconds } = lines.at(-1) ?? {};
  expect(event).toBe('reconcile.connection-done');
  return lagSeconds === undefined ? undefined : Math.round(Number(lagSeconds) / 360) / 10;
}

const wait = (hours: number) => story.opentrain.clock.advance(hours * HOUR);

test('each run tells how old the last complete one is: itself where all is well', async () => {
  const { customer } = await story.newHire({ delivered: true });
  await story.idle();
  await wait(2);
  expect(await run(customer, AWAY), 'none yet: since it was connected').toBe(2);
  await wait(1);
  expect(await run(customer)).toBe(0);
  await wait(6);
  expect(await run(customer, AWAY)).toBe(6);
  await wait(1);
  expect(await run(customer, AWAY)).toBe(7);
  expect(await run(customer)).toBe(0);
});

test('a part of a connection is not the whole of it', async () => {
  const { customer, project } = await story.newHire({ delivered: true });
  await story.idle();
  await run(customer);
  await wait(3);
  const { lines } = await runReconcile(story, customer.id, { only: { projectId: project as ProjectId } });
  expect(Math.round(Number(lines.at(-1)?.lagSeconds) / 3600)).toBe(3);
});

test('a disconnected connection is not behind; one that is connected anew begins anew', async () => {
  const { customer } = await story.newHire({ delivered: true });
  await story.idle();
  await run(customer);
  await story.store.connections.disconnectByOperator(customer.id, { gone: true }, story.opentrain.clock.now());
  await wait(100);
  expect(await run(customer)).toBeUndefined();
  expect(await readLag(customer.id, story.store, story.opentrain.clock.now())).toBeUndefined();

  const { token } = story.opentrain.reconnect(customer.installId);
  await story.connector.connect(customer.id, token);
  await wait(1);
  expect(await run(customer, AWAY)).toBe(1);
});

test('so does one whose token OpenTrain takes again', async () => {
  const { customer } = await story.newHire({ delivered: true });
  await story.idle();
  await run(customer);
  story.opentrain.setFeatureEnabled(customer.organizationId, false);
  for (const hours of [1, 1, 20]) {
    await wait(hours);
    await run(customer);
  }
  expect((await customer.connection()).status).toBe('disconnected');
  story.opentrain.setFeatureEnabled(customer.organizationId, true);
  expect(await run(customer, AWAY)).toBe(0);
  await wait(2);
  expect(await run(customer, AWAY)).toBe(2);
});
