import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type Alarms, overTwoTurns } from './alarms.ts';
import type { ConnectionSchedule } from './connection-schedule.ts';
import { OTHER_ERRORS } from './error-lines.ts';

export interface WatchedUsage {
  readonly schedule: ConnectionSchedule;

  /** Minutes from one run to the next. */
  readonly intervalMinutes: number;
}

/** A day, and two hours for a schedule that comes once a day. */
const MOST_LAG = Duration.hours(26);

/** The alarms on the way of a usage report. */
export function addUsageAlarms(alarms: Alarms, { schedule, intervalMinutes }: WatchedUsage): void {
  const { runs, dropped, function: usage } = schedule;

  alarms.raiseOnMessages('UsageDeadLetters', runs.deadLetterQueue, {
    name: 'usage runs were given up',
    description:
      'The usage function could not be started for a message of its queue, 20 times, or the message is none of its own. ' +
      'Look at the list of the queue (output UsageDeadLetterQueueUrl), and for "Error" in the log of the usage function ' +
      '(output UsageLogGroup), mend the cause, then redrive or purge the queue: later runs report the same days.',
  });
  alarms.raiseOnMessages('DroppedUsageEvents', dropped, {
    name: 'usage was not planned',
    description:
      'An event of the schedule was dropped: EventBridge Scheduler could not hand it over, or the usage function ' +
      'failed each time. Look at the reason in the message (queue in output UsageDroppedQueueUrl) and in the log of ' +
      'the usage function (output UsageLogGroup), mend the cause, then purge the queue: the next event covers the ' +
      'same days.',
  });
  alarms.raise('UsageCrashes', {
    name: 'the usage function crashes',
    description:
      'The usage function ends in an error, runs out of time or out of memory, and is tried again. Look for "Error" ' +
      'and "Task timed out" in its log (output UsageLogGroup), and for what was deployed last.',
    metric: usage.function.metricErrors({ period: Duration.minutes(5), statistic: Stats.SUM }),
    threshold: 1,
  });
  alarms.raise('UsageErrors', {
    name: 'the usage function reports errors',
    description:
      'The usage function reports what retries alone may not mend, such as a token that is no longer accepted or an ' +
      'error that nobody foresaw. Look for lines with level "error" in its log (output UsageLogGroup): event, ' +
      'reason and connectionId say what is wrong.',
    metric: alarms.countLines('UsageErrorLines', usage.logGroup, {
      metricName: 'UsageErrors',
      pattern: OTHER_ERRORS,
      period: overTwoTurns(intervalMinutes),
    }),
    threshold: 1,
  });
  alarms.raise('UsageLag', {
    name: 'the usage of a connection is behind',
    description:
      "One connection's usage at least was not reported to the end for 26 hours, over all of its runs: OpenTrain knows " +
      'less work than was done. Look for lines with "lagSeconds" in the log of the usage function (output UsageLogGroup): ' +
      'the largest names the connection, and the reason says why.',
    metric: alarms.ownMetric('UsageLag', { period: overTwoTurns(intervalMinutes), statistic: Stats.MAXIMUM }),
    threshold: MOST_LAG.toSeconds(),
  });
  alarms.raiseOnSilence('NoUsageRun', {
    name: 'no usage is reported',
    description:
      'For 26 hours no connection was reported, and there are connections. Look whether the schedule is ' +
      'enabled, for "usage.planned" in the log of the usage function (output UsageLogGroup), and at the state of its ' +
      'event source mapping. After a first deployment this ends with the first run.',
    metric: alarms.countLines('UsageRunLines', usage.logGroup, {
      metricName: 'UsageRuns',
      // As good as a run: a plan for nobody, and a connection that is disconnected. A deployment that has no customers,
      // or no longer, is not in alarm.
      pattern:
        '{ ($.event = "usage.connection-done") || ($.event = "usage.disconnected") || ' +
        '($.event = "usage.planned" && $.count = 0) }',
      period: Duration.hours(1),
    }),
    hours: MOST_LAG.toHours(),
  });
}
