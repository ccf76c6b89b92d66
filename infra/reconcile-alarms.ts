import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Alarms } from './alarms.ts';
import type { ConnectionSchedule } from './connection-schedule.ts';

export interface WatchedReconciliation {
  readonly schedule: ConnectionSchedule;

  /** Minutes from one run to the next. */
  readonly intervalMinutes: number;
}

/** The alarms on the way of a reconciliation. What it finds out about customers is told in `addConnectionAlarms`. */
export function addReconcileAlarms(alarms: Alarms, { schedule, intervalMinutes }: WatchedReconciliation): void {
  const { runs, dropped, function: reconcile } = schedule;

  alarms.raiseOnMessages('ReconcileDeadLetters', runs.deadLetterQueue, {
    name: 'reconciliations were given up',
    description:
      'A connection was tried many times and not reconciled: what its deliveries did not tell is not set right. Look ' +
      'for "error" lines in the log of the reconcile function (output ReconcileLogGroup), mend the cause, then redrive ' +
      'or purge the queue (output ReconcileDeadLetterQueueUrl): the next run does the same.',
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
      'The reconcile function found what it cannot set right by itself, or an error that nobody foresaw. Look for ' +
      'lines with level "error" in its log (output ReconcileLogGroup): event, reason and connectionId say what is ' +
      'wrong.',
    metric: alarms.countLines('ReconcileErrorLines', reconcile.logGroup, {
      metricName: 'ReconcileErrors',
      pattern: '{ $.level = "error" }',
      period: Duration.minutes(5),
    }),
    threshold: 1,
  });
  alarms.raiseOnSilence('NoReconciliation', {
    name: 'nothing is reconciled',
    description:
      'For hours no connection was reconciled, and there are connections: lost deliveries stay lost. Look whether the ' +
      'schedule is enabled, for "reconcile.planned" and "reconcile.failed" in the log of the reconcile function ' +
      '(output ReconcileLogGroup), and at the state of its event source mapping. After a first deployment this ends ' +
      'with the first run.',
    metric: alarms.countLines('ReconciledLines', reconcile.logGroup, {
      metricName: 'Reconciliations',
      // As good as a run: a plan for nobody. A deployment that has no customers yet is not in alarm.
      pattern: '{ ($.event = "reconcile.connection-done") || ($.event = "reconcile.planned" && $.count = 0) }',
      period: Duration.hours(1),
    }),
    // Two hours beyond the interval.
    hours: Math.ceil(intervalMinutes / 60) + 2,
  });
}
