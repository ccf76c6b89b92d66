import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import {
  asText,
  environmentIn,
  KEY_ARN,
  permissions,
  properties,
  resource,
  synthesize,
  WORKSPACE_URL,
} from './synthesize.ts';

const dev = synthesize();
const prod = synthesize({ stage: 'prod' });
const API_ENDPOINT = { 'Fn::GetAtt': [expect.stringMatching(/^WebhookApi/), 'ApiEndpoint'] };

describe('queues', () => {
  test.each([
    { queue: 'DeliveriesQueue', consumer: 'Worker' },
    { queue: 'UsageRunsQueue', consumer: 'UsageFunction' },
    { queue: 'ReconcileRunsQueue', consumer: 'ReconcileFunction' },
  ])('a message of $queue stays invisible for six times the time that $consumer may take', ({ queue, consumer }) => {
    const { VisibilityTimeout } = properties(dev, 'AWS::SQS::Queue', queue);
    const { Timeout } = properties(dev, 'AWS::Lambda::Function', consumer);
    expect(VisibilityTimeout).toBeGreaterThanOrEqual(6 * Number(Timeout));
  });

  test('all keep a message for 14 days, take 1 MiB and are encrypted', () => {
    dev.resourceCountIs('AWS::SQS::Queue', 8);
    dev.allResourcesProperties('AWS::SQS::Queue', {
      MessageRetentionPeriod: 14 * 24 * 3600,
      MaximumMessageSize: 1024 * 1024,
      SqsManagedSseEnabled: true,
    });
  });

  test('refuse whoever comes without TLS, as does the topic', () => {
    const withoutTls = { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } };
    const policy = { PolicyDocument: { Statement: Match.arrayWith([Match.objectLike(withoutTls)]) } };
    dev.resourcePropertiesCountIs('AWS::SQS::QueuePolicy', policy, 8);
    dev.resourcePropertiesCountIs('AWS::SNS::TopicPolicy', policy, 1);
  });

  test('a delivery goes to the dead-letter queue after the attempts of the stage', () => {
    const redrivePolicyOf = (context: Record<string, string>) =>
      properties(synthesize(context), 'AWS::SQS::Queue', 'DeliveriesQueue').RedrivePolicy;
    expect(redrivePolicyOf({})).toMatchObject({ maxReceiveCount: 100 });
    expect(redrivePolicyOf({ maxReceiveCount: '200' })).toMatchObject({ maxReceiveCount: 200 });
  });

  test.each(['UsageRuns', 'ReconcileRuns'])('one of %s goes to the dead-letter queue after 20 attempts', (name) => {
    expect(properties(dev, 'AWS::SQS::Queue', `${name}Queue`).RedrivePolicy).toMatchObject({ maxReceiveCount: 20 });
  });

  test.each(['Deliveries', 'UsageRuns', 'ReconcileRuns'])(
    'the dead-letter queue of %s serves that queue and no other',
    (name) => {
      const { RedriveAllowPolicy } = properties(dev, 'AWS::SQS::Queue', `${name}DeadLetterQueue`) as {
        RedriveAllowPolicy: { redrivePermission: string; sourceQueueArns: unknown[] };
      };
      const { QueueName } = properties(dev, 'AWS::SQS::Queue', `${name}Queue`);
      expect(RedriveAllowPolicy.redrivePermission).toBe('byQueue');
      expect(RedriveAllowPolicy.sourceQueueArns.map(asText)).toEqual([
        `arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:${asText(QueueName)}`,
      ]);
    },
  );

  test('the worker gets ten messages at most, answers for each, and is not kept waiting for a full batch', () => {
    expect(properties(dev, 'AWS::Lambda::EventSourceMapping', 'Deliveries')).toMatchObject({
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
    dev.hasResourceProperties('AWS::Lambda::EventSourceMapping', { MaximumBatchingWindowInSeconds: Match.absent() });
  });

  test.each([
    { name: 'UsageRuns', setting: 'usageConcurrency' },
    { name: 'ReconcileRuns', setting: 'reconcileConcurrency' },
  ])('$name are worked off one by one, for as many connections at once as $setting says', ({ name, setting }) => {
    const mappingOf = (context: Record<string, string>) =>
      properties(synthesize(context), 'AWS::Lambda::EventSourceMapping', name);
    expect(mappingOf({})).toMatchObject({
      BatchSize: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 5 },
    });
    expect(mappingOf({ [setting]: '20' })).toMatchObject({ ScalingConfig: { MaximumConcurrency: 20 } });
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
    const queues = Object.values(template.findResources('AWS::SQS::Queue'));
    expect(queues.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(queues.map(() => deletion));
  });
});

describe('functions', () => {
  test('run on Node 24 and arm64', () => {
    dev.resourceCountIs('AWS::Lambda::Function', 6);
    dev.allResourcesProperties('AWS::Lambda::Function', { Runtime: 'nodejs24.x', Architectures: ['arm64'] });
  });

  test('the webhook function ends before OpenTrain stops waiting after 10 s', () => {
    expect(properties(dev, 'AWS::Lambda::Function', 'Webhook').Timeout).toBeLessThan(10);
  });

  test('the admin function ends before API Gateway stops waiting after 30 s', () => {
    expect(properties(dev, 'AWS::Lambda::Function', 'Admin').Timeout).toBeLessThan(30);
  });

  test.each(['Webhook', 'Worker', 'UsageFunction', 'ReconcileFunction', 'Budget', 'Admin'])(
    '%s has a role and a log group of its own',
    (name) => {
      const { Role, LoggingConfig } = properties(dev, 'AWS::Lambda::Function', name);
      expect(asText(Role)).toBe(`<${name}Role.Arn>`);
      expect(LoggingConfig).toEqual({ LogGroup: expect.anything() });
      expect(asText((LoggingConfig as { LogGroup: unknown }).LogGroup)).toBe(`<${name}Logs>`);
      expect(properties(dev, 'AWS::IAM::Role', name)).not.toHaveProperty('ManagedPolicyArns');
    },
  );

  test('get the settings that they read, and no secret among them', () => {
    const environmentOf = (name: string) => {
      const { METRICS_NAMESPACE, ...own } = environmentIn(dev, name);
      expect(METRICS_NAMESPACE).toBe('OpenTrainConnector/dev');
      return own;
    };
    expect(Object.keys(environmentOf('Webhook'))).toEqual(['QUEUE_URL', 'CREDENTIALS_PATH']);
    const work = {
      TABLE_NAME: { Ref: expect.stringMatching(/^Table/) },
      CREDENTIALS_PATH: '/opentrain/dev',
      OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
      WORKSPACE: 'http',
      WORKSPACE_URL,
      TOP_UP_URL: 'https://app.opentrain.ai',
      RETRY_BASE_SECONDS: '4',
      RETRY_CAP_SECONDS: '900',
    };
    expect(environmentOf('Worker')).toEqual({
      ...work,
      QUEUE_URL: { Ref: expect.stringMatching(/^DeliveriesQueue/) },
      KEEP_AFTER_UNLINK: 'false',
    });
    expect(environmentOf('UsageFunction')).toEqual({
      ...work,
      USAGE_QUEUE_URL: { Ref: expect.stringMatching(/^UsageRunsQueue/) },
      USAGE_INTERVAL_MINUTES: '60',
      USAGE_LOOK_BACK_DAYS: '3',
    });
    expect(environmentOf('ReconcileFunction')).toEqual({
      ...work,
      RECONCILE_QUEUE_URL: { Ref: expect.stringMatching(/^ReconcileRunsQueue/) },
      WEBHOOK_BASE_URL: API_ENDPOINT,
      RECONCILE_MINUTES: '30',
      GRACE_HOURS: '24',
      KEEP_AFTER_UNLINK: 'false',
    });
    expect(environmentOf('Budget')).toEqual({ TABLE_NAME: { Ref: expect.stringMatching(/^Table/) } });
    expect(environmentOf('Admin')).toEqual({
      TABLE_NAME: { Ref: expect.stringMatching(/^Table/) },
      CREDENTIALS_PATH: '/opentrain/dev',
      OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
      WEBHOOK_BASE_URL: API_ENDPOINT,
    });
  });

  test('are told how often to reconcile, and for how long access outlasts a link or a connection', () => {
    const template = synthesize({ reconcileMinutes: '90', graceHours: '0', keepAccessAfterUnlink: 'true' });
    expect(environmentIn(template, 'ReconcileFunction')).toMatchObject({
      RECONCILE_MINUTES: '90',
      GRACE_HOURS: '0',
      KEEP_AFTER_UNLINK: 'true',
    });
    expect(environmentIn(template, 'Worker')).toMatchObject({ KEEP_AFTER_UNLINK: 'true' });
  });
});

describe('a domain in front of the API', () => {
  const template = synthesize({ webhookBaseUrl: 'https://hooks.example.com/opentrain/' });
  const WEBHOOK_BASE_URL = 'https://hooks.example.com/opentrain';

  test.each(['ReconcileFunction', 'Admin'])('%s has OpenTrain deliver there', (name) => {
    expect(environmentIn(template, name)).toMatchObject({ WEBHOOK_BASE_URL });
  });

  test('operators are told it, and whoever signs requests still has the address of the API itself', () => {
    expect(template.findOutputs('*')).toMatchObject({
      ApiUrl: { Value: API_ENDPOINT },
      WebhookBaseUrl: { Value: WEBHOOK_BASE_URL },
      WebhookUrlTemplate: { Value: `${WEBHOOK_BASE_URL}/webhooks/opentrain/{connectionId}` },
    });
  });
});

describe('two adapters', () => {
  test.each(['Worker', 'UsageFunction', 'ReconcileFunction'])(
    '%s is told where the usage comes from, if that is somewhere else',
    (name) => {
      const usage = { usageWorkspace: 'http', usageWorkspaceUrl: 'https://totals.example.com' };
      const template = synthesize({ workspace: 'scim', ...usage });
      expect(environmentIn(template, name)).toMatchObject({
        WORKSPACE: 'scim',
        WORKSPACE_URL,
        USAGE_WORKSPACE: 'http',
        USAGE_WORKSPACE_URL: 'https://totals.example.com',
      });
    },
  );
});

// The exact actions on the exact resources. Four wildcards cannot be avoided: ids of connections and of workspaces
// in the names of parameters, since connections come and go without a deployment; the streams within a log group,
// which a log group's `Arn` in CloudFormation already ends in (`:*`); and X-Ray, which has no resources.
describe('roles', () => {
  const TRACING = { 'xray:PutTelemetryRecords': ['*'], 'xray:PutTraceSegments': ['*'] };
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

  test.each(['Usage', 'Reconcile'])(
    'the %s function may do to its own queue and the table what the worker may, and keep what it drops',
    (name) => {
      expect(permissions(dev, `${name}FunctionRole`)).toEqual({
        'dynamodb:BatchGetItem': ['<Table.Arn>'],
        'dynamodb:GetItem': ['<Table.Arn>'],
        'dynamodb:Query': ['<Table.Arn>'],
        'dynamodb:UpdateItem': ['<Table.Arn>'],
        'logs:CreateLogStream': [`<${name}FunctionLogs.Arn>`],
        'logs:PutLogEvents': [`<${name}FunctionLogs.Arn>`],
        'sqs:ChangeMessageVisibility': [`<${name}RunsQueue.Arn>`],
        'sqs:DeleteMessage': [`<${name}RunsQueue.Arn>`],
        'sqs:GetQueueAttributes': [`<${name}RunsQueue.Arn>`],
        'sqs:ReceiveMessage': [`<${name}RunsQueue.Arn>`],
        'sqs:SendMessage': [`<${name}RunsQueue.Arn>`, `<${name}Dropped.Arn>`],
        'ssm:GetParameter': [
          parameter('connections/*/token'),
          parameter('workspaces/*/token'),
          parameter('workspaces/*/usage-token'),
        ],
        ...TRACING,
      });
    },
  );

  test('the budget function may read the table, and write its own log', () => {
    expect(permissions(dev, 'BudgetRole')).toEqual({
      'dynamodb:BatchGetItem': ['<Table.Arn>'],
      'dynamodb:GetItem': ['<Table.Arn>'],
      'dynamodb:Query': ['<Table.Arn>'],
      'logs:CreateLogStream': ['<BudgetLogs.Arn>'],
      'logs:PutLogEvents': ['<BudgetLogs.Arn>'],
      ...TRACING,
    });
  });

  test("the admin function may keep the table and connections' credentials, and write its own log", () => {
    const credentials = [parameter('connections/*/token'), parameter('connections/*/webhook-secrets')];
    expect(permissions(dev, 'AdminRole')).toEqual({
      'dynamodb:BatchGetItem': ['<Table.Arn>'],
      'dynamodb:GetItem': ['<Table.Arn>'],
      'dynamodb:Query': ['<Table.Arn>'],
      'dynamodb:UpdateItem': ['<Table.Arn>'],
      'logs:CreateLogStream': ['<AdminLogs.Arn>'],
      'logs:PutLogEvents': ['<AdminLogs.Arn>'],
      'ssm:DeleteParameter': credentials,
      'ssm:GetParameter': credentials,
      'ssm:PutParameter': credentials,
      ...TRACING,
    });
  });

  test.each(['Usage', 'Reconcile'])(
    'the schedule may call the %s function, and keep what it could not hand over',
    (name) => {
      expect(permissions(dev, `${name}ScheduleRole`)).toEqual({
        'lambda:InvokeFunction': [`<${name}Function.Arn>`],
        'sqs:SendMessage': [`<${name}Dropped.Arn>`],
      });
    },
  );

  test.each(['Usage', 'Reconcile'])('the role of the %s schedule is for schedules of this stack only', (name) => {
    const { AssumeRolePolicyDocument } = properties(dev, 'AWS::IAM::Role', `${name}ScheduleRole`) as {
      AssumeRolePolicyDocument: { Statement: { Principal: unknown; Condition: { StringEquals: object } }[] };
    };
    const [statement, ...others] = AssumeRolePolicyDocument.Statement;
    expect(others).toEqual([]);
    expect(statement?.Principal).toEqual({ Service: 'scheduler.amazonaws.com' });
    expect(Object.entries(statement?.Condition.StringEquals ?? {}).map(([key, value]) => [key, asText(value)])).toEqual(
      [
        ['aws:SourceAccount', '<AWS::AccountId>'],
        ['aws:SourceArn', '<Schedules.Arn>'],
      ],
    );
  });

  test('there is no other role, and API Gateway may call each function by its own routes only', () => {
    dev.resourceCountIs('AWS::IAM::Role', 8);
    const callers = Object.values(dev.findResources('AWS::Lambda::Permission')).map(
      ({ Properties }) => `${asText(Properties.FunctionName)} ${asText(Properties.SourceArn)}`,
    );
    const route = 'arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<WebhookApi>/*/*';
    expect([...new Set(callers)].sort()).toEqual([
      `<AdminFunction.Arn> ${route}/connections/{connectionId}`,
      `<BudgetFunction.Arn> ${route}/connections/{connectionId}/projects/{externalProjectId}/budget`,
      `<WebhookFunction.Arn> ${route}/webhooks/opentrain/{connectionId}`,
    ]);
  });
});

describe.each([
  { name: 'Usage', setting: 'usageMinutes', rate: 'rate(1 hour)' },
  { name: 'Reconcile', setting: 'reconcileMinutes', rate: 'rate(30 minutes)' },
])('the $name schedule', ({ name, setting, rate: byDefault }) => {
  const scheduleOf = (context: Record<string, string> = {}) =>
    properties(synthesize(context), 'AWS::Scheduler::Schedule', `${name}Schedule`);

  test(`calls its function at a ${byDefault}, within a quarter of an hour`, () => {
    const { Target, ...schedule } = scheduleOf() as { Target: Record<string, unknown> };
    expect(schedule).toMatchObject({
      ScheduleExpression: byDefault,
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      State: 'ENABLED',
    });
    expect(asText(Target.Arn)).toBe(`<${name}Function.Arn>`);
    expect(asText(Target.RoleArn)).toBe(`<${name}ScheduleRole.Arn>`);
    expect(JSON.parse(String(Target.Input))).toEqual({
      source: 'schedule',
      scheduledTime: '<aws.scheduler.scheduled-time>',
    });
  });

  test.each([
    { minutes: '1', rate: 'rate(1 minute)', window: { Mode: 'OFF' } },
    { minutes: '2', rate: 'rate(2 minutes)', window: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 1 } },
    { minutes: '25', rate: 'rate(25 minutes)', window: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 12 } },
    { minutes: '90', rate: 'rate(90 minutes)', window: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 } },
    { minutes: '1440', rate: 'rate(1 day)', window: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 } },
  ])('every $minutes min: a window of half of that at most', ({ minutes, rate, window }) => {
    expect(scheduleOf({ [setting]: minutes })).toMatchObject({
      ScheduleExpression: rate,
      FlexibleTimeWindow: window,
    });
  });

  test.each([
    { minutes: '1', handOver: 60, invocation: 60 },
    { minutes: '60', handOver: 3600, invocation: 3600 },
    { minutes: '1440', handOver: 86_400, invocation: 21_600 },
  ])('every $minutes min: what fails is tried again for no longer than that, then kept', (row) => {
    const template = synthesize({ [setting]: row.minutes });
    const { Target } = properties(template, 'AWS::Scheduler::Schedule', `${name}Schedule`) as {
      Target: { RetryPolicy: unknown; DeadLetterConfig: { Arn: unknown } };
    };
    expect(Target.RetryPolicy).toEqual({ MaximumEventAgeInSeconds: row.handOver, MaximumRetryAttempts: 10 });
    expect(asText(Target.DeadLetterConfig.Arn)).toBe(`<${name}Dropped.Arn>`);

    const invocations = properties(template, 'AWS::Lambda::EventInvokeConfig', `${name}Invocations`) as {
      FunctionName: unknown;
      DestinationConfig: { OnFailure: { Destination: unknown } };
    };
    expect(invocations).toMatchObject({ MaximumEventAgeInSeconds: row.invocation, MaximumRetryAttempts: 2 });
    expect(asText(invocations.FunctionName)).toBe(`<${name}Function>`);
    expect(asText(invocations.DestinationConfig.OnFailure.Destination)).toBe(`<${name}Dropped.Arn>`);
  });

  test('begins when its role may call the function', () => {
    const { DependsOn } = resource(dev, 'AWS::Scheduler::Schedule', `${name}Schedule`);
    expect(DependsOn).toContainEqual(expect.stringMatching(new RegExp(`^${name}ScheduleRoleDefaultPolicy`)));
  });

  test('has another logical id than before it was in a group, since CloudFormation cannot move it there', () => {
    const ids = Object.keys(dev.findResources('AWS::Scheduler::Schedule'));
    expect(ids).toContainEqual(expect.stringMatching(new RegExp(`^${name}ScheduleInGroup`)));
  });
});

