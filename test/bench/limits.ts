import type { UsageReport } from './usage-bench.ts';
import type { WebhookReport } from './webhook-bench.ts';
import { COUNTED_EVENTS, type WorkerReport } from './worker-bench.ts';

/** What `npm run bench` measures. */
export interface BenchReport {
  readonly webhook: WebhookReport;
  readonly worker: WorkerReport;
  readonly usage: UsageReport;
}

/** One measured number beside what it may be at most. */
export interface Finding {
  readonly name: string;
  readonly unit: 'B' | 'MB' | '' | 'ms' | 's';
  readonly value: number;
  /** Absent where a number only informs. */
  readonly limit?: number;
  readonly isOver: boolean;
}

/** What is promised of the connector. A machine's own speed is no part of it: of times, only ratios are. */
export const LIMITS = {
  webhookBundleBytes: 64_000,
  coldRatio: 0.4,
  warmRatio: 0.6,
  awsRequestsPerWarmDelivery: 1,
  workerBundleBytes: 450_000,
  dynamodbRequests: { contractStarted: 6, duplicate: 1, contractEnded: undefined },
  workspaceRequests: { contractStarted: 3, duplicate: 0, contractEnded: undefined },
  usagePeakRssMb: 256,
  usageSecondRunPosts: 0,
  /** Of ten times as many contracts: time grows as they do, and no faster. */
  usageScalingRatio: 11,
} as const;

/** Every number of a report, in the order in which it is shown. */
export function judge({ webhook, worker, usage }: BenchReport): Finding[] {
  const { milliseconds } = webhook;
  const times = (['webhook', 'reference', 'empty'] as const).flatMap((candidate) => {
    const { importMedian, coldMedian, warmMedian, warmP99 } = milliseconds[candidate];
    return [
      finding(`${candidate}: import, median`, 'ms', importMedian),
      finding(`${candidate}: cold, median`, 'ms', coldMedian),
      finding(`${candidate}: warm, median`, 'ms', warmMedian),
      finding(`${candidate}: warm, p99`, 'ms', warmP99),
    ];
  });
  const perEvent = COUNTED_EVENTS.flatMap((event) => [
    finding(`worker: DynamoDB requests, ${event}`, '', worker.dynamodbRequests[event], LIMITS.dynamodbRequests[event]),
    finding(
      `worker: workspace requests, ${event}`,
      '',
      worker.workspaceRequests[event],
      LIMITS.workspaceRequests[event],
    ),
    finding(`worker: OpenTrain requests, ${event}`, '', worker.opentrainRequests[event]),
  ]);
  return [
    finding('webhook: bundle', 'B', webhook.bundleBytes, LIMITS.webhookBundleBytes),
    finding('reference: bundle', 'B', webhook.referenceBundleBytes),
    finding('empty: bundle', 'B', webhook.emptyBundleBytes),
    finding('webhook: cold, ratio to reference', '', webhook.coldRatio, LIMITS.coldRatio),
    finding('webhook: warm, ratio to reference', '', webhook.warmRatio, LIMITS.warmRatio),
    {
      ...finding(
        'webhook: AWS requests per warm delivery',
        '',
        webhook.awsRequestsPerWarmDelivery,
        LIMITS.awsRequestsPerWarmDelivery,
      ),
      // Exactly one: with none, the delivery would not be in the queue.
      isOver: webhook.awsRequestsPerWarmDelivery !== LIMITS.awsRequestsPerWarmDelivery,
    },
    ...times,
    finding('worker: bundle', 'B', worker.bundleBytes, LIMITS.workerBundleBytes),
    ...perEvent,
    ...judgeUsage(usage),
  ];
}

function judgeUsage(usage: UsageReport): Finding[] {
  const { contracts, posts, requestsPerContract, small } = usage;
  return [
    finding('usage: bundle', 'B', usage.bundleBytes),
    finding('usage: contracts', '', contracts),
    // Exactly one each: with fewer, somebody's work would be missing.
    { ...finding('usage: reports', '', posts, contracts), isOver: posts !== contracts },
    finding('usage: reports of a second run, nothing new', '', usage.secondRunPosts, LIMITS.usageSecondRunPosts),
    finding('usage: peak memory', 'MB', usage.peakRssMb, LIMITS.usagePeakRssMb),
    finding(`usage: time, ratio to ${small.contracts} contracts`, '', usage.scalingRatio, LIMITS.usageScalingRatio),
    finding('usage: time', 's', usage.seconds),
    finding('usage: time of the second run', 's', usage.secondRunSeconds),
    finding('usage: DynamoDB requests, per contract', '', requestsPerContract.dynamodb),
    finding('usage: workspace requests, per contract', '', requestsPerContract.workspace),
    finding('usage: OpenTrain requests, per contract', '', requestsPerContract.opentrain),
  ];
}

function finding(name: string, unit: Finding['unit'], value: number, limit?: number): Finding {
  if (limit === undefined) return { name, unit, value, isOver: false };
  return { name, unit, value, limit, isOver: value > limit };
}
