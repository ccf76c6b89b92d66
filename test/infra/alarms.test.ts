import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { loggedEvents } from '../support/logged-events.ts';
import { asText, properties, synthesize } from './synthesize.ts';

interface AlarmProperties {
  readonly AlarmName: string;
  readonly AlarmDescription: string;
  readonly AlarmActions: unknown[];
  readonly OKActions: unknown[];
  readonly MetricName: string;
  readonly Namespace: string;
  readonly Period: number;
  readonly Threshold: number;
  readonly EvaluationPeriods: number;
  readonly TreatMissingData: string;
  readonly Statistic: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Metrics?: readonly MetricQuery[];
}

interface MetricQuery {
  readonly Id: string;
  readonly Expression?: string;
  readonly MetricStat?: {
    readonly Metric: {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
    };
    readonly Period: number;
    readonly Stat: string;
  };
}

const alarmsIn = (template: Template) =>
  Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties as AlarmProperties,
  );
const alarmsOf = (context: Readonly<Record<string, string>>) => alarmsIn(synthesize(context));

const dev = synthesize({ alarmEmail: 'oncall@example.com' });
const alarms = alarmsIn(dev);

const alarmNamed = (name: string, all = alarms) =>
  all.find(({ AlarmName }) => AlarmName === `OpenTrain connector (dev): ${name}`);

const { Name: SCHEDULE_GROUP } = properties(dev, 'AWS::Scheduler::ScheduleGroup', 'Schedules');

