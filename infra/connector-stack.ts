import { Annotations, CfnOutput, Duration, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { ConnectorFunction } from './connector-function.ts';
import { ConnectorTable } from './connector-table.ts';
import { Credentials } from './credentials.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { attemptAfter, PLACEHOLDER_WORKSPACE_URL, type StageSettings } from './stages.ts';
import { WebhookApi } from './webhook-api.ts';

export interface ConnectorStackProps extends StackProps {
  readonly settings: StageSettings;

  /**
   * Where the functions' bundles are, see `bundleFunctions`.
   *
   * @default - `dist/functions`
   */
  readonly bundleDirectory?: string;
}

/** Below the 10 s that OpenTrain waits, so that it gets an answer and not a broken connection. */
const WEBHOOK_TIMEOUT = Duration.seconds(9);

/** Enough for a batch of ten that meets a slow workspace; whatever is left over is tried again. */
const WORKER_TIMEOUT = Duration.seconds(60);

/** The way of a delivery: API, webhook function, queue, worker function, table; and the alarms along it. */
export class ConnectorStack extends Stack {
  readonly table: ConnectorTable;
  readonly deliveries: DeliveryQueue;
  readonly credentials: Credentials;
  readonly webhook: ConnectorFunction;
  readonly worker: ConnectorFunction;
  readonly webhookApi: WebhookApi;
  readonly alarms: Alarms;

  constructor(scope: Construct, id: string, { settings, bundleDirectory, ...props }: ConnectorStackProps) {
    super(scope, id, {
      description: 'OpenTrain Connector: hired AI trainers appear in the workspace, and vanish when the contract ends',
      terminationProtection: settings.retainData,
      ...props,
    });
    Tags.of(this).add('application', 'opentrain-connector');
    Tags.of(this).add('stage', settings.stage);
    const { stage, retainData: retain, logRetentionDays: logRetention } = settings;
    const functionDefaults = { logRetention, retainLogs: retain, ...(bundleDirectory && { bundleDirectory }) };

    this.table = new ConnectorTable(this, 'Table', { retain });
    this.credentials = new Credentials(this, 'Credentials', { stage });
    this.deliveries = new DeliveryQueue(this, 'Deliveries', {
      consumerTimeout: WORKER_TIMEOUT,
      maxReceiveCount: settings.maxReceiveCount,
      retain,
    });

    this.webhook = new ConnectorFunction(this, 'Webhook', {
      ...functionDefaults,
      bundle: 'webhook',
      description: 'Verifies deliveries of OpenTrain and puts them on the queue',
      timeout: WEBHOOK_TIMEOUT,
      environment: { QUEUE_URL: this.deliveries.queue.queueUrl, CREDENTIALS_PATH: this.credentials.path },
    });
    this.credentials.grantReadWebhookSecrets(this.webhook.role);
    this.deliveries.grantSend(this.webhook.role);

    this.worker = new ConnectorFunction(this, 'Worker', {
      ...functionDefaults,
      bundle: 'worker',
      description: 'Works deliveries off the queue: gives trainers access to the workspace, and takes it away',
      timeout: WORKER_TIMEOUT,
      environment: {
        QUEUE_URL: this.deliveries.queue.queueUrl,
        TABLE_NAME: this.table.table.tableName,
        CREDENTIALS_PATH: this.credentials.path,
        OPENTRAIN_BASE_URL: settings.openTrainBaseUrl,
        WORKSPACE: settings.workspace,
        WORKSPACE_URL: settings.workspaceUrl,
        ...usageEnvironment(settings),
        RETRY_BASE_SECONDS: String(settings.retryBaseSeconds),
        RETRY_CAP_SECONDS: String(settings.retryCapSeconds),
      },
    });
    this.credentials.grantReadTokens(this.worker.role);
    this.table.grantReadWrite(this.worker.role);
    this.deliveries.feed(this.worker.function, settings.workerConcurrency);

    this.webhookApi = new WebhookApi(this, 'WebhookApi', {
      handler: this.webhook.function,
      requestsPerSecond: settings.requestsPerSecond,
      requestBurst: settings.requestBurst,
      logRetention,
    });
    this.alarms = new Alarms(this, 'Alarms', {
      stage,
      api: this.webhookApi.api,
      deliveries: this.deliveries,
      webhook: this.webhook,
      worker: this.worker,
      signatureFailures: settings.signatureFailures,
      lateAttempt: attemptAfter(15 * 60, settings),
      email: settings.alarmEmail,
    });

    this.addOutputs();
    if (settings.workspaceUrl === PLACEHOLDER_WORKSPACE_URL) {
      Annotations.of(this).addWarningV2(
        'opentrain-connector:placeholderWorkspaceUrl',
        `No workspace is configured, so every delivery would wait for ${PLACEHOLDER_WORKSPACE_URL}. ` +
          'State yours with -c workspaceUrl=https://…',
      );
    }
  }

  /** What an operator needs after a deployment, under names that the README and the scripts rely on. */
  private addOutputs(): void {
    const outputs = {
      ApiUrl: this.webhookApi.api.apiEndpoint,
      WebhookUrlTemplate: this.webhookApi.webhookUrlTemplate,
      QueueUrl: this.deliveries.queue.queueUrl,
      DeadLetterQueueUrl: this.deliveries.deadLetterQueue.queueUrl,
      TableName: this.table.table.tableName,
      AlarmTopicArn: this.alarms.topic.topicArn,
      CredentialsPath: this.credentials.path,
      WebhookLogGroup: this.webhook.logGroup.logGroupName,
      WorkerLogGroup: this.worker.logGroup.logGroupName,
      AccessLogGroup: this.webhookApi.accessLog.logGroupName,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** Left out where totals come from where access is. */
function usageEnvironment({ usageWorkspace, usageWorkspaceUrl }: StageSettings): Record<string, string> {
  if (usageWorkspace === undefined || usageWorkspaceUrl === undefined) return {};
  return { USAGE_WORKSPACE: usageWorkspace, USAGE_WORKSPACE_URL: usageWorkspaceUrl };
}
