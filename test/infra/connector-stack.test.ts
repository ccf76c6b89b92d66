import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { asText, permissions, properties, resource, synthesize, WORKSPACE_URL } from './synthesize.ts';

const dev = synthesize();
const prod = synthesize({ stage: 'prod' });

describe('queues', () => {
  test('a message stays invisible for at least six times the time that the worker may take', () => {
    const { VisibilityTimeout } = properties(dev, 'AWS::SQS::Queue', 'DeliveriesQueue');
    const { Timeout } = properties(dev, 'AWS::Lambda::Function', 'Worker');
    expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * Number(Timeout));
  });

  test('both keep a message for 14 days, take 1 MiB and are encrypted', () => {
    dev.resourceCountIs('AWS::SQS::Queue', 2);
    dev.allResourcesProperties('AWS::SQS::Queue', {
      MessageRetentionPeriod: 14 * 24 * 3600,
      MaximumMessageSize: 1024 * 1024,
      SqsManagedSseEnabled: true,
    });
  });

  test('refuse whoever comes without TLS, as does the topic', () => {
    const withoutTls = { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    const policy = { PolicyDocument: { Statement: Match.arrayWith([Match.objectLike(withoutTls)]) } };
    dev.resourcePropertiesCountIs('AWS::SQS::QueuePolicy', policy, 2);
    dev.resourcePropertiesCountIs('AWS::SNS::TopicPolicy', policy, 1);
  });

  test('a delivery goes to the dead-letter queue after the attempts of the stage', () => {
    const redrivePolicyOf = (context: Record<string, string>) =>
      properties(synthesize(context), 'AWS::SQS::Queue', 'DeliveriesQueue').RedrivePolicy;
    expect(redrivePolicyOf({})).toMatchObject({ maxReceiveCount: 100 });
    expect(redrivePolicyOf({ maxReceiveCount: '200' })).toMatchObject({ maxReceiveCount: 200 });
  });

  test('the dead-letter queue serves the deliveries and no other queue', () => {
    const { RedriveAllowPolicy } = properties(dev, 'AWS::SQS::Queue', 'DeliveriesDeadLetterQueue') as {
      RedriveAllowPolicy: { redrivePermission: string; sourceQueueArns: unknown[] };
    };
    const { QueueName } = properties(dev, 'AWS::SQS::Queue', 'DeliveriesQueue');
    expect(RedriveAllowPolicy.redrivePermission).toBe('byQueue');
    expect(RedriveAllowPolicy.sourceQueueArns.map(asText)).toEqual([
      `arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${asText(QueueName)}`,
    ]);
  });

  test('the worker gets ten messages at most, answers for each, and is not kept waiting for a full batch', () => {
    dev.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
      MaximumBatchingWindowInSeconds: Match.absent(),
    });
  });
});

describe('table', () => {
  test('is on demand, encrypted, recoverable to any second, and lets old items expire', () => {
    dev.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      Replicas: [Match.objectLike({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true } })],
    });
  });

  test.each([
    { name: 'prod', template: prod, deletion: 'Retain', protection: true },
    { name: 'dev', template: dev, deletion: 'Delete', protection: false },
  ])('$name: deletion of the stack means $deletion', ({ template, deletion, protection }) => {
    const table = resource(template, 'AWS::DynamoDB::GlobalTable', 'Table');
    expect(table).toMatchObject({ DeletionPolicy: deletion, UpdateReplacePolicy: deletion });
    expect(table.Properties).toMatchObject({ Replicas: [{ DeletionProtectionEnabled: protection }] });
    expect(resource(template, 'AWS::SQS::Queue', 'DeliveriesQueue').DeletionPolicy).toBe(deletion);
    expect(resource(template, 'AWS::SQS::Queue', 'DeliveriesDeadLetterQueue').DeletionPolicy).toBe(deletion);
  });
});