describe('alarms', () => {
  test.each([
    {
      name: 'deliveries were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible Maximum',
      of: 'QueueName=<DeliveriesDeadLetterQueue.QueueName>',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'deliveries are waiting',
      metric: 'AWS/SQS ApproximateAgeOfOldestMessage Maximum',
      of: 'QueueName=<DeliveriesQueue.QueueName>',
      threshold: 900,
      seconds: 60,
    },
    {
      name: 'deliveries keep failing',
      metric: 'OpenTrainConnector/dev FailingDeliveries Sum',
      of: '',
      threshold: 1,
      seconds: 900,
    },
    {
      name: 'the API answers with errors',
      metric: 'AWS/ApiGateway 5xx Sum',
      of: 'ApiId=<WebhookApi>',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'the API turns requests away',
      metric: 'OpenTrainConnector/dev RequestsTurnedAway Sum',
      of: '',
      threshold: 1,
      seconds: 900,
    },
    {
      name: 'deliveries with a wrong signature',
      metric: 'OpenTrainConnector/dev SignatureFailures Sum',
      of: '',
      threshold: 5,
      seconds: 900,
    },
    {
      name: 'the worker crashes',
      metric: 'AWS/Lambda Errors Sum',
      of: 'FunctionName=<WorkerFunction>',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'the worker reports errors',
      metric: 'OpenTrainConnector/dev WorkerErrors Sum',
      of: '',
      threshold: 1,
      seconds: 1800,
    },
    {
      name: 'usage runs were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible Maximum',
      of: 'QueueName=<UsageRunsDeadLetterQueue.QueueName>',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'usage was not planned',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible Maximum',
      of: 'QueueName=<UsageDropped.QueueName>',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'the usage function crashes',
      metric: 'AWS/Lambda Errors Sum',
      of: 'FunctionName=<UsageFunction>',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'the usage function reports errors',
      metric: 'OpenTrainConnector/dev UsageErrors Sum',
      of: '',
      threshold: 1,
      seconds: 7200,
    },
    {
      name: 'the usage of a connection is behind',
      metric: 'OpenTrainConnector/dev UsageLag Maximum',
      of: '',
      threshold: 93600,
      seconds: 7200,
    },
    {
      name: 'reconciliations were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible Maximum',
      of: 'QueueName=<ReconcileRunsDeadLetterQueue.QueueName>',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'reconciliation was not planned',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible Maximum',
      of: 'QueueName=<ReconcileDropped.QueueName>',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'the reconcile function crashes',
      metric: 'AWS/Lambda Errors Sum',
      of: 'FunctionName=<ReconcileFunction>',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'the reconcile function reports errors',
      metric: 'OpenTrainConnector/dev ReconcileErrors Sum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'the reconciliation of a connection is behind',
      metric: 'OpenTrainConnector/dev ReconcileLag Maximum',
      of: '',
      threshold: 21600,
      seconds: 3600,
    },
    {
      name: 'OpenTrain has disabled an endpoint',
      metric: 'OpenTrainConnector/dev DisabledEndpoints Sum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'a connection gets no deliveries',
      metric: 'OpenTrainConnector/dev LostEndpoints Sum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'removals wait for approval',
      metric: 'OpenTrainConnector/dev HeldReconciliations Sum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'actions have waited for a day',
      metric: 'OpenTrainConnector/dev ActionsOverdue Maximum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'a reconnected customer has no links',
      metric: 'OpenTrainConnector/dev ConnectionsWithoutLinks Sum',
      of: '',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'a connection needs attention',
      metric: 'OpenTrainConnector/dev TroubledConnections Sum',
      of: '',
      threshold: 1,
      seconds: 7200,
    },
  ])('"$name" watches $metric of "$of"', ({ name, metric, of, threshold, seconds }) => {
    const alarm = alarmNamed(name);
    expect(alarm).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: threshold,
      EvaluationPeriods: 1,
      Period: seconds,
      TreatMissingData: 'notBreaching',
    });
    expect(`${alarm?.Namespace} ${alarm?.MetricName} ${alarm?.Statistic}`).toBe(metric);
    const dimensions = (alarm?.Dimensions ?? []).map(({ Name, Value }) => `${Name}=${asText(Value)}`);
    expect(dimensions.join()).toBe(of);
  });

  /** Hours in which nothing was counted are zeros, since CloudWatch looks back too far where data is missing. */
  const silence = (metricName: string, hours: number) => ({
    ComparisonOperator: 'LessThanThreshold',
    Threshold: 1,
    EvaluationPeriods: hours,
    TreatMissingData: 'breaching',
    Metrics: [
      expect.objectContaining({ Expression: 'FILL(counted, 0)' }),
      {
        Id: 'counted',
        MetricStat: {
          Metric: { Namespace: 'OpenTrainConnector/dev', MetricName: metricName },
          Period: 3600,
          Stat: 'Sum',
        },
        ReturnData: false,
      },
    ],
  });

  test('"no usage is reported" is raised when none was for 26 hours', () => {
    expect(alarmNamed('no usage is reported')).toMatchObject(silence('UsageRuns', 26));
  });

  test.each([
    { minutes: '1', hours: 3 },
    { minutes: '30', hours: 3 },
    { minutes: '60', hours: 3 },
    { minutes: '61', hours: 4 },
    { minutes: '1440', hours: 26 },
  ])(
    '"nothing is reconciled", every $minutes min, is raised when nothing was for $hours hours',
    ({ minutes, hours }) => {
      const found = alarmNamed('nothing is reconciled', alarmsOf({ reconcileMinutes: minutes }));
      expect(found).toMatchObject(silence('Reconciliations', hours));
    },
  );

  test.each([
    { minutes: '1', hours: 6 },
    { minutes: '30', hours: 6 },
    { minutes: '60', hours: 12 },
    { minutes: '1440', hours: 288 },
  ])('a connection, reconciled every $minutes min, is behind after $hours hours', ({ minutes, hours }) => {
    const found = alarmNamed('the reconciliation of a connection is behind', alarmsOf({ reconcileMinutes: minutes }));
    expect(found?.Threshold).toBe(hours * 3600);
  });

  test.each([
    { minutes: '30', hours: 1 },
    { minutes: '31', hours: 2 },
    { minutes: '240', hours: 8 },
    { minutes: '1440', hours: 24 },
  ])('what every run finds again, every $minutes min, is one alarm over $hours h', ({ minutes, hours }) => {
    const found = alarmsOf({ reconcileMinutes: minutes, usageMinutes: minutes });
    for (const name of [
      'the usage function reports errors',
      'the usage of a connection is behind',
      'the reconcile function reports errors',
      'the reconciliation of a connection is behind',
      'OpenTrain has disabled an endpoint',
      'a connection gets no deliveries',
      'removals wait for approval',
      'actions have waited for a day',
      'a reconnected customer has no links',
      'a connection needs attention',
    ]) {
      expect(alarmNamed(name, found)?.Period, name).toBe(hours * 3600);
    }
  });

  test.each([
    { usageMinutes: '60', reconcileMinutes: '300', hours: 10 },
    { usageMinutes: '300', reconcileMinutes: '30', hours: 10 },
  ])(
    '"a connection needs attention" lasts over two runs of whichever comes more rarely: %o',
    ({ hours, ...context }) => {
      expect(alarmNamed('a connection needs attention', alarmsOf(context))?.Period).toBe(hours * 3600);
    },
  );

  test.each([
    { retryCapSeconds: '900', seconds: 1800 },
    { retryCapSeconds: '20', seconds: 300 },
  ])('a delivery that keeps failing, every $retryCapSeconds s, is one alarm', ({ retryCapSeconds, seconds }) => {
    const found = alarmsOf({ retryCapSeconds, maxReceiveCount: '1000', outageToOutlastHours: '0' });
    expect(alarmNamed('the worker reports errors', found)?.Period).toBe(seconds);
  });

  describe.each([
    {
      name: 'functions are throttled',
      expression:
        'SUM([FILL(webhook, 0), FILL(budget, 0), FILL(admin, 0), FILL(worker, 0), FILL(usage, 0), FILL(reconcile, 0)])',
      seconds: 300,
      metrics: {
        webhook: 'AWS/Lambda Throttles Sum <WebhookFunction>',
        budget: 'AWS/Lambda Throttles Sum <BudgetFunction>',
        admin: 'AWS/Lambda Throttles Sum <AdminFunction>',
        worker: 'AWS/Lambda Throttles Sum <WorkerFunction>',
        usage: 'AWS/Lambda Throttles Sum <UsageFunction>',
        reconcile: 'AWS/Lambda Throttles Sum <ReconcileFunction>',
      },
    },
    {
      name: 'functions run close to their timeout',
      expression:
        'MAX([FILL(webhook, 0) / 7200, FILL(budget, 0) / 8000, FILL(admin, 0) / 23200, FILL(worker, 0) / 57500, ' +
        'FILL(usage, 0) / 297500, FILL(reconcile, 0) / 297500])',
      seconds: 900,
      metrics: {
        webhook: 'AWS/Lambda Duration Maximum <WebhookFunction>',
        budget: 'AWS/Lambda Duration Maximum <BudgetFunction>',
        admin: 'AWS/Lambda Duration Maximum <AdminFunction>',
        worker: 'AWS/Lambda Duration Maximum <WorkerFunction>',
        usage: 'AWS/Lambda Duration Maximum <UsageFunction>',
        reconcile: 'AWS/Lambda Duration Maximum <ReconcileFunction>',
      },
    },
    {
      name: 'the table is throttled',
      expression: 'SUM([FILL(reads, 0), FILL(writes, 0)])',
      seconds: 300,
      metrics: {
        reads: 'AWS/DynamoDB ReadThrottleEvents Sum <Table>',
        writes: 'AWS/DynamoDB WriteThrottleEvents Sum <Table>',
      },
    },
    {
      name: 'schedules do not get through',
      expression:
        'SUM([FILL(refused, 0), FILL(dropped, 0), FILL(unkept, 0), FILL(usageEvents, 0), FILL(reconcileEvents, 0)])',
      seconds: 300,
      metrics: {
        refused: `AWS/Scheduler TargetErrorCount Sum ${SCHEDULE_GROUP}`,
        dropped: `AWS/Scheduler InvocationDroppedCount Sum ${SCHEDULE_GROUP}`,
        unkept: `AWS/Scheduler InvocationsFailedToBeSentToDeadLetterCount Sum ${SCHEDULE_GROUP}`,
        usageEvents: 'AWS/Lambda AsyncEventsDropped Sum <UsageFunction>',
        reconcileEvents: 'AWS/Lambda AsyncEventsDropped Sum <ReconcileFunction>',
      },
    },
  ])('"$name"', ({ name, expression, seconds, metrics }) => {
    const { Metrics = [], ...alarm } = alarmNamed(name) ?? {};

    test('is raised when its expression comes to 1, and not by missing data', () => {
      expect(alarm).toMatchObject({
        ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        Threshold: 1,
        EvaluationPeriods: 1,
        TreatMissingData: 'notBreaching',
      });
      expect(Metrics.flatMap(({ Expression }) => Expression ?? [])).toEqual([expression]);
    });

    test('takes into it what AWS counts', () => {
      const counted = Metrics.flatMap(({ Id, MetricStat }) =>
        MetricStat === undefined ? [] : [{ Id, ...MetricStat }],
      );
      const described = counted.map(({ Id, Metric: { Namespace, MetricName, Dimensions = [] }, Stat }) => [
        Id,
        `${Namespace} ${MetricName} ${Stat} ${Dimensions.map(({ Value }) => asText(Value)).join(' ')}`,
      ]);
      expect(Object.fromEntries(described)).toEqual(metrics);
      expect(new Set(counted.map(({ Period }) => Period))).toEqual(new Set([seconds]));
    });
  });

  test('each schedule is in the group that is watched', () => {
    const groups = Object.values(dev.findResources('AWS::Scheduler::Schedule')).map(({ Properties }) =>
      asText(Properties.GroupName),
    );
    expect(groups).toEqual([SCHEDULE_GROUP, SCHEDULE_GROUP]);
  });

  test('each tells the topic when it begins and when it is over, and what to look at', () => {
    expect(alarms).toHaveLength(30);
    for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
      expect(AlarmActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(OKActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(AlarmDescription).toMatch(/Look (for|at|whether)/);
      expect(AlarmDescription).toMatch(/\. Runbook: docs\/runbook\.md#[a-z0-9-]+$/);
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  test('what the functions and the API log is counted by its JSON fields', () => {
    const counts = Object.values(dev.findResources('AWS::Logs::MetricFilter')).map(
      ({ Properties: { LogGroupName, FilterPattern, MetricTransformations } }) =>
        `${MetricTransformations[0].MetricName} <- ${asText(LogGroupName)} ${FilterPattern}`,
    );
    const OTHER_ERRORS =
      '{ ($.level = "error") && ($.event != "connection.disconnected") && ($.event != "connection.needs-attention") && ' +
      '($.event != "endpoint.disabled") && ($.event != "endpoint.elsewhere") && ($.event != "endpoint.given-up") && ' +
      '($.event != "endpoint.gone") && ($.event != "links.missing-after-reconnect") && ($.event != "reconcile.held") && ' +
      '($.event != "reconcile.refused") }';
    const troubled = '{ ($.event = "connection.needs-attention") || ($.event = "connection.disconnected") }';
    expect(counts.sort()).toEqual([
      'ConnectionsWithoutLinks <- <ReconcileFunctionLogs> { $.event = "links.missing-after-reconnect" }',
      'DisabledEndpoints <- <ReconcileFunctionLogs> { $.event = "endpoint.disabled" }',
      'FailingDeliveries <- <WorkerLogs> { $.event = "delivery.retried" && $.attempt >= 10 }',
      'HeldReconciliations <- <ReconcileFunctionLogs> { $.event = "reconcile.held" }',
      'LostEndpoints <- <ReconcileFunctionLogs> { ($.event = "endpoint.gone") || ($.event = "endpoint.elsewhere") || ' +
        '($.event = "endpoint.given-up") }',
      `ReconcileErrors <- <ReconcileFunctionLogs> ${OTHER_ERRORS}`,
      'Reconciliations <- <ReconcileFunctionLogs> { ($.event = "reconcile.connection-done" && $.outcome = "active") || ' +
        '($.event = "reconcile.connection-done" && $.outcome = "back") || ' +
        '($.event = "reconcile.connection-done" && $.outcome = "disconnected") || ' +
        '($.event = "reconcile.planned" && $.count = 0) }',
      'RequestsTurnedAway <- <WebhookApiAccessLog> { $.status = "429" }',
      'SignatureFailures <- <WebhookLogs> { $.event = "delivery.rejected" && $.status = 401 }',
      `TroubledConnections <- <ReconcileFunctionLogs> ${troubled}`,
      `TroubledConnections <- <UsageFunctionLogs> ${troubled}`,
      `TroubledConnections <- <WorkerLogs> ${troubled}`,
      `UsageErrors <- <UsageFunctionLogs> ${OTHER_ERRORS}`,
      'UsageRuns <- <UsageFunctionLogs> { ($.event = "usage.connection-done") || ($.event = "usage.disconnected") || ' +
        '($.event = "usage.planned" && $.count = 0) }',
      `WorkerErrors <- <WorkerLogs> ${OTHER_ERRORS}`,
    ]);
  });

  test('an error that an alarm of its own tells of is not among the others, and no pattern is too long', () => {
    const filters = Object.values(dev.findResources('AWS::Logs::MetricFilter')).map(({ Properties }) => ({
      metric: String(Properties.MetricTransformations[0].MetricName),
      pattern: String(Properties.FilterPattern),
    }));
    const eventsIn = (pattern: string, comparison: string) =>
      [...pattern.matchAll(new RegExp(`event ${comparison} "([^"]+)"`, 'g'))].map(([, event]) => event);
    const alarmed = filters.filter(
      ({ metric }) => !/Reconciliations|UsageRuns|FailingDeliveries|SignatureFailures/.test(metric),
    );
    const told = alarmed.flatMap(({ pattern }) => eventsIn(pattern, '='));
    expect(told.length).toBeGreaterThan(0);
    for (const { pattern } of filters.filter(({ metric }) => metric.endsWith('Errors'))) {
      expect(eventsIn(pattern, '!=')).toEqual(expect.arrayContaining(told));
      expect(loggedEvents()).toEqual(expect.arrayContaining(eventsIn(pattern, '!=')));
    }
    for (const { pattern } of filters) expect(pattern.length).toBeLessThanOrEqual(1024);
  });

  test('what is counted is what the functions log', () => {
    const counted = Object.values(dev.findResources('AWS::Logs::MetricFilter')).flatMap(({ Properties }) =>
      [...Properties.FilterPattern.matchAll(/\$\.event = "([^"]+)"/g)].map(([, event]) => event),
    );
    expect(loggedEvents()).toEqual(expect.arrayContaining(counted));
  });

  test('CloudWatch of this account, and nobody else, may publish to the topic', () => {
    const { PolicyDocument } = properties(dev, 'AWS::SNS::TopicPolicy', 'AlarmsTopic') as {
      PolicyDocument: { Statement: { Effect: string }[] };
    };
    expect(PolicyDocument.Statement.filter(({ Effect }) => Effect === 'Allow')).toEqual([
      expect.objectContaining({
        Action: 'sns:Publish',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Condition: expect.objectContaining({ StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } }),
      }),
    ]);
  });

  test('are mailed to whom the stage names', () => {
    dev.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'oncall@example.com' });
    synthesize().resourceCountIs('AWS::SNS::Subscription', 0);
  });
});