test.each([dev, prod])('the group of the schedules, whose name is fixed, goes with the stack', (template) => {
  const group = resource(template, 'AWS::Scheduler::ScheduleGroup', 'Schedules');
  expect(group).toMatchObject({ DeletionPolicy: 'Delete', UpdateReplacePolicy: 'Delete' });
});

describe('API', () => {
  test('takes deliveries from anybody, whose signature the function checks, and serves whom IAM lets', () => {
    const routes = Object.values(dev.findResources('AWS::ApiGatewayV2::Route')).map(
      ({ Properties }) => [Properties.RouteKey, Properties.AuthorizationType] as const,
    );
    expect(Object.fromEntries(routes)).toEqual({
      'POST /webhooks/opentrain/{connectionId}': 'NONE',
      'GET /connections/{connectionId}/projects/{externalProjectId}/budget': 'AWS_IAM',
      'PUT /connections/{connectionId}': 'AWS_IAM',
      'GET /connections/{connectionId}': 'AWS_IAM',
      'DELETE /connections/{connectionId}': 'AWS_IAM',
    });
    dev.allResourcesProperties('AWS::ApiGatewayV2::Integration', { PayloadFormatVersion: '2.0' });
  });

  test('keeps its logical id, without which every customer would need another webhook URL', () => {
    expect(Object.keys(dev.findResources('AWS::ApiGatewayV2::Api'))).toEqual(['WebhookApi510A0CAB']);
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

  test('the access log tells who, what and how it ended, without header, body, query or what a caller wrote into the path', () => {
    const { AccessLogSettings } = properties(dev, 'AWS::ApiGatewayV2::Stage', 'WebhookApi');
    const { DestinationArn, Format } = AccessLogSettings as { DestinationArn: unknown; Format: string };
    expect(asText(DestinationArn)).toBe('<WebhookApiAccessLog.Arn>');
    expect(Object.values(JSON.parse(Format))).toEqual([
      '$context.requestId',
      '$context.requestTimeEpoch',
      '$context.identity.sourceIp',
      '$context.httpMethod',
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
    template.resourceCountIs('AWS::Logs::LogGroup', 7);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: days });
  });

  test.each([
    { name: 'dev', template: dev, policy: 'Delete' },
    { name: 'prod', template: prod, policy: 'Retain' },
  ])('$name: what becomes of all of them with the stack is $policy', ({ template, policy }) => {
    const groups = Object.values(template.findResources('AWS::Logs::LogGroup'));
    expect(new Set(groups.map(({ DeletionPolicy }) => DeletionPolicy))).toEqual(new Set([policy]));
  });

  test('that of the API has a name of its own for each stack, so that one that was kept is in nobody’s way', () => {
    const { LogGroupName } = properties(prod, 'AWS::Logs::LogGroup', 'WebhookApiAccessLog');
    expect(LogGroupName).toEqual({
      'Fn::Join': [
        '',
        [expect.stringMatching(/^\/aws\/vendedlogs\/OpenTrainConnector-prod\/webhook-api-$/), expect.anything()],
      ],
    });
    expect(JSON.stringify(LogGroupName)).toContain('AWS::StackId');
  });
});

describe('tracing', () => {
  const tracedIn = (template: typeof dev) =>
    Object.values(template.findResources('AWS::Lambda::Function'))
      .filter(({ Properties }) => Properties.TracingConfig?.Mode === 'Active')
      .map(({ Properties }) => asText(Properties.Role).replace(/^<(\w+)Role\.Arn>$/, '$1'))
      .toSorted();
  const scheduledAndAsked = ['Admin', 'Budget', 'ReconcileFunction', 'UsageFunction'];

  test('is of whatever is not on the way of a delivery', () => {
    expect(tracedIn(dev)).toEqual(scheduledAndAsked);
  });

  test('is of the worker where traceDeliveries says so, and never of the webhook function', () => {
    const template = synthesize({ traceDeliveries: 'true' });
    expect(tracedIn(template)).toEqual([...scheduledAndAsked, 'Worker']);
    expect(permissions(template, 'WorkerRole')).toMatchObject({
      'xray:PutTelemetryRecords': ['*'],
      'xray:PutTraceSegments': ['*'],
    });
    expect(permissions(template, 'WebhookRole')).not.toHaveProperty('xray:PutTraceSegments');
  });
});

describe('a key of the owner', () => {
  const template = synthesize({ stage: 'prod', encryptionKeyArn: KEY_ARN });

  test('encrypts the table', () => {
    const { SSESpecification, Replicas } = properties(template, 'AWS::DynamoDB::GlobalTable', 'Table');
    expect(SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
    expect(Replicas).toEqual([expect.objectContaining({ SSESpecification: { KMSMasterKeyId: KEY_ARN } })]);
  });

  test('encrypts every queue and every log group', () => {
    template.resourcePropertiesCountIs('AWS::SQS::Queue', { KmsMasterKeyId: KEY_ARN }, 8);
    template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: Match.absent() });
    template.resourcePropertiesCountIs('AWS::Logs::LogGroup', { KmsKeyId: KEY_ARN }, 7);
  });

  test('is not put on the topic: a mistake in its policy would silence every alarm', () => {
    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.absent() });
  });

  const toSend = ['kms:Decrypt', 'kms:GenerateDataKey'];
  const toRead = ['kms:Decrypt', 'kms:DescribeKey'];
  const toWrite = [...toRead, 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
  test.each([
    { role: 'WebhookRole', actions: toSend },
    { role: 'WorkerRole', actions: toWrite },
    { role: 'UsageFunctionRole', actions: toWrite },
    { role: 'UsageScheduleRole', actions: toSend },
    { role: 'ReconcileFunctionRole', actions: toWrite },
    { role: 'ReconcileScheduleRole', actions: toSend },
    { role: 'BudgetRole', actions: toRead },
    { role: 'AdminRole', actions: toWrite },
  ])('$role may use it for what it does, and has no other new permission', ({ role, actions }) => {
    const allowed = permissions(template, role);
    const added = Object.fromEntries(actions.map((action) => [action, [KEY_ARN]]));
    expect(allowed).toEqual({ ...permissions(prod, role), ...added });
  });

  test('is asked of nobody else: AWS encrypts with its own where none is given', () => {
    expect(JSON.stringify(prod.toJSON())).not.toContain('kms:');
  });
});

