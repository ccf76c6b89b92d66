import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Alarms } from './alarms.ts';
import type { ConnectorApi } from './connector-api.ts';
import type { ConnectorFunction } from './connector-function.ts';
import { OTHER_ERRORS } from './error-lines.ts';
import type { WorkQueue } from './work-queue.ts';

/** The way of a delivery, and what on it counts as too much. */
export interface WatchedDeliveries {
  readonly api: ConnectorApi;
  readonly deliveries: WorkQueue;
  readonly webhook: ConnectorFunction;
  readonly worker: ConnectorFunction;

  /** Deliveries with a wrong signature within 15 minutes that raise the alarm. */
  readonly signatureFailures: number;

  /** The attempt at a delivery from which on it counts as failing for too long. */
  readonly lateAttempt: number;

  /** Seconds that a delivery waits for its next attempt at most. */
  readonly retryCapSeconds: number;
}

/** The alarms on the way of a delivery. */
export function addDeliveryAlarms(alarms: Alarms, watched: WatchedDeliveries): void {
  const { api, deliveries, webhook, worker } = watched;

  alarms.raiseOnMessages('DeadLetters', deliveries.deadLetterQueue, {
    name: 'deliveries were given up',
    description:
      'Deliveries of OpenTrain are in the dead-letter queue: a trainer may lack access, or still have it after ' +
      'the end. Look for "error" lines in the log of the worker (output WorkerLogGroup), mend the cause, then ' +
      'redrive the queue (output DeadLetterQueueUrl). They are kept for 14 days.',
  });
  alarms.raise('OldestDelivery', {
    name: 'deliveries are waiting',
    description:
      'A delivery has waited for more than 15 minutes: trainers get or lose access late. Look whether the ' +
      'worker runs at all (its throttles and errors, the state of its event source mapping), and whether it ' +
      'keeps up with what comes in.',
    metric: deliveries.queue.metricApproximateAgeOfOldestMessage({
      period: Duration.minutes(1),
      statistic: Stats.MAXIMUM,
    }),
    threshold: Duration.minutes(15).toSeconds(),
  });
  // SQS leaves a message out of the age above once it was received three times, so retries are counted on their own.
  alarms.raise('FailingDeliveries', {
    name: 'deliveries keep failing',
    description:
      'Deliveries have been retried for about 15 minutes without success: trainers get or lose access late. ' +
      'Look at reason and connectionId of "delivery.retried" in the log of the worker (output WorkerLogGroup), ' +
      'and whether the workspace and OpenTrain answer. Nothing is lost: they are retried for hours before the ' +
      'dead-letter queue.',
    metric: alarms.countLines('FailingDeliveryLines', worker.logGroup, {
      metricName: 'FailingDeliveries',
      pattern: `{ $.event = "delivery.retried" && $.attempt >= ${watched.lateAttempt} }`,
      period: Duration.minutes(15),
    }),
    threshold: 1,
  });
  alarms.raise('WebhookFailures', {
    name: 'the API answers with errors',
    description:
      'OpenTrain, or a server of the platform that asked for a budget or connected a customer, was answered with a ' +
      '5xx. OpenTrain tries a delivery five times within three hours, and disables the endpoint after ten failed ' +
      'deliveries in a row. Look for 5xx and their route in the access log (output AccessLogGroup), then for "error" ' +
      'and "warn" lines in the log of that function (output WebhookLogGroup, BudgetLogGroup or AdminLogGroup), and ' +
      'at the health of SQS, SSM and DynamoDB.',
    metric: api.api.metricServerError({ period: Duration.minutes(5), statistic: Stats.SUM }),
    threshold: 1,
  });
  alarms.raise('RequestsTurnedAway', {
    name: 'the API turns requests away',
    description:
      'More requests came than the API lets through (requestsPerSecond, requestBurst), and it answered some of them with ' +
      '429, deliveries of any customer among them. OpenTrain tries those again, and disables an endpoint after ten that ' +
      'failed in a row. Look for status 429 and the sourceIp of all requests in the access log (output AccessLogGroup).',
    metric: alarms.countLines('RequestsTurnedAwayLines', api.accessLog, {
      metricName: 'RequestsTurnedAway',
      pattern: '{ $.status = "429" }',
      period: Duration.minutes(15),
    }),
    // Of very many, API Gateway does not log each. Source: its Developer Guide, "Monitor HTTP APIs".
    threshold: 1,
  });
  alarms.raise('SignatureFailures', {
    name: 'deliveries with a wrong signature',
    description:
      'Deliveries are refused because their signature is wrong: a secret was changed on one side only, or ' +
      'somebody forges deliveries. Look at connectionId and reason of "delivery.rejected" in the log of the ' +
      "webhook function (output WebhookLogGroup), and compare the connection's secrets below the path in output " +
      'CredentialsPath.',
    metric: alarms.countLines('SignatureFailureLines', webhook.logGroup, {
      metricName: 'SignatureFailures',
      pattern: '{ $.event = "delivery.rejected" && $.status = 401 }',
      period: Duration.minutes(15),
    }),
    threshold: watched.signatureFailures,
  });
  alarms.raise('WorkerCrashes', {
    name: 'the worker crashes',
    description:
      'The worker ends in an error, runs out of time or out of memory, and its whole batch of deliveries is ' +
      'tried again. Look for "Error" and "Task timed out" in its log (output WorkerLogGroup), and for what was ' +
      'deployed last.',
    metric: worker.function.metricErrors({ period: Duration.minutes(5), statistic: Stats.SUM }),
    threshold: 1,
  });
  alarms.raise('WorkerErrors', {
    name: 'the worker reports errors',
    description:
      'The worker reports what retries alone may not mend, such as a person who is needed, a token that the workspace no ' +
      'longer accepts, or an error that nobody foresaw. Look for lines with level "error" in its log (output ' +
      'WorkerLogGroup): event, reason and connectionId say what is wrong.',
    metric: alarms.countLines('WorkerErrorLines', worker.logGroup, {
      metricName: 'WorkerErrors',
      pattern: OTHER_ERRORS,
      // Two waits of a delivery that keeps failing, so that it is one alarm.
      period: Duration.minutes(Math.max(5, Math.ceil((2 * watched.retryCapSeconds) / 60))),
    }),
    threshold: 1,
  });
}
