import type { ReconcileReport } from './reconcile-bench.ts';
import type { UsageReport } from './usage-bench.ts';
import type { WebhookReport } from './webhook-bench.ts';
import { COUNTED_EVENTS, type WorkerReport } from './worker-bench.ts';

/** What `npm run bench` measures. */
export interface BenchReport {
  readonly webhook: WebhookReport;
  readonly worker: WorkerReport;
  readonly usage: UsageReport;
  readonly reconcile: ReconcileReport;
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
  reconcilePeakRssMb: 256,
  /**
   * Of ten times as many contracts: what is read of a connection is let go with it, so that it makes next to no difference.
   * Two processes that do the same differ by some megabytes; keeping what both runs have read would make it about 40.
   */
  reconcileRssGrowthMb: 24,
  /** A run that finds all in order writes its summary, and nothing else. */
  reconcileQuietWrites: { workspace: 0, dynamodb: 1 },
  reconcileScalingRatio: 11,
} as const;

/** Every number of a report, in the order in which it is shown. */
export function judge({ webhook, worker, usage, reconcile }: BenchReport): Finding[] {
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
    // With none, the delivery would not be in the queue.
    exactly(
      'webhook: AWS requests per warm delivery',
      webhook.awsRequestsPerWarmDelivery,
      LIMITS.awsRequestsPerWarmDelivery,
    ),
    ...times,
    finding('worker: bundle', 'B', worker.bundleBytes, LIMITS.workerBundleBytes),
    ...perEvent,
    ...judgeUsage(usage),
    ...judgeReconcile(reconcile),
  ];
}

function judgeUsage(usage: UsageReport): Finding[] {
  const { contracts, posts, requestsPerContract, small } = usage;
  return [
    finding('usage: bundle', 'B', usage.bundleBytes),
    finding('usage: contracts', '', contracts),
    // With fewer, somebody's work would be missing.
    exactly('usage: reports', posts, contracts),
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

function judgeReconcile(reconcile: ReconcileReport): Finding[] {
  const { contracts, connections, perContract, quietWrites, small, repairs } = reconcile;
  const { reconcileQuietWrites } = LIMITS;
  return [
    finding('reconcile: bundle', 'B', reconcile.bundleBytes),
    finding('reconcile: contracts', '', contracts),
    finding('reconcile: connections', '', connections),
    finding('reconcile: peak memory', 'MB', reconcile.peakRssMb, LIMITS.reconcilePeakRssMb),
    finding(
      `reconcile: peak memory beyond that of ${small.contracts} contracts`,
      'MB',
      reconcile.rssGrowthMb,
      LIMITS.reconcileRssGrowthMb,
    ),
    finding(
      `reconcile: time, ratio to ${small.contracts} contracts`,
      '',
      reconcile.scalingRatio,
      LIMITS.reconcileScalingRatio,
    ),
    finding('reconcile: time', 's', reconcile.seconds),
    finding('reconcile: workspace writes, all in order', '', quietWrites.workspace, reconcileQuietWrites.workspace),
    // With none, nobody would know that the connection was compared.
    exactly('reconcile: DynamoDB writes, per connection in order', quietWrites.dynamodb, reconcileQuietWrites.dynamodb),
    finding('reconcile: DynamoDB requests, per contract', '', perContract.dynamodb),
    finding('reconcile: workspace requests, per contract', '', perContract.workspace),
    finding('reconcile: OpenTrain requests, per contract', '', perContract.opentrain),
    exactly('reconcile: lost hires let in', repairs.made, repairs.lost),
    finding('reconcile: DynamoDB requests, per lost hire', '', repairs.perRepair.dynamodb),
    finding('reconcile: workspace requests, per lost hire', '', repairs.perRepair.workspace),
    finding('reconcile: OpenTrain requests, per lost hire', '', repairs.perRepair.opentrain),
  ];
}

/** A number that must be neither more nor less. */
function exactly(name: string, value: number, limit: number): Finding {
  return { name, unit: '', value, limit, isOver: value !== limit };
}

function finding(name: string, unit: Finding['unit'], value: number, limit?: number): Finding {
  if (limit === undefined) return { name, unit, value, isOver: false };
  return { name, unit, value, limit, isOver: value > limit };
}
