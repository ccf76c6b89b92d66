import type { WebhookReport } from './webhook-bench.ts';
import { COUNTED_EVENTS, type WorkerReport } from './worker-bench.ts';

/** What `npm run bench` measures. */
export interface BenchReport {
  readonly webhook: WebhookReport;
  readonly worker: WorkerReport;
}

/** One measured number beside what it may be at most. */
export interface Finding {
  readonly name: string;
  readonly unit: 'B' | '' | 'ms';
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
} as const;

/** Every number of a report, in the order in which it is shown. */
export function judge({ webhook, worker }: BenchReport): Finding[] {
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
  ];
}

function finding(name: string, unit: Finding['unit'], value: number, limit?: number): Finding {
  if (limit === undefined) return { name, unit, value, isOver: false };
  return { name, unit, value, limit, isOver: value > limit };
}
