import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Alarms } from './alarms.ts';
import type { ConnectorFunction } from './connector-function.ts';

export interface WatchedSchedules {
  readonly group: ScheduleGroup;
  readonly usage: ConnectorFunction;
  readonly reconcile: ConnectorFunction;
}

/**
 * One alarm on every way in which a schedule's event can get lost before it is planned. What was kept of it alarms by the
 * queue that it is in; this one also tells of what was not kept, and of what still is tried.
 */
export function addScheduleAlarms(alarms: Alarms, { group, usage, reconcile }: WatchedSchedules): void {
  const asynchronous = ({ function: one }: ConnectorFunction) =>
    one.metric('AsyncEventsDropped', { statistic: Stats.SUM });
  const sum = { statistic: Stats.SUM };
  alarms.raise('LostScheduleEvents', {
    name: 'schedules do not get through',
    description:
      'EventBridge Scheduler could not hand an event to its function, or dropped it, or Lambda dropped it after its ' +
      'attempts: usage or reconciliation may be late by a run. Look whether the usage and the reconcile function are ' +
      'throttled or crash, and whether the roles of the schedules were changed.',
    metric: new MathExpression({
      expression:
        'SUM([FILL(refused, 0), FILL(dropped, 0), FILL(unkept, 0), FILL(usageEvents, 0), FILL(reconcileEvents, 0)])',
      usingMetrics: {
        refused: group.metricTargetErrors(sum),
        dropped: group.metricDropped(sum),
        unkept: group.metricFailedToBeSentToDLQ(undefined, sum),
        usageEvents: asynchronous(usage),
        reconcileEvents: asynchronous(reconcile),
      },
      label: 'Events that failed or were dropped',
      period: Duration.minutes(5),
    }),
    threshold: 1,
  });
}
