import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { type Alarms, overTwoTurns } from './alarms.ts';
import type { ConnectorFunction } from './connector-function.ts';

/** The functions that find out how a connection stands. */
export interface WatchedConnections {
  readonly reconcile: ConnectorFunction;

  /** Those that, like reconciliation, notice that OpenTrain no longer takes a connection's token. */
  readonly others: readonly ConnectorFunction[];

  /** Minutes from one reconciliation to the next. */
  readonly reconcileMinutes: number;

  /** Minutes from one report of usage to the next. */
  readonly usageMinutes: number;
}

/** The alarms on how the connections to customers stand. The functions go on with all others meanwhile. */
export function addConnectionAlarms(alarms: Alarms, watched: WatchedConnections): void {
  const { reconcile, others, reconcileMinutes, usageMinutes } = watched;
  const period = overTwoTurns(reconcileMinutes);

  alarms.raise('EndpointsDisabled', {
    name: 'OpenTrain has disabled an endpoint',
    description:
      'OpenTrain has disabled the webhook endpoint of a connection after ten failed deliveries in a row. It was ' +
      'enabled again, and what had failed was asked for. Look for "endpoint.disabled" in the log of the reconcile ' +
      'function (output ReconcileLogGroup) for the connectionId, and for what failed before in the access log ' +
      '(output AccessLogGroup) and in the log of the webhook function (output WebhookLogGroup).',
    metric: alarms.countLines('EndpointDisabledLines', reconcile.logGroup, {
      metricName: 'DisabledEndpoints',
      pattern: '{ $.event = "endpoint.disabled" }',
      period,
    }),
    threshold: 1,
  });
  alarms.raise('EndpointsLost', {
    name: 'a connection gets no deliveries',
    description:
      'The webhook endpoint of a connection was deleted (endpoint.gone), points elsewhere (endpoint.elsewhere), or ' +
      'is disabled again and again (endpoint.given-up): hires and ends of contracts reach the workspace only by ' +
      'reconciliation. Look for these events in the log of the reconcile function (output ReconcileLogGroup), then ' +
      'connect the connection anew.',
    metric: alarms.countLines('EndpointLostLines', reconcile.logGroup, {
      metricName: 'LostEndpoints',
      pattern: '{ ($.event = "endpoint.gone") || ($.event = "endpoint.elsewhere") || ($.event = "endpoint.given-up") }',
      period,
    }),
    threshold: 1,
  });
  alarms.raise('RemovalsHeld', {
    name: 'removals wait for approval',
    description:
      'A reconciliation would have taken away the access of so many trainers of one connection that none was taken ' +
      'away. Look for "reconcile.held" in the log of the reconcile function (output ReconcileLogGroup): if they are ' +
      'right, approve the run that is named there as reason; if not, find out why OpenTrain or the workspace says ' +
      'otherwise.',
    metric: alarms.countLines('RemovalsHeldLines', reconcile.logGroup, {
      metricName: 'HeldReconciliations',
      pattern: '{ $.event = "reconcile.held" }',
      period,
    }),
    threshold: 1,
  });
  alarms.raise('ActionsOverdue', {
    name: 'actions have waited for a day',
    description:
      'A trainer could be let in or taken out only by a person in the workspace, and nobody has done so for a day: ' +
      'somebody cannot work, or still has access after the end. Look at the parked deliveries of the connections, ' +
      'which tell the steps, and for "reconcile.connection-done" with "overdue" above 0 in the log of the reconcile ' +
      'function (output ReconcileLogGroup).',
    metric: alarms.ownMetric('ActionsOverdue', { period, statistic: Stats.MAXIMUM }),
    threshold: 1,
  });

  alarms.raise('LinksMissing', {
    name: 'a reconnected customer has no links',
    description:
      'A customer has reconnected, and projects that were linked before are not linked now: the access of their trainers ' +
      'ends some time after the reconnect. Look for "links.missing-after-reconnect" in the log of the reconcile function ' +
      '(output ReconcileLogGroup) for the connectionId, and link its projects anew.',
    metric: alarms.countLines('LinksMissingLines', reconcile.logGroup, {
      metricName: 'ConnectionsWithoutLinks',
      pattern: '{ $.event = "links.missing-after-reconnect" }',
      period,
    }),
    threshold: 1,
  });

  // Three filters count into one metric. What OpenTrain lets nobody report is found again by the usage function only.
  const countTrouble = ({ logGroup }: ConnectorFunction) =>
    alarms.countLines('ConnectionTroubleLines', logGroup, {
      metricName: 'TroubledConnections',
      pattern: '{ ($.event = "connection.needs-attention") || ($.event = "connection.disconnected") }',
      period: overTwoTurns(reconcileMinutes, usageMinutes),
    });
  for (const other of others) countTrouble(other);
  alarms.raise('ConnectionsInTrouble', {
    name: 'a connection needs attention',
    description:
      "OpenTrain refuses a connection's token or what it asks for, or the connection was disconnected: deliveries or " +
      "usage wait, and some time after a disconnection its trainers' access ends. Look for connectionId and reason of " +
      '"connection.needs-attention" and "connection.disconnected" in the logs of the worker, the usage and the ' +
      'reconcile function (outputs WorkerLogGroup, UsageLogGroup, ReconcileLogGroup), and ask the customer to ' +
      'reconnect, unless they meant to go. It lasts until they do, or until the connection is disconnected.',
    metric: countTrouble(reconcile),
    threshold: 1,
  });
}
