import { Aws, Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
  LogQueryWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ConnectorFunction } from './connector-function.ts';
import { ownNamespace } from './own-metrics.ts';
import type { WorkQueue } from './work-queue.ts';

export interface ConnectorDashboardProps {
  readonly stage: string;
  readonly alarms: readonly IAlarm[];
  readonly api: HttpApi;
  readonly deliveries: WorkQueue;
  readonly usageRuns: WorkQueue;

  /** By the names that people know them by. */
  readonly functions: Readonly<Record<string, ConnectorFunction>>;

  readonly table: TableV2;
  readonly scheduleGroup: ScheduleGroup;
}

/** CloudWatch's grid has 24 columns. */
const GRID = 24;
const GRAPH_HEIGHT = 6;

/**
 * Functions that take long enough, and cost enough, to be worth a line. With the others, the dashboard would name more than
 * the 50 metrics that are free.
 */
const BUSY = ['webhook', 'worker', 'usage', 'reconcile'];

/** Why a delivery is tried again that says something of the workspace. */
const WORKSPACE_TROUBLE = ['workspace_unavailable', 'workspace_forbidden'];

/** For what happens all the time, and for what happens by the run. */
const OFTEN = Duration.minutes(5);
const BY_RUN = Duration.hours(1);

/**
 * One page for whoever is on call: the alarms, then questions with a row each, which says what good looks like and
 * shows it. Where something is wrong, docs/runbook.md goes on.
 */
export class ConnectorDashboard extends Construct {
  readonly name: string;

  private readonly props: ConnectorDashboardProps;