describe('functions', () => {
  test('run on Node 24 and arm64', () => {
    dev.resourceCountIs('AWS::Lambda::Function', 2);
    dev.allResourcesProperties('AWS::Lambda::Function', { Runtime: 'nodejs24.x', Architectures: ['arm64'] });
  });

  test('the webhook function ends before OpenTrain stops waiting after 10 s', () => {
    expect(properties(dev, 'AWS::Lambda::Function', 'Webhook').Timeout).toBeLessThan(10);
  });

  test.each(['Webhook', 'Worker'])('%s has a role and a log group of its own', (name) => {
    const { Role, LoggingConfig } = properties(dev, 'AWS::Lambda::Function', name);
    expect(asText(Role)).toBe(`<${name}Role.Arn>`);
    expect(LoggingConfig).toEqual({ LogGroup: expect.anything() });
    expect(asText((LoggingConfig as { LogGroup: unknown }).LogGroup)).toBe(`<${name}Logs>`);
    expect(properties(dev, 'AWS::IAM::Role', name)).not.toHaveProperty('ManagedPolicyArns');
  });

  test('get the settings that they read, and no secret among them', () => {
    const environmentOf = (name: string) =>
      (properties(dev, 'AWS::Lambda::Function', name).Environment as { Variables: Record<string, unknown> }).Variables;
    expect(Object.keys(environmentOf('Webhook'))).toEqual(['QUEUE_URL', 'CREDENTIALS_PATH']);
    expect(environmentOf('Worker')).toEqual({
      QUEUE_URL: { Ref: expect.stringMatching(/^DeliveriesQueue/) },
      TABLE_NAME: { Ref: expect.stringMatching(/^Table/) },
      CREDENTIALS_PATH: '/opentrain/dev',
      OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
      WORKSPACE: 'http',
      WORKSPACE_URL,
      RETRY_BASE_SECONDS: '4',
      RETRY_CAP_SECONDS: '900',
    });
  });
});

describe('two adapters', () => {
  test('the worker is told where the usage comes from, if that is somewhere else', () => {
    const usage = { usageWorkspace: 'http', usageWorkspaceUrl: 'https://totals.example.com' };
    const template = synthesize({ workspace: 'scim', ...usage });
    const { Environment } = properties(template, 'AWS::Lambda::Function', 'Worker');
    expect((Environment as { Variables: unknown }).Variables).toMatchObject({
      WORKSPACE: 'scim',
      WORKSPACE_URL,
      USAGE_WORKSPACE: 'http',
      USAGE_WORKSPACE_URL: 'https://totals.example.com',
    });
  });
});

// The exact actions on the exact resources. Three wildcards cannot be avoided: ids of connections and of workspaces
// in the names of parameters, since connections come and go without a deployment; and the streams within a log group,
// which a log group's `Arn` in CloudFormation already ends in (`:*`).
describe('roles', () => {
  const parameter = (name: string) =>
    `arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/opentrain/dev/${name}`;

  test('the webhook function may read webhook secrets, enqueue, and write its own log', () => {
    expect(permissions(dev, 'WebhookRole')).toEqual({
      'logs:CreateLogStream': ['<WebhookLogs.Arn>'],
      'logs:PutLogEvents': ['<WebhookLogs.Arn>'],
      'sqs:SendMessage': ['<DeliveriesQueue.Arn>'],
      'ssm:GetParameter': [parameter('connections/*/webhook-secrets')],
    });
  });

  test('the worker may read tokens, work off the queue, keep its table, and write its own log', () => {
    expect(permissions(dev, 'WorkerRole')).toEqual({
      'dynamodb:BatchGetItem': ['<Table.Arn>'],
      'dynamodb:GetItem': ['<Table.Arn>'],
      'dynamodb:Query': ['<Table.Arn>'],
      'dynamodb:UpdateItem': ['<Table.Arn>'],
      'logs:CreateLogStream': ['<WorkerLogs.Arn>'],
      'logs:PutLogEvents': ['<WorkerLogs.Arn>'],
      'sqs:ChangeMessageVisibility': ['<DeliveriesQueue.Arn>'],
      'sqs:DeleteMessage': ['<DeliveriesQueue.Arn>'],
      'sqs:GetQueueAttributes': ['<DeliveriesQueue.Arn>'],
      'sqs:ReceiveMessage': ['<DeliveriesQueue.Arn>'],
      'ssm:GetParameter': [
        parameter('connections/*/token'),
        parameter('workspaces/*/token'),
        parameter('workspaces/*/usage-token'),
      ],
    });
  });

  test('there is no other role, and API Gateway may call the webhook function by its one route only', () => {
    dev.resourceCountIs('AWS::IAM::Role', 2);
    dev.resourceCountIs('AWS::Lambda::Permission', 1);
    const { SourceArn } = properties(dev, 'AWS::Lambda::Permission', 'WebhookApi');
    expect(asText(SourceArn)).toMatch(/<WebhookApi>\/\*\/\*\/webhooks\/opentrain\/\{connectionId\}$/);
  });
});

