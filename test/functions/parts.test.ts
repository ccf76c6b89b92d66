import { afterAll, beforeAll, expect, test } from 'vitest';
import { createConnectorParts, readConnectorSettings } from '../../functions/parts.ts';
import { createLogger } from '../../shared/logging.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

/** The lines that a call of the workspace leaves. */
async function linesOfAPing(edges: { countsCalls?: boolean }) {
  const { emulators, parameters, store } = story.connector;
  const { clock, platformApiUrl } = story.opentrain;
  const lines: Record<string, unknown>[] = [];
  const settings = readConnectorSettings({
    ...emulators.environment,
    OPENTRAIN_BASE_URL: platformApiUrl,
    WORKSPACE: 'http',
    WORKSPACE_URL: story.workspace.url,
  });
  const logger = createLogger((line) => lines.push(JSON.parse(line)));
  const { placeOf } = createConnectorParts(settings, { store, parameters, clock, logger, ...edges });
  await (await placeOf(DEFAULT_WORKSPACE)).workspace.ping();
  return lines;
}

test('a call of the workspace leaves a line where calls are counted, and nowhere else', async () => {
  expect(await linesOfAPing({})).toEqual([]);
  expect(await linesOfAPing({ countsCalls: true })).toMatchObject([{ event: 'workspace.called', outcome: 'ping' }]);
});

test('a delivery’s line tells how long the workspace took, where it was asked', async () => {
  const { customer } = await story.newHire();
  const started = customer.event('contract.started');
  await customer.deliver(started, { delivery: 'asks' });
  await customer.deliver({ id: '1', type: 'trainer.promoted' }, { delivery: 'asks-nothing' });
  const lineOf = (delivery: string) =>
    story.lines.find(({ event, deliveryId }) => event === 'delivery.done' && deliveryId === delivery);
  expect(lineOf('asks')).toMatchObject({ outcome: 'provisioned', workspaceMs: expect.any(Number) });
  expect(lineOf('asks-nothing')).toBeDefined();
  expect(lineOf('asks-nothing')).not.toHaveProperty('workspaceMs');
});
