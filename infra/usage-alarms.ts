import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Alarms } from './alarms.ts';
import type { ConnectionSchedule } from './connection-schedule.ts';

/** The alarms on the way of a usage report. */
export function addUsageAlarms(alarms: Alarms, { runs, dropped, function: usage }: ConnectionSchedule): void {
  alarms.raiseOnMessages('UsageDeadLetters', runs.deadLetterQueue, {
    name: 'usage runs were given up',
    description:
      "A connection's usage was tried for many times and not reported: OpenTrain knows less work than was done. Look " +
      'for "error" lines in the log of the usage function (output UsageLogGroup), mend the cause, then redrive or purge ' +
      'the queue (output UsageDeadLetterQueueUrl): later runs report the same days, back to usageLookBackDays.',
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
      pattern: '{ $.level = "error" }',
      period: Duration.minutes(5),
    }),
    threshold: 1,
  });
  // A day, and two hours for a schedule that comes once a day.
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
    hours: 26,
  });
}
