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
  readonly Dimensions?: readonly { readonly Value: unknown }[];
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

const dev = synthesize({ alarmEmail: 'oncall@example.com' });
const alarms = Object.values(dev.findResources('AWS::CloudWatch::Alarm')).map(
  ({ Properties }) => Properties as AlarmProperties,
);

const alarmNamed = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `OpenTrain connector (dev): ${name}`);

const { Name: SCHEDULE_GROUP } = properties(dev, 'AWS::Scheduler::ScheduleGroup', 'Schedules');

describe('alarms', () => {
  test.each([
    {
      name: 'deliveries were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible',
      threshold: 1,
      seconds: 60,
    },
    { name: 'deliveries are waiting', metric: 'AWS/SQS ApproximateAgeOfOldestMessage', threshold: 900, seconds: 60 },
    { name: 'deliveries keep failing', metric: 'OpenTrainConnector/dev FailingDeliveries', threshold: 1, seconds: 900 },
    { name: 'the API answers with errors', metric: 'AWS/ApiGateway 5xx', threshold: 1, seconds: 300 },
    {
      name: 'deliveries with a wrong signature',
      metric: 'OpenTrainConnector/dev SignatureFailures',
      threshold: 5,
      seconds: 900,
    },
    { name: 'the worker crashes', metric: 'AWS/Lambda Errors', threshold: 1, seconds: 300 },
    { name: 'the worker reports errors', metric: 'OpenTrainConnector/dev WorkerErrors', threshold: 1, seconds: 300 },
    {
      name: 'usage runs were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible',
      threshold: 1,
      seconds: 60,
    },
    { name: 'usage was not planned', metric: 'AWS/SQS ApproximateNumberOfMessagesVisible', threshold: 1, seconds: 60 },
    { name: 'the usage function crashes', metric: 'AWS/Lambda Errors', threshold: 1, seconds: 300 },
    {
      name: 'the usage function reports errors',
      metric: 'OpenTrainConnector/dev UsageErrors',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'reconciliations were given up',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible',
      threshold: 1,
      seconds: 60,
    },
    {
      name: 'reconciliation was not planned',
      metric: 'AWS/SQS ApproximateNumberOfMessagesVisible',
      threshold: 1,
      seconds: 60,
    },
    { name: 'the reconcile function crashes', metric: 'AWS/Lambda Errors', threshold: 1, seconds: 300 },
    {
      name: 'the reconcile function reports errors',
      metric: 'OpenTrainConnector/dev ReconcileErrors',
      threshold: 1,
      seconds: 300,
    },
    {
      name: 'OpenTrain has disabled an endpoint',
      metric: 'OpenTrainConnector/dev DisabledEndpoints',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'a connection gets no deliveries',
      metric: 'OpenTrainConnector/dev LostEndpoints',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'removals wait for approval',
      metric: 'OpenTrainConnector/dev HeldReconciliations',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'actions have waited for a day',
      metric: 'OpenTrainConnector/dev ActionsOverdue',
      threshold: 1,
      seconds: 3600,
    },
    {
      name: 'a connection needs attention',
      metric: 'OpenTrainConnector/dev TroubledConnections',
      threshold: 1,
      seconds: 3600,
    },
  ])('"$name" watches $metric', ({ name, metric, threshold, seconds }) => {
    const alarm = alarmNamed(name);
    expect(alarm).toMatchObject({
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: threshold,
      EvaluationPeriods: 1,
      Period: seconds,
      TreatMissingData: 'notBreaching',
    });
    expect(`${alarm?.Namespace} ${alarm?.MetricName}`).toBe(metric);
  });

  test('"no usage is reported" is raised when none was for 26 hours', () => {
    expect(alarmNamed('no usage is reported')).toMatchObject({
      Namespace: 'OpenTrainConnector/dev',
      MetricName: 'UsageRuns',
      Statistic: 'Sum',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      EvaluationPeriods: 26,
      Period: 3600,
      TreatMissingData: 'breaching',
    });
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
      synthesize({ reconcileMinutes: minutes }).hasResourceProperties('AWS::CloudWatch::Alarm', {
        AlarmName: 'OpenTrain connector (dev): nothing is reconciled',
        Namespace: 'OpenTrainConnector/dev',
        MetricName: 'Reconciliations',
        Statistic: 'Sum',
        ComparisonOperator: 'LessThanThreshold',
        Threshold: 1,
        EvaluationPeriods: hours,
        Period: 3600,
        TreatMissingData: 'breaching',
      });
    },
  );

  test.each([
    { minutes: '30', hours: 1 },
    { minutes: '31', hours: 2 },
    { minutes: '240', hours: 8 },
    { minutes: '1440', hours: 24 },
  ])('what every reconciliation finds again, every $minutes min, is one alarm over $hours h', ({ minutes, hours }) => {
    const names = ['OpenTrain has disabled an endpoint', 'removals wait for approval', 'actions have waited for a day'];
    const template = synthesize({ reconcileMinutes: minutes });
    for (const name of names) {
      const AlarmName = `OpenTrain connector (dev): ${name}`;
      template.hasResourceProperties('AWS::CloudWatch::Alarm', { AlarmName, Period: hours * 3600 });
    }
  });

  test.each([
    { name: 'deliveries were given up', queue: 'DeliveriesDeadLetterQueue' },
    { name: 'deliveries are waiting', queue: 'DeliveriesQueue' },
    { name: 'usage runs were given up', queue: 'UsageRunsDeadLetterQueue' },
    { name: 'usage was not planned', queue: 'UsageDropped' },
    { name: 'reconciliations were given up', queue: 'ReconcileRunsDeadLetterQueue' },
    { name: 'reconciliation was not planned', queue: 'ReconcileDropped' },
  ])('"$name" watches the queue $queue', ({ name, queue }) => {
    const { Dimensions = [] } = alarmNamed(name) ?? {};
    expect(Dimensions.map(({ Value }) => asText(Value))).toEqual([`<${queue}.QueueName>`]);
  });

  test.each([
    { name: 'the worker crashes', watched: 'WorkerFunction' },
    { name: 'the usage function crashes', watched: 'UsageFunction' },
    { name: 'the reconcile function crashes', watched: 'ReconcileFunction' },
  ])('"$name" watches the function $watched', ({ name, watched }) => {
    const { Dimensions = [] } = alarmNamed(name) ?? {};
    expect(Dimensions.map(({ Value }) => asText(Value))).toEqual([`<${watched}>`]);
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
    expect(alarms).toHaveLength(26);
    for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
      expect(AlarmActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(OKActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(AlarmDescription).toMatch(/Look (for|at|whether)/);
      expect(AlarmDescription).toMatch(/\. Runbook: docs\/runbook\.md#[a-z0-9-]+$/);
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  test('what the functions log is counted by its JSON fields', () => {
    const counts = Object.values(dev.findResources('AWS::Logs::MetricFilter')).map(
      ({ Properties: { LogGroupName, FilterPattern, MetricTransformations } }) =>
        `${MetricTransformations[0].MetricName} <- ${asText(LogGroupName)} ${FilterPattern}`,
    );
    const troubled = '{ ($.event = "connection.needs-attention") || ($.event = "connection.disconnected") }';
    expect(counts.sort()).toEqual([
      'DisabledEndpoints <- <ReconcileFunctionLogs> { $.event = "endpoint.disabled" }',
      'FailingDeliveries <- <WorkerLogs> { $.event = "delivery.retried" && $.attempt >= 10 }',
      'HeldReconciliations <- <ReconcileFunctionLogs> { $.event = "reconcile.held" }',
      'LostEndpoints <- <ReconcileFunctionLogs> { ($.event = "endpoint.gone") || ($.event = "endpoint.elsewhere") || ' +
        '($.event = "endpoint.given-up") }',
      'ReconcileErrors <- <ReconcileFunctionLogs> { $.level = "error" }',
      'Reconciliations <- <ReconcileFunctionLogs> { ($.event = "reconcile.connection-done") || ' +
        '($.event = "reconcile.planned" && $.count = 0) }',
      'SignatureFailures <- <WebhookLogs> { $.event = "delivery.rejected" && $.status = 401 }',
      `TroubledConnections <- <ReconcileFunctionLogs> ${troubled}`,
      `TroubledConnections <- <UsageFunctionLogs> ${troubled}`,
      `TroubledConnections <- <WorkerLogs> ${troubled}`,
      'UsageErrors <- <UsageFunctionLogs> { $.level = "error" }',
      'UsageRuns <- <UsageFunctionLogs> { ($.event = "usage.connection-done") || ($.event = "usage.disconnected") || ' +
        '($.event = "usage.planned" && $.count = 0) }',
      'WorkerErrors <- <WorkerLogs> { $.level = "error" }',
    ]);
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
