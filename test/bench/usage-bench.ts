import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { buildSync } from 'esbuild';
import type { ScheduleEvent } from '../../functions/scheduled-handler.ts';
import { bundleFunctions, FUNCTION_BUILD_OPTIONS } from '../../infra/bundle.ts';
import { toRecord } from '../../local/aws/queue-pump.ts';
import { startUsageWorld, type UsageWorld } from '../support/usage-world.ts';
import { countAwsRequests, totalOf } from './aws-requests.ts';
import { startFunction } from './function-process.ts';

/** How much there is to be reported. */
export interface UsageEffort {
  readonly connections: number;
  /** Active contracts of all connections together. */
  readonly small: number;
  readonly large: number;
}

export const FULL_USAGE: UsageEffort = { connections: 100, small: 1_000, large: 10_000 };
/** Enough to see that everything runs; its times mean nothing. */
export const QUICK_USAGE: UsageEffort = { connections: 4, small: 8, large: 80 };

/** What one execution environment of the function did, from its start on. */
export interface UsageRun {
  readonly contracts: number;
  /** Reports that OpenTrain got in the first run. */
  readonly posts: number;
  /** And in the second, with nothing new. */
  readonly secondRunPosts: number;
  /** The function's own time, all of its calls together. */
  readonly seconds: number;
  readonly secondRunSeconds: number;
  readonly peakRssMb: number;
  /** Of the first run. */
  readonly requestsPerContract: Readonly<Record<keyof Requests, number>>;
}

/** The numbers of the large run, and how it compares with the small one. */
export interface UsageReport extends UsageRun {
  readonly bundleBytes: number;
  /** How many times as long the large run took. */
  readonly scalingRatio: number;
  readonly small: UsageRun;
}

interface Requests {
  readonly workspace: number;
  readonly dynamodb: number;
  readonly opentrain: number;
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

/**
 * Lets the deployed bundle report few contracts and many, each in a process that does nothing else, fed as AWS feeds it: the
 * schedule's event, then the messages that it planned, one at a time. The two take turns, connection by connection, so
 * that a noisy moment meets both. Everything else is in this process.
 */
export async function benchUsage(
  { connections, small, large }: UsageEffort,
  progress: (step: string) => void,
): Promise<UsageReport> {
  const directory = mkdtempSync(join(tmpdir(), 'connector-bench-'));
  const stages: Stage[] = [];
  try {
    const { usage: bundleBytes } = bundleFunctions({ outputDirectory: directory });
    buildSync({
      ...FUNCTION_BUILD_OPTIONS,
      entryPoints: [join(import.meta.dirname, 'usage-process.ts')],
      outdir: directory,
    });
    for (const contracts of [small, large]) {
      progress(`seeding ${contracts} contracts`);
      stages.push(await startStage(connections, contracts, directory));
    }
    await runAll(stages, connections, (done) => progress(`reporting connection ${done} of ${connections}`));
    const first = stages.map((stage) => stage.takeMeasurements());
    await runAll(stages, connections, (done) => progress(`and again connection ${done} of ${connections}`));
    const [few, many] = stages.map((stage, index) => runOf(stage.contracts, first[index], stage.takeMeasurements()));
    if (few === undefined || many === undefined) throw new Error('Nothing was measured.');
    return { bundleBytes, ...many, scalingRatio: many.seconds / few.seconds, small: few };
  } finally {
    for (const stage of stages) await stage.close();
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function runAll(stages: readonly Stage[], connections: number, onConnection: (done: number) => void) {
  for (const stage of stages) await stage.plan();
  for (let done = 0; done < connections; done += 1) {
    onConnection(done);
    for (const stage of stages) await stage.reportNext();
  }
}

interface Measurements extends Requests {
  readonly seconds: number;
  readonly posts: number;
  readonly peakRssBytes: number;
}

function runOf(contracts: number, first: Measurements | undefined, second: Measurements): UsageRun {
  if (first === undefined) throw new Error('There was no first run.');
  const { workspace, dynamodb, opentrain } = first;
  return {
    contracts,
    posts: first.posts,
    secondRunPosts: second.posts,
    seconds: first.seconds,
    secondRunSeconds: second.seconds,
    peakRssMb: second.peakRssBytes / 1e6,
    requestsPerContract: {
      workspace: workspace / contracts,
      dynamodb: dynamodb / contracts,
      opentrain: opentrain / contracts,
    },
  };
}

/** The function and its world. */
interface Stage {
  readonly contracts: number;
  /** What the schedule does. */
  plan(): Promise<void>;
  /** Hands the function the next message that was planned. */
  reportNext(): Promise<void>;
  /** What was measured since the last time. */
  takeMeasurements(): Measurements;
  close(): Promise<void>;
}

async function startStage(connections: number, contracts: number, directory: string): Promise<Stage> {
  const world = await startUsageWorld({ connections, contracts });
  const environment = startFunction({
    command: [...MEMORY_FLAGS, join(directory, 'usage-process.js'), join(directory, 'usage', 'index.js')],
    environment: world.environment,
  });
  const QueueUrl = world.emulators.environment.USAGE_QUEUE_URL;
  let seconds = 0;
  let dynamodb = 0;
  let peakRssBytes = 0;
  let before = countsOf(world);

  async function call(event: ScheduleEvent | SQSEvent): Promise<void> {
    const requests = await countAwsRequests(async () => {
      const began = performance.now();
      const answer = await environment.call({ event, remainingMilliseconds: TIMEOUT_MILLISECONDS });
      seconds += (performance.now() - began) / 1000;
      peakRssBytes = answer.peakRssBytes;
      const { batchItemFailures } = answer.result as SQSBatchResponse;
      if (batchItemFailures.length > 0) throw new Error('The usage function wants to try again, with nothing amiss.');
    });
    dynamodb += totalOf(requests, 'DynamoDB_');
  }

  return {
    contracts,
    plan: () => call({ source: 'schedule', scheduledTime: new Date().toISOString() }),
    async reportNext() {
      const { Messages: [message] = [] } = await world.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5, MessageSystemAttributeNames: ['All'] }),
      );
      if (message === undefined) throw new Error('The usage function has planned too few messages.');
      await call({ Records: [toRecord(message)] });
      await world.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
    },
    takeMeasurements() {
      const after = countsOf(world);
      const measured = {
        seconds,
        peakRssBytes,
        dynamodb,
        posts: after.posts - before.posts,
        workspace: after.workspace - before.workspace,
        opentrain: after.opentrain - before.opentrain,
      };
      [seconds, dynamodb, before] = [0, 0, after];
      return measured;
    },
    async close() {
      await environment.stop();
      await world.close();
    },
  };
}

const countsOf = (world: UsageWorld) => ({ posts: world.posts(), ...world.requests() });
