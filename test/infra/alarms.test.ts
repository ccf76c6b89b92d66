import { describe, expect, test } from 'vitest';
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
  readonly TreatMissingData: string;
}

const dev = synthesize({ alarmEmail: 'oncall@example.com' });
const alarms = Object.values(dev.findResources('AWS::CloudWatch::Alarm')).map(
  ({ Properties }) => Properties as AlarmProperties,
);

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
    { name: 'the webhook answers with errors', metric: 'AWS/ApiGateway 5xx', threshold: 1, seconds: 300 },
    {
      name: 'deliveries with a wrong signature',
      metric: 'OpenTrainConnector/dev SignatureFailures',
      threshold: 5,
      seconds: 900,
    },
    { name: 'the worker crashes', metric: 'AWS/Lambda Errors', threshold: 1, seconds: 300 },
    { name: 'the worker reports errors', metric: 'OpenTrainConnector/dev WorkerErrors', threshold: 1, seconds: 300 },
  ])('"$name" watches $metric', ({ name, metric, threshold, seconds }) => {
    const alarm = alarms.find(({ AlarmName }) => AlarmName === `OpenTrain connector (dev): ${name}`);
    expect(alarm).toMatchObject({ Threshold: threshold, Period: seconds, TreatMissingData: 'notBreaching' });
    expect(`${alarm?.Namespace} ${alarm?.MetricName}`).toBe(metric);
  });

  test('each tells the topic when it begins and when it is over, and what to look at', () => {
    expect(alarms).toHaveLength(7);
    for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
      expect(AlarmActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(OKActions.map(asText)).toEqual(['<AlarmsTopic>']);
      expect(AlarmDescription).toMatch(/Look (for|at|whether)/);
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  test('what the functions log is counted by its JSON fields', () => {
    const patterns = Object.values(dev.findResources('AWS::Logs::MetricFilter')).map(
      ({ Properties }) => `${asText(Properties.LogGroupName)} ${Properties.FilterPattern}`,
    );
    expect(patterns.sort()).toEqual([
      '<WebhookLogs> { $.event = "delivery.rejected" && $.status = 401 }',
      '<WorkerLogs> { $.event = "delivery.retried" && $.attempt >= 10 }',
      '<WorkerLogs> { $.level = "error" }',
    ]);
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