describe('the template as a whole', () => {
  test('hands out what an operator needs', () => {
    expect(Object.keys(dev.findOutputs('*')).sort()).toEqual([
      'AccessLogGroup',
      'AdminLogGroup',
      'AlarmTopicArn',
      'ApiUrl',
      'BudgetLogGroup',
      'BudgetUrlTemplate',
      'ConnectionUrlTemplate',
      'CredentialsPath',
      'DashboardName',
      'DeadLetterQueueUrl',
      'GraceHours',
      'KeepAccessAfterUnlink',
      'OpenTrainBaseUrl',
      'QueueUrl',
      'ReconcileDeadLetterQueueUrl',
      'ReconcileDroppedQueueUrl',
      'ReconcileLogGroup',
      'ReconcileMinutes',
      'ReconcileQueueUrl',
      'TableName',
      'TopUpUrl',
      'UsageDeadLetterQueueUrl',
      'UsageDroppedQueueUrl',
      'UsageLogGroup',
      'UsageQueueUrl',
      'WebhookBaseUrl',
      'WebhookLogGroup',
      'WebhookUrlTemplate',
      'WorkerLogGroup',
      'WorkspaceAdapter',
      'WorkspaceUrl',
    ]);
  });

  test('holds nothing that looks like a secret, and no parameter of SSM', () => {
    const text = JSON.stringify(prod.toJSON());
    expect(text).not.toMatch(/whsec_|ot_ptk_|ot_pat_|Bearer |AKIA|-----BEGIN/);
    expect(text).not.toMatch(/\{\{resolve:/);
    prod.resourceCountIs('AWS::SSM::Parameter', 0);
  });
});
