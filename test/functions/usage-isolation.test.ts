import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createConnectorParts } from '../../functions/parts.ts';
import { createUsageHandler } from '../../functions/usage/handler.ts';
import { readUsageSettings } from '../../functions/usage/settings.ts';
import { type LocalSchedule, startLocalSchedule } from '../../local/aws/schedule.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { createStore } from '../../shared/store/store.ts';
import { TURN_MILLISECONDS } from '../../shared/store/usage.ts';
import { startUsageWorld, type UsageWorld } from '../support/usage-world.ts';
import { countedTable } from '../support/worker.ts';

/** Rule 8: one customer's trouble stays theirs. */

const HURRIED = 'customer-17' as ConnectionId;
const SILENT = 'customer-42' as ConnectionId;

let world: UsageWorld;
let schedule: LocalSchedule;
let lines: Record<string, unknown>[];
/** What OpenTrain does to a connection's calls instead of answering them. */
const troubles = new Map<ConnectionId, (signal: AbortSignal) => Promise<Response>>();
/** Ends the wait for what never comes, so that nobody has to sit through ten seconds of it here. */
const patience = new AbortController();

/** However slow the machine is. */
const WAIT = { timeout: 120_000, interval: 100 } as const;
const TEST_MILLISECONDS = 300_000;

beforeAll(async () => {
  world = await startUsageWorld({ connections: 100, contracts: 200 });
  const { environment, sqs, opentrain } = world;
  const { clock } = opentrain;
  const settings = readUsageSettings(environment);
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  const names = credentialNames(settings.credentialsPath);
  const readSecret = createSecretReader(parameters, clock);
  const logger = createLogger((line) => lines.push(JSON.parse(line)));
  const store = createStore(countedTable(world.emulators).table);

  const faultyFetch =
    (connection: ConnectionId): typeof globalThis.fetch =>
    (input, init) => {
      const trouble = troubles.get(connection);
      return trouble === undefined ? fetch(input, init) : trouble(new Request(input, init).signal);
    };
  const handler = createUsageHandler({
    ...createConnectorParts(settings, { store, parameters, clock, logger }),
    opentrain: (connection) =>
      createOpenTrainClient({
        baseUrl: settings.opentrainBaseUrl,
        token: (options) => readSecret(names.token(connection), options),
        fetch: faultyFetch(connection),
        sleep: async () => {},
        maxAttempts: 2,
        clock,
      }),
    queue: createQueue(createAwsJsonClient('sqs', { environment }), settings.queueUrl),
    backOff: { baseSeconds: 1, capSeconds: 8 },
    lookBackDays: settings.lookBackDays,
    intervalMinutes: settings.intervalMinutes,
  });
  schedule = startLocalSchedule({ handler, sqs, queueUrl: settings.queueUrl, clock, logger });
});
afterAll(async () => {
  await schedule.stop();
  await world.close();
});
beforeEach(() => {
  lines = [];
});
// A run that cannot end would take the next test with it.
afterEach(() => troubles.clear());

const inAHurry = async (): Promise<Response> => {
  const body = { error: 'Too many requests', code: 'RATE_LIMITED', requestId: 'req-1' };
  return Response.json(body, { status: 429, headers: { 'retry-after': '1' } });
};
const noAnswer = (deadline: AbortSignal): Promise<Response> =>
  new Promise((_, reject) => {
    const signal = AbortSignal.any([deadline, patience.signal]);
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** Connections of which every day of every contract is at OpenTrain. */
function reported(): ConnectionId[] {
  return [...world.contracts].flatMap(([connection, contracts]) => {
    const days = contracts.map((contract) => world.opentrain.usageOf(contract).map(({ totalSeconds }) => totalSeconds));
    return days.every(([first, second]) => first === 4 * 3600 && second === first) ? [connection] : [];
  });
}

test('of 100 connections one is answered 429 and one not at all: the other 98 are done, and both heal', {
  timeout: TEST_MILLISECONDS,
}, async () => {
  troubles.set(HURRIED, inAHurry).set(SILENT, noAnswer);
  const run = schedule.run();
  const doneOf = () => lines.filter(({ event }) => event === 'usage.connection-done').length;
  const unfinished = () => lines.filter(({ event }) => event === 'usage.connection-unfinished');
  await vi.waitFor(() => expect(doneOf()).toBe(98), WAIT);
  patience.abort();
  await vi.waitFor(() => {
    expect(new Set(unfinished().map(({ connectionId }) => connectionId))).toEqual(new Set([HURRIED, SILENT]));
  }, WAIT);
  const others = [...world.contracts.keys()].filter((connection) => connection !== HURRIED && connection !== SILENT);
  expect(reported()).toEqual(others);
  expect(doneOf()).toBe(98);
  for (const line of lines) expect(line).not.toMatchObject({ level: 'error' });

  troubles.clear();
  // What nobody answered may still arrive at OpenTrain until then, and must not come after newer totals.
  await world.opentrain.advance(TURN_MILLISECONDS);
  await run;
  expect(reported()).toEqual([...world.contracts.keys()]);
  expect(doneOf()).toBe(100);
  expect(world.posts()).toBe(200);
});

test('a run with nothing new reports nothing', { timeout: TEST_MILLISECONDS }, async () => {
  await schedule.run();
  expect(lines.filter(({ event }) => event === 'usage.connection-done')).toHaveLength(100);
  expect(world.posts()).toBe(200);
});
