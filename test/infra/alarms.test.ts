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
}

const dev = synthesize({ alarmEmail: 'oncall@example.com' });
const alarms = Object.values(dev.findResources('AWS::CloudWatch::Alarm')).map(
  ({ Properties }) => Properties as AlarmProperties,
);

const alarmNamed = (name: string) => alarms.find(({ AlarmName }) => AlarmName === `OpenTrain connector (dev): ${name}`);

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

  test('each tells the topic when it begins and when it is over, and what to look at', () => {
    expect(alarms).toHaveLength(21);
    for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
      expect(AlarmActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(OKActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(AlarmDescription).toMatch(/Look (for|at|whether)/);
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