  constructor(scope: Construct, id: string, props: ConnectorDashboardProps) {
    super(scope, id);
    this.props = props;
    // Dashboards are named within an account, over all of its regions.
    this.name = `OpenTrainConnector-${props.stage}-${Aws.REGION}`;
    new Dashboard(this, 'Dashboard', {
      dashboardName: this.name,
      defaultInterval: Duration.days(1),
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms', alarms: [...props.alarms], width: GRID, height: 5 })],
        ...this.deliveriesRow(),
        ...this.trainersRow(),
        ...this.usageRow(),
        ...this.peopleRow(),
        ...this.allowanceRow(),
        ...this.costRow(),
      ],
    });
  }

  private deliveriesRow(): IWidget[][] {
    const { queue, deadLetterQueue } = this.props.deliveries;
    return row('Are deliveries flowing?', 'Accepted ones are done within seconds, and none waits or was given up.', [
      graph('What came in', 'deliveries', [
        this.own('DeliveriesAccepted', 'accepted'),
        this.own('DuplicateDeliveries', 'duplicates'),
        this.ownBy('Reason', 'DeliveriesRejected', 'refused: '),
      ]),
      graph('From arrival until done', 'milliseconds', [
        this.own('DeliveryAge', 'half are faster', { statistic: Stats.p(50) }),
        this.own('DeliveryAge', '99 of 100 are faster', { statistic: Stats.p(99) }),
        this.own('DeliveryWorkspaceTime', 'of it in the workspace, 99 of 100', { statistic: Stats.p(99) }),
      ]),
      graph('What waits, and what was given up', 'deliveries', [
        held(queue, 'waiting'),
        queue.metricApproximateNumberOfMessagesNotVisible({
          label: 'in work or backing off',
          statistic: Stats.MAXIMUM,
        }),
        held(deadLetterQueue, 'given up'),
      ]),
      graph('Why deliveries are tried again', 'attempts', [this.ownBy('Reason', 'DeliveriesRetried')]),
    ]);
  }

  private trainersRow(): IWidget[][] {
    return row(
      'Are trainers getting in?',
      'Hires let somebody in, ends take somebody out, and little is left to repair.',
      [
        graph('In and out', 'trainers', [this.own('Provisioned', 'let in'), this.own('Offboarded', 'taken out')]),
        graph('Why deliveries are parked', 'deliveries', [this.ownBy('Reason', 'DeliveriesParked')]),
        graph(
          'What reconciliation set right',
          'repairs',
          [
            this.ownBy('Reason', 'ReconcileRepairs', '', { period: BY_RUN }),
            this.own('ReconcileFailures', 'not possible', { period: BY_RUN }),
            this.own('ReconcileChecked', 'contracts compared', { period: BY_RUN }),
          ],
          BY_RUN,
        ),
        graph('Errors of the workspace', 'calls and attempts', [
          this.ownBy('Reason', 'WorkspaceErrors', 'runs: '),
          this.ownBy('Reason', 'DeliveriesRetried', 'deliveries: ', { words: WORKSPACE_TROUBLE }),
        ]),
      ],
    );
  }

  private usageRow(): IWidget[][] {
    const { queue, deadLetterQueue } = this.props.usageRuns;
    return row('Is usage current?', 'The lag stays near the time between two runs, and nothing is set aside.', [
      graph(
        'The connection that is furthest behind',
        'seconds',
        [
          this.own('UsageLag', 'of what is reported', { statistic: Stats.MAXIMUM, period: BY_RUN }),
          this.own('ReconcileLag', 'of what is compared', { statistic: Stats.MAXIMUM, period: BY_RUN }),
        ],
        BY_RUN,
      ),
      graph(
        'What was reported',
        'entries',
        [
          this.own('UsageEntriesSent', 'sent', { period: BY_RUN }),
          this.own('UsageEntriesSetAside', 'set aside', { period: BY_RUN }),
        ],
        BY_RUN,
        { unit: 'seconds', metrics: [this.own('UsageUnattributedSeconds', 'outside contracts', { period: BY_RUN })] },
      ),
      graph('Runs that wait, and that were given up', 'runs', [
        held(queue, 'waiting'),
        held(deadLetterQueue, 'given up'),
      ]),
      graph('How long the workspace takes, and a reconciliation', 'milliseconds', [
        this.ownBy('Call', 'WorkspaceLatency', '', { statistic: Stats.p(99) }),
        this.own('ReconcileDuration', 'a connection reconciled', { statistic: Stats.MAXIMUM, period: BY_RUN }),
      ]),
    ]);
  }

  private peopleRow(): IWidget[][] {
    const { functions } = this.props;
    return [
      ...row('What needs a person?', 'Nothing: every line here is empty, and the table beneath is short.', [
        graph(
          'To be done in the workspace',
          'actions',
          [
            this.own('ActionsRequired', 'newly asked for', { period: BY_RUN }),
            this.own('ActionsOverdue', 'of a connection, for more than a day', {
              statistic: Stats.MAXIMUM,
              period: BY_RUN,
            }),
          ],
          BY_RUN,
        ),
        graph(
          'Removals that wait for approval',
          'removals',
          [this.own('RemovalsHeld', 'of a connection', { statistic: Stats.MAXIMUM, period: BY_RUN })],
          BY_RUN,
        ),
        graph(
          'Connections in trouble',
          'times found',
          [
            this.ownBy('Reason', 'ConnectionsNeedingAttention', '', { period: BY_RUN }),
            this.own('ConnectionsDisconnected', 'disconnected', { period: BY_RUN }),
          ],
          BY_RUN,
        ),
        graph(
          'Endpoints that OpenTrain disabled',
          'times found',
          [
            this.own('EndpointsDisabled', 'disabled', { period: BY_RUN }),
            this.own('EndpointsGivenUp', 'given up', { period: BY_RUN }),
          ],
          BY_RUN,
        ),
      ]),
      [
        new LogQueryWidget({
          title: 'The last errors, of all functions',
          logGroupNames: Object.values(functions).map(({ logGroup }) => logGroup.logGroupName),
          queryLines: [
            'fields time, event, connectionId, reason, trainerId, deliveryId, error.message',
            "filter level = 'error'",
            'sort time desc',
            'limit 20',
          ],
          width: GRID,
          height: GRAPH_HEIGHT,
        }),
      ],
    ];
  }

  private allowanceRow(): IWidget[][] {
    const { table, scheduleGroup } = this.props;
    const events = (metricName: string, label: string) => table.metric(metricName, { label, statistic: Stats.SUM });
    const sum = (label: string) => ({ label, statistic: Stats.SUM });
    return row('Does AWS give enough?', 'Nothing is refused, and no function comes near its timeout.', [
      graph(
        'Invocations that were throttled',
        'calls',
        this.ofEach(({ function: one }, label) => one.metricThrottles(sum(label))),
      ),
      graph(
        'The longest that functions ran',
        'milliseconds',
        this.ofEach(({ function: one }, label) => one.metricDuration({ label, statistic: Stats.MAXIMUM }), BUSY),
      ),
      graph('What the table refused', 'requests', [
        events('ReadThrottleEvents', 'reads'),
        events('WriteThrottleEvents', 'writes'),
      ]),
      graph('Events of the schedules', 'events', [
        scheduleGroup.metricTargetErrors(sum('refused by the function, tried again')),
        scheduleGroup.metricDropped(sum('dropped')),
      ]),
    ]);
  }

  private costRow(): IWidget[][] {
    const { api, table } = this.props;
    const ofTheBusy = (metricOf: (one: ConnectorFunction, label: string) => IMetric) => this.ofEach(metricOf, BUSY);
    return row('Cost drivers', 'They follow the number of deliveries and connections, and nothing grows by itself.', [
      graph(
        'Requests and invocations',
        'calls',
        [
          api.metricCount({ label: 'API', statistic: Stats.SUM, period: BY_RUN }),
          ...ofTheBusy(({ function: one }, label) =>
            one.metricInvocations({ label, statistic: Stats.SUM, period: BY_RUN }),
          ),
        ],
        BY_RUN,
      ),
      graph(
        'Time that functions ran',
        'milliseconds',
        ofTheBusy(({ function: one }, label) => one.metricDuration({ label, statistic: Stats.SUM, period: BY_RUN })),
        BY_RUN,
      ),
      graph(
        'The table',
        'units',
        [
          table.metricConsumedReadCapacityUnits({ label: 'read', statistic: Stats.SUM, period: BY_RUN }),
          table.metricConsumedWriteCapacityUnits({ label: 'written', statistic: Stats.SUM, period: BY_RUN }),
        ],
        BY_RUN,
      ),
      graph(
        'Log lines',
        'bytes',
        // Not by `metricIncomingBytes`, which leaves out of which log group.
        ofTheBusy(
          ({ logGroup: { logGroupName: LogGroupName } }, label) =>
            new Metric({
              namespace: 'AWS/Logs',
              metricName: 'IncomingBytes',
              dimensionsMap: { LogGroupName },
              label,
              statistic: Stats.SUM,
              period: BY_RUN,
            }),
        ),
        BY_RUN,
      ),
    ]);
  }

  private ofEach(
    metricOf: (one: ConnectorFunction, label: string) => IMetric,
    labels = Object.keys(this.props.functions),
  ): IMetric[] {
    return Object.entries(this.props.functions)
      .filter(([label]) => labels.includes(label))
      .map(([label, one]) => metricOf(one, label));
  }

  /** A metric of the connector's own, as docs/logs-and-metrics.md has it; a sum by five minutes unless told otherwise. */
  private own(metricName: string, label: string, { statistic = Stats.SUM, period = OFTEN }: Reading = {}): IMetric {
    return new Metric({ namespace: ownNamespace(this.props.stage), metricName, label, statistic, period });
  }

  /** A line for each word of its dimension, whichever there are. */
  private ownBy(
    dimension: 'Reason' | 'Call',
    metricName: string,
    prefix = '',
    { statistic = Stats.SUM, period = OFTEN, words }: Reading & { readonly words?: readonly string[] } = {},
  ): IMetric {
    const schema = `{"${ownNamespace(this.props.stage)}",${dimension}}`;
    const only = words === undefined ? '' : ` ${dimension}=(${words.map((word) => `"${word}"`).join(' OR ')})`;
    return new MathExpression({
      expression: `SEARCH('${schema} MetricName="${metricName}"${only}', '${statistic}', ${period.toSeconds()})`,
      usingMetrics: {},
      label: `${prefix}\${PROP('Dim.${dimension}')}`,
      period,
    });
  }
}

interface Reading {
  readonly statistic?: string;
  readonly period?: Duration;
}

const held = (queue: Queue, label: string): IMetric =>
  queue.metricApproximateNumberOfMessagesVisible({ label, statistic: Stats.MAXIMUM });

/** A heading that says what good looks like, and graphs that fill the width between them. */
function row(question: string, good: string, graphs: readonly ((width: number) => IWidget)[]): IWidget[][] {
  return [
    [new TextWidget({ markdown: `## ${question}\n${good}`, width: GRID, height: 2 })],
    graphs.map((make) => make(GRID / graphs.length)),
  ];
}

/** Of another unit, on the axis on the right. */
interface OnTheRight {
  readonly unit: string;
  readonly metrics: IMetric[];
}

function graph(
  title: string,
  unit: string,
  left: IMetric[],
  period = OFTEN,
  right?: OnTheRight,
): (width: number) => IWidget {
  const axis = (label: string) => ({ min: 0, label, showUnits: false });
  return (width) =>
    new GraphWidget({
      title,
      left,
      period,
      leftYAxis: axis(unit),
      ...(right && { right: right.metrics, rightYAxis: axis(right.unit) }),
      width,
      height: GRAPH_HEIGHT,
    });
}
