import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { buildSync } from 'esbuild';
import type { ScheduleEvent } from '../../functions/scheduled-handler.ts';
import { bundleFunctions, FUNCTION_BUILD_OPTIONS } from '../../infra/bundle.ts';
import { toRecord } from '../../local/aws/queue-pump.ts';
import type { ScheduledWorld } from '../support/scheduled-world.ts';
import { countAwsRequests, totalOf } from './aws-requests.ts';
import { startFunction } from './function-process.ts';

/** How much there is to do. */
export interface ScheduledEffort {
  readonly connections: number;
  /** Active contracts of all connections together. */
  readonly small: number;
  readonly large: number;
}

export const FULL_SCHEDULED: ScheduledEffort = { connections: 100, small: 1_000, large: 10_000 };
/** Enough to see that everything runs; its times mean nothing. */
export const QUICK_SCHEDULED: ScheduledEffort = { connections: 4, small: 8, large: 80 };

/** What a function did since the last time. */
export interface Measurements {
  /** The function's own time, all of its calls together. */
  readonly seconds: number;
  /** Since the process began. */
  readonly peakRssBytes: number;
  readonly dynamodb: number;
  readonly dynamodbWrites: number;
  /** Names of the operations that were called, one for each call. */
  readonly workspace: readonly string[];
  readonly opentrain: readonly string[];
}

/** A scheduled function and its world. */
export interface Stage<World extends ScheduledWorld = ScheduledWorld> {
  readonly contracts: number;
  readonly world: World;
  /** What the schedule does. */
  plan(): Promise<void>;
  /** Hands the function the next message that was planned. */
  workOffNext(): Promise<void>;
  takeMeasurements(): Measurements;
}

export interface StagesWanted<World extends ScheduledWorld> {
  readonly name: 'usage' | 'reconcile';
  /** How many contracts there are on each stage. */
  readonly sizes: readonly number[];
  readonly startWorld: (contracts: number) => Promise<World>;
}

/** As deployed. */
const TIMEOUT_MILLISECONDS = 300_000;
const MEMORY_MB = 512;

/**
 * What Lambda starts Node with: a twentieth of the function's memory for each half of the young generation, and the rest for
 * the old one. Without them Node would go by this machine's memory, and collect its garbage later.
 * Source: /var/runtime/bootstrap of Lambda's Node.js runtimes.
 */
const NEW_SPACE_MB = Math.floor(MEMORY_MB / 10);
const MEMORY_FLAGS = [
  `--max-semi-space-size=${Math.floor(NEW_SPACE_MB / 2)}`,
  `--max-old-space-size=${MEMORY_MB - NEW_SPACE_MB}`,
];

const NOTHING = { seconds: 0, dynamodb: 0, dynamodbWrites: 0 };
/** Every change is an update, see `Table`. */
const DYNAMODB_WRITES = 'DynamoDB_20120810.Update';

/**
 * Has the deployed bundle of a scheduled function ready on several stages, each in a process that does nothing else, fed as
 * AWS feeds it: the schedule's event, then the messages that it planned, one at a time. Everything else is in this process.
 */
export async function onStages<World extends ScheduledWorld, Result>(
  { name, sizes, startWorld }: StagesWanted<World>,
  measure: (stages: readonly Stage<World>[], bundleBytes: number) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'connector-bench-'));
  const stages: (Stage<World> & { close(): Promise<void> })[] = [];
  try {
    const { [name]: bundleBytes } = bundleFunctions({ outputDirectory: directory });
    buildSync({
      ...FUNCTION_BUILD_OPTIONS,
      entryPoints: [join(import.meta.dirname, 'scheduled-process.ts')],
      outdir: directory,
    });
    for (const contracts of sizes) stages.push(startStage(name, contracts, await startWorld(contracts), directory));
    return await measure(stages, bundleBytes);
  } finally {
    for (const stage of stages) await stage.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** One run on each stage. They take turns, connection by connection, so that a noisy moment meets all of them. */
export async function runAll(stages: readonly Stage[], connections: number, onConnection: (done: number) => void) {
  for (const stage of stages) await stage.plan();
  for (let done = 0; done < connections; done += 1) {
    onConnection(done);
    for (const stage of stages) await stage.workOffNext();
  }
}

function startStage<World extends ScheduledWorld>(
  name: StagesWanted<World>['name'],
  contracts: number,
  world: World,
  directory: string,
): Stage<World> & { close(): Promise<void> } {
  const environment = startFunction({
    command: [...MEMORY_FLAGS, join(directory, 'scheduled-process.js'), join(directory, name, 'index.js')],
    environment: world.environment,
  });
  const { USAGE_QUEUE_URL, RECONCILE_QUEUE_URL } = world.emulators.environment;
  const QueueUrl = { usage: USAGE_QUEUE_URL, reconcile: RECONCILE_QUEUE_URL }[name];
  let spent = { ...NOTHING };
  let peakRssBytes = 0;
  let seen = { workspace: world.workspace.requests.count, opentrain: world.opentrain.calls.length };

  async function call(event: ScheduleEvent | SQSEvent): Promise<void> {
    const requests = await countAwsRequests(async () => {
      const began = performance.now();
      const answer = await environment.call({ event, remainingMilliseconds: TIMEOUT_MILLISECONDS });
      spent.seconds += (performance.now() - began) / 1000;
      peakRssBytes = answer.peakRssBytes;
      const { batchItemFailures } = answer.result as SQSBatchResponse;
      if (batchItemFailures.length > 0) throw new Error(`The ${name} function wants to try again, with nothing amiss.`);
    });
    spent.dynamodb += totalOf(requests, 'DynamoDB_');
    spent.dynamodbWrites += totalOf(requests, DYNAMODB_WRITES);
  }

  return {
    contracts,
    world,
    plan: () => call({ source: 'schedule', scheduledTime: new Date().toISOString() }),
    async workOffNext() {
      const { Messages: [message] = [] } = await world.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'] }),
      );
      if (message === undefined) throw new Error(`The ${name} function has planned too few messages.`);
      await call({ Records: [toRecord(message)] });
      await world.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
    },
    takeMeasurements() {
      const { opentrain, workspace } = world;
      const measured = {
        ...spent,
        peakRssBytes,
        workspace: workspace.requests.log.slice(seen.workspace).map(({ operationId }) => operationId),
        opentrain: opentrain.calls.slice(seen.opentrain).map(({ operationId = 'unknown' }) => operationId),
      };
      spent = { ...NOTHING };
      seen = { workspace: workspace.requests.count, opentrain: opentrain.calls.length };
      return measured;
    },
    async close() {
      await environment.stop();
      await world.close();
    },
  };
}
