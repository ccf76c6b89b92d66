import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type Alarms, overTwoTurns } from './alarms.ts';
import type { ConnectionSchedule } from './connection-schedule.ts';
import { OTHER_ERRORS } from './error-lines.ts';

export interface WatchedReconciliation {
  readonly schedule: ConnectionSchedule;

  /** Minutes from one run to the next. */
  readonly intervalMinutes: number;
}

/**
 * Runs that were made to the end: a failure or a refusal is an outcome of another name. As good as one is a plan for nobody: a
 * deployment that has no customers yet is not in alarm.
 */
const COMPLETE_RUNS = `{ ${['active', 'back', 'disconnected']
  .map((outcome) => `($.event = "reconcile.connection-done" && $.outcome = "${outcome}")`)
  .join(' || ')} || ($.event = "reconcile.planned" && $.count = 0) }`;

/** The alarms on the way of a reconciliation. What it finds out about customers is told in `addConnectionAlarms`. */
export function addReconcileAlarms(alarms: Alarms, { schedule, intervalMinutes }: WatchedReconciliation): void {
  const { runs, dropped, function: reconcile } = schedule;

  alarms.raiseOnMessages('ReconcileDeadLetters', runs.deadLetterQueue, {
    name: 'reconciliations were given up',
    description:
      'The reconcile function could not be started for a message of its queue, 20 times, or the message is none of its ' +
      'own. Look at the list of the queue (output ReconcileDeadLetterQueueUrl), and for "Error" in the log of the ' +
      'reconcile function (output ReconcileLogGroup), mend the cause, then redrive or purge the queue: the next run does ' +
      'the same.',
  });
  alarms.raiseOnMessages('DroppedReconcileEvents', dropped, {
    name: 'reconciliation was not planned',
    description:
      'An event of the schedule was dropped: EventBridge Scheduler could not hand it over, or the reconcile function ' +
      'failed each time. Look at the reason in the message (queue in output ReconcileDroppedQueueUrl) and in the log ' +
      'of the reconcile function (output ReconcileLogGroup), mend the cause, then purge the queue: the next run does ' +
      'the same.',
  });
  alarms.raise('ReconcileCrashes', {
    name: 'the reconcile function crashes',
    description:
      'The reconcile function ends in an error, runs out of time or out of memory, and is tried again. Look for ' +
      '"Error" and "Task timed out" in its log (output ReconcileLogGroup), and for what was deployed last.',
    metric: reconcile.function.metricErrors({ period: Duration.minutes(5), statistic: Stats.SUM }),
    threshold: 1,
  });
  alarms.raise('ReconcileErrors', {
    name: 'the reconcile function reports errors',
    description:
      'The reconcile function found what it cannot set right and what no other alarm tells of, or an error that nobody ' +
      'foresaw. Look for ' +
      'lines with level "error" in its log (output ReconcileLogGroup): event, reason and connectionId say what is ' +
      'wrong.',
    metric: alarms.countLines('ReconcileErrorLines', reconcile.logGroup, {
      metricName: 'ReconcileErrors',
      pattern: OTHER_ERRORS,
      period: overTwoTurns(intervalMinutes),
    }),
    threshold: 1,
  });
  alarms.raise('ReconcileLag', {
    name: 'the reconciliation of a connection is behind',
    description:
      'One connection at least was not reconciled to the end for hours, over many runs: what its deliveries did not tell ' +
      'is not set right. Look for lines with "lagSeconds" in the log of the reconcile function (output ReconcileLogGroup): ' +
      'the largest names the connection, and reason or outcome says why.',
    metric: alarms.ownMetric('ReconcileLag', { period: overTwoTurns(intervalMinutes), statistic: Stats.MAXIMUM }),
    threshold: Duration.minutes(Math.max(6 * 60, 12 * intervalMinutes)).toSeconds(),
  });
  alarms.raiseOnSilence('NoReconciliation', {
    name: 'nothing is reconciled',
    description:
      'For hours no connection was reconciled to the end, and there are connections: lost deliveries stay lost. Look whether the ' +
      'schedule is enabled, for "reconcile.planned" and "reconcile.failed" in the log of the reconcile function ' +
      '(output ReconcileLogGroup), and at the state of its event source mapping. After a first deployment this ends ' +
      'with the first run.',
    metric: alarms.countLines('ReconciledLines', reconcile.logGroup, {
      metricName: 'Reconciliations',
      pattern: COMPLETE_RUNS,
      period: Duration.hours(1),
    }),
    // Two hours beyond the interval.
    hours: Math.ceil(intervalMinutes / 60) + 2,
  });
}
