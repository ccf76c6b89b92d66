import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';
import { countAwsRequests, totalOf } from './aws-requests.ts';
import { type Builds, buildCandidates, CANDIDATES, type Candidate } from './candidates.ts';
import { callCold, type Execution, startWarm, type WarmProcess } from './measured-process.ts';
import { SAMPLE_BODY } from './sample-body.ts';
import { median, percentile } from './statistics.ts';

/** How often things are measured. */
export interface Effort {
  /** Fresh processes of each candidate. */
  readonly coldRounds: number;
  /** Timed calls of each candidate, after as many as `warmUpCalls`. */
  readonly warmCalls: number;
  readonly warmUpCalls: number;
}

export const FULL_EFFORT: Effort = { coldRounds: 31, warmCalls: 2_000, warmUpCalls: 200 };
/** Enough to see that everything runs; its times mean nothing. */
export const QUICK_EFFORT: Effort = { coldRounds: 1, warmCalls: 4, warmUpCalls: 1 };

/** Calls of one candidate before it is the next one's turn: short, so that a noisy moment meets all of them. */
const SLICE_CALLS = 50;
const COUNTED_CALLS = 5;
const CONNECTION = 'acme' as ConnectionId;
const SECRET = 'whsec_bench';

/** Milliseconds. */
export interface Timing {
  /** Loading the bundle. */
  readonly importMedian: number;
  /** Loading it and the first call. */
  readonly coldMedian: number;
  readonly warmMedian: number;
  readonly warmP99: number;
}

export interface WebhookReport {
  readonly bundleBytes: number;
  readonly referenceBundleBytes: number;
  readonly emptyBundleBytes: number;
  /** Ours to the reference, medians. */
  readonly coldRatio: number;
  readonly warmRatio: number;
  readonly awsRequestsPerWarmDelivery: number;
  readonly milliseconds: Readonly<Record<Candidate, Timing>>;
}

export async function benchWebhook(effort: Effort, progress: (step: string) => void): Promise<WebhookReport> {
  const directory = mkdtempSync(join(tmpdir(), 'connector-bench-'));
  const emulators = await startEmulators();
  try {
    const builds = buildCandidates(directory);
    const environment: NodeJS.ProcessEnv = { ...emulators.environment };
    const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
    await parameters.put(credentialNames(emulators.environment.CREDENTIALS_PATH).webhookSecrets(CONNECTION), SECRET);

    const cold = await measureCold(builds, emulators, join(directory, 'event.json'), effort, progress);
    const warm = await measureWarm(builds, emulators, effort, progress);
    const timingOf = (candidate: Candidate): Timing => ({
      importMedian: median(cold.imports[candidate]),
      coldMedian: median(cold.totals[candidate]),
      warmMedian: median(warm.calls[candidate]),
      warmP99: percentile(warm.calls[candidate], 99),
    });
    const milliseconds = { webhook: timingOf('webhook'), reference: timingOf('reference'), empty: timingOf('empty') };
    const { webhook, reference } = milliseconds;
    return {
      bundleBytes: builds.bytes.webhook,
      referenceBundleBytes: builds.bytes.reference,
      emptyBundleBytes: builds.bytes.empty,
      coldRatio: webhook.coldMedian / reference.coldMedian,
      warmRatio: webhook.warmMedian / reference.warmMedian,
      awsRequestsPerWarmDelivery: warm.awsRequestsPerDelivery,
      milliseconds,
    };
  } finally {
    await emulators.close();
    rmSync(directory, { recursive: true, maxRetries: 3 });
  }
}

type Samples = Record<Candidate, number[]>;
const noSamples = (): Samples => ({ webhook: [], reference: [], empty: [] });

async function measureCold(
  builds: Builds,
  { environment }: Emulators,
  eventFile: string,
  { coldRounds }: Effort,
  progress: (step: string) => void,
): Promise<{ imports: Samples; totals: Samples }> {
  const [imports, totals] = [noSamples(), noSamples()];
  const execute = (candidate: Candidate): Execution => ({
    command: [builds.fileOf('cold-call'), builds.fileOf(candidate), eventFile],
    environment: { ...environment },
  });
  writeFileSync(eventFile, JSON.stringify(sampleEvent()));
  // Once each without a clock: files are read from disk and the emulators compiled on first use.
  for (const candidate of CANDIDATES) await callCold(execute(candidate));
  for (let round = 1; round <= coldRounds; round += 1) {
    progress(`cold start ${round} of ${coldRounds}`);
    for (const candidate of CANDIDATES) {
      const { importNanoseconds, totalNanoseconds } = await callCold(execute(candidate));
      imports[candidate].push(importNanoseconds / 1e6);
      totals[candidate].push(totalNanoseconds / 1e6);
    }
  }
  return { imports, totals };
}

async function measureWarm(
  builds: Builds,
  { environment }: Emulators,
  { warmCalls, warmUpCalls }: Effort,
  progress: (step: string) => void,
): Promise<{ calls: Samples; awsRequestsPerDelivery: number }> {
  const start = (candidate: Candidate): WarmProcess =>
    startWarm({
      command: [builds.fileOf('warm-calls'), builds.fileOf(candidate)],
      environment: { ...environment },
    });
  const processes = { webhook: start('webhook'), reference: start('reference'), empty: start('empty') };
  const emptyQueue = queueEmptier(environment);
  const event = sampleEvent();
  const calls = noSamples();
  try {
    for (const candidate of CANDIDATES) await processes[candidate].call({ event, calls: warmUpCalls });
    for (let done = 0; done < warmCalls; done += SLICE_CALLS) {
      progress(`warm call ${done} of ${warmCalls}`);
      const slice = Math.min(SLICE_CALLS, warmCalls - done);
      for (const candidate of CANDIDATES) {
        calls[candidate].push(...(await processes[candidate].call({ event, calls: slice })).map((took) => took / 1e6));
      }
      await emptyQueue();
    }
    const requests = await countAwsRequests(async () => {
      await processes.webhook.call({ event, calls: COUNTED_CALLS });
    });
    return { calls, awsRequestsPerDelivery: totalOf(requests) / COUNTED_CALLS };
  } finally {
    for (const candidate of CANDIDATES) await processes[candidate].stop();
  }
}

const sampleEvent = () => webhookEvent({ connection: CONNECTION, secret: SECRET, body: SAMPLE_BODY });

/** The emulated queue is in memory, and must not grow slower while it is measured. */
function queueEmptier({ AWS_REGION, AWS_ENDPOINT_URL_SQS, QUEUE_URL, ...keys }: Emulators['environment']) {
  const sqs = new SQSClient({
    region: AWS_REGION,
    endpoint: AWS_ENDPOINT_URL_SQS,
    useQueueUrlAsEndpoint: false,
    credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
  });
  return () => sqs.send(new PurgeQueueCommand({ QueueUrl: QUEUE_URL }));
}