describe('API', () => {
  test('has one route', () => {
    dev.resourceCountIs('AWS::ApiGatewayV2::Route', 1);
    dev.hasResourceProperties('AWS::ApiGatewayV2::Route', { RouteKey: 'POST /webhooks/opentrain/{connectionId}' });
    dev.hasResourceProperties('AWS::ApiGatewayV2::Integration', { PayloadFormatVersion: '2.0' });
  });

  test.each([
    { name: 'dev', template: dev, ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 },
    { name: 'prod', template: prod, ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 },
  ])(
    '$name: $ThrottlingRateLimit requests a second, $ThrottlingBurstLimit at once',
    ({ template, name: _, ...limits }) => {
      template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
        StageName: '$default',
        DefaultRouteSettings: limits,
      });
    },
  );

  test('the access log tells who, what and how it ended, without header, body or query', () => {
    const { AccessLogSettings } = properties(dev, 'AWS::ApiGatewayV2::Stage', 'WebhookApi');
    const { DestinationArn, Format } = AccessLogSettings as { DestinationArn: unknown; Format: string };
    expect(asText(DestinationArn)).toBe('<WebhookApiAccessLog.Arn>');
    expect(Object.values(JSON.parse(Format))).toEqual([
      '$context.requestId',
      '$context.requestTimeEpoch',
      '$context.identity.sourceIp',
      '$context.httpMethod',
      '$context.path',
      '$context.routeKey',
      '$context.status',
      '$context.responseLatency',
      '$context.integrationLatency',
      '$context.integration.integrationStatus',
      '$context.responseLength',
      '$context.error.message',
    ]);
  });
});

describe('logs', () => {
  test.each([
    { name: 'dev', template: dev, days: 14 },
    { name: 'prod', template: prod, days: 90 },
  ])('$name: are kept for $days days', ({ template, days }) => {
    template.resourceCountIs('AWS::Logs::LogGroup', 3);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: days });
  });
});

describe('the template as a whole', () => {
  test('hands out what an operator needs', () => {
    expect(Object.keys(dev.findOutputs('*')).sort()).toEqual([
      'AccessLogGroup',
      'AlarmTopicArn',
      'ApiUrl',
      'CredentialsPath',
      'DeadLetterQueueUrl',
      'QueueUrl',
      'TableName',
      'WebhookLogGroup',
      'WebhookUrlTemplate',
      'WorkerLogGroup',
    ]);
  });

  test('holds nothing that looks like a secret, and no parameter of SSM', () => {
    const text = JSON.stringify(prod.toJSON());
    expect(text).not.toMatch(/whsec_|ot_ptk_|ot_pat_|Bearer |AKIA|-----BEGIN/);
    expect(text).not.toMatch(/\{\{resolve:/);
    prod.resourceCountIs('AWS::SSM::Parameter', 0);
  });
});
