import { Annotations, CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { ScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { Alarms } from './alarms.ts';
import { addCapacityAlarms } from './capacity-alarms.ts';
import { addConnectionAlarms } from './connection-alarms.ts';
import { ConnectionSchedule } from './connection-schedule.ts';
import { API_PATHS, ConnectorApi } from './connector-api.ts';
import { ConnectorFunction } from './connector-function.ts';
import { ConnectorTable } from './connector-table.ts';
import { Credentials } from './credentials.ts';
import { ConnectorDashboard } from './dashboard.ts';
import { addDeliveryAlarms } from './delivery-alarms.ts';
import { ownNamespace } from './own-metrics.ts';
import { addReconcileAlarms } from './reconcile-alarms.ts';
import { addScheduleAlarms } from './schedule-alarms.ts';
import { attemptAfter, PLACEHOLDER_WORKSPACE_URL, type StageSettings } from './stages.ts';
import { addUsageAlarms } from './usage-alarms.ts';
import { WorkQueue } from './work-queue.ts';

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

/** A few reads of the table. Whoever waits longer has given up. */
const BUDGET_TIMEOUT = Duration.seconds(10);

/** Less than the 30 s that API Gateway waits. Connecting a customer takes five calls to OpenTrain. */
const ADMIN_TIMEOUT = Duration.seconds(29);

/**
 * The way of a delivery: API, webhook function, queue, worker function, table. The ways of a usage report and of a
 * reconciliation: schedule and function. A function that tells budgets, and one that connects customers. And the
 * alarms along all of it.
 */
export class ConnectorStack extends Stack {
  readonly table: ConnectorTable;
  readonly deliveries: WorkQueue;
  readonly credentials: Credentials;
  readonly webhook: ConnectorFunction;
  readonly worker: ConnectorFunction;
  readonly usage: ConnectionSchedule;
  readonly reconcile: ConnectionSchedule;
  readonly budget: ConnectorFunction;
  readonly admin: ConnectorFunction;
  readonly api: ConnectorApi;
  readonly alarms: Alarms;
  readonly dashboard: ConnectorDashboard;

  constructor(scope: Construct, id: string, { settings, bundleDirectory, ...props }: ConnectorStackProps) {
    super(scope, id, {
      description: 'OpenTrain Connector: hired AI trainers appear in the workspace, and vanish when the contract ends',
      terminationProtection: settings.retainData,
      ...props,
    });
    Tags.of(this).add('application', 'opentrain-connector');
    Tags.of(this).add('stage', settings.stage);
    const { stage, retainData: retain, logRetentionDays: logRetention } = settings;
    const encryptionKey = settings.encryptionKeyArn
      ? Key.fromKeyArn(this, 'EncryptionKey', settings.encryptionKeyArn)
      : undefined;
    const functionDefaults = {
      metricsNamespace: ownNamespace(stage),
      logRetention,
      retainLogs: retain,
      encryptionKey,
      ...(bundleDirectory && { bundleDirectory }),
    };

    this.table = new ConnectorTable(this, 'Table', { retain, encryptionKey });
    this.credentials = new Credentials(this, 'Credentials', { stage });
    // The id is older than its second route. Another one would make another API, and another webhook URL for every
    // customer.
    this.api = new ConnectorApi(this, 'WebhookApi', {
      requestsPerSecond: settings.requestsPerSecond,
      requestBurst: settings.requestBurst,
      logRetention,
      retainLogs: retain,
      encryptionKey,
    });
    const webhookBaseUrl = settings.webhookBaseUrl ?? this.api.api.apiEndpoint;
    this.deliveries = new WorkQueue(this, 'Deliveries', {
      content: 'deliveries',
      consumerTimeout: WORKER_TIMEOUT,
      maxReceiveCount: settings.maxReceiveCount,
      retain,
      encryptionKey,
    });

    const workEnvironment = {
      TABLE_NAME: this.table.table.tableName,
      CREDENTIALS_PATH: this.credentials.path,
      OPENTRAIN_BASE_URL: settings.openTrainBaseUrl,
      WORKSPACE: settings.workspace,
      WORKSPACE_URL: settings.workspaceUrl,
      ...usageEnvironment(settings),
      TOP_UP_URL: settings.topUpUrl,
      RETRY_BASE_SECONDS: String(settings.retryBaseSeconds),
      RETRY_CAP_SECONDS: String(settings.retryCapSeconds),
    };

    this.webhook = new ConnectorFunction(this, 'Webhook', {
      ...functionDefaults,
      bundle: 'webhook',
      description: 'Verifies deliveries of OpenTrain and puts them on the queue',
      timeout: WEBHOOK_TIMEOUT,
      // It would lengthen every cold start, while OpenTrain waits.
      traced: false,
      environment: { QUEUE_URL: this.deliveries.queue.queueUrl, CREDENTIALS_PATH: this.credentials.path },
    });
    this.credentials.grantReadWebhookSecrets(this.webhook.role);
    this.deliveries.grantSend(this.webhook.role);

    this.worker = new ConnectorFunction(this, 'Worker', {
      ...functionDefaults,
      bundle: 'worker',
      description: 'Works deliveries off the queue: gives trainers access to the workspace, and takes it away',
      // It waits for others most of the time.
      memorySize: 256,
      timeout: WORKER_TIMEOUT,
      traced: settings.traceDeliveries,
      environment: {
        ...workEnvironment,
        QUEUE_URL: this.deliveries.queue.queueUrl,
        KEEP_AFTER_UNLINK: String(settings.keepAccessAfterUnlink),
      },
    });
    this.credentials.grantReadTokens(this.worker.role);
    this.table.grantReadWrite(this.worker.role);
    this.deliveries.feed(this.worker.function, { batchSize: 10, maxConcurrency: settings.workerConcurrency });

    // It has a fixed name: outliving the stack, or a first deployment that failed, it would be in the way of the next.
    const group = new ScheduleGroup(this, 'Schedules', { removalPolicy: RemovalPolicy.DESTROY });
    this.usage = new ConnectionSchedule(this, 'Usage', {
      functionDefaults,
      bundle: 'usage',
      description: 'Reports the work of trainers to OpenTrain',
      environment: {
        ...workEnvironment,
        USAGE_INTERVAL_MINUTES: String(settings.usageMinutes),
        USAGE_LOOK_BACK_DAYS: String(settings.usageLookBackDays),
      },
      queueUrlSetting: 'USAGE_QUEUE_URL',
      group,
      intervalMinutes: settings.usageMinutes,
      concurrency: settings.usageConcurrency,
      retain,
    });
    this.reconcile = new ConnectionSchedule(this, 'Reconcile', {
      functionDefaults,
      bundle: 'reconcile',
      description: 'Sets right what OpenTrain, the table and the workspace say differently',
      environment: {
        ...workEnvironment,
        WEBHOOK_BASE_URL: webhookBaseUrl,
        RECONCILE_MINUTES: String(settings.reconcileMinutes),
        GRACE_HOURS: String(settings.graceHours),
        KEEP_AFTER_UNLINK: String(settings.keepAccessAfterUnlink),
      },
      queueUrlSetting: 'RECONCILE_QUEUE_URL',
      group,
      intervalMinutes: settings.reconcileMinutes,
      concurrency: settings.reconcileConcurrency,
      retain,
    });
    for (const { role } of [this.usage.function, this.reconcile.function]) {
      this.credentials.grantReadTokens(role);
      this.table.grantReadWrite(role);
    }

    this.budget = new ConnectorFunction(this, 'Budget', {
      ...functionDefaults,
      bundle: 'budget',
      description: 'Tells how the funds of a project stand',
      timeout: BUDGET_TIMEOUT,
      environment: { TABLE_NAME: this.table.table.tableName },
    });
    this.table.grantRead(this.budget.role);

    this.admin = new ConnectorFunction(this, 'Admin', {
      ...functionDefaults,
      bundle: 'admin',
      description: 'Connects, shows and disconnects customers, for the platform',
      timeout: ADMIN_TIMEOUT,
      environment: {
        TABLE_NAME: this.table.table.tableName,
        CREDENTIALS_PATH: this.credentials.path,
        OPENTRAIN_BASE_URL: settings.openTrainBaseUrl,
        WEBHOOK_BASE_URL: webhookBaseUrl,
      },
    });
    this.credentials.grantKeepConnections(this.admin.role);
    this.table.grantReadWrite(this.admin.role);

    this.api.serve({ webhook: this.webhook.function, budget: this.budget.function, admin: this.admin.function });
    this.alarms = new Alarms(this, 'Alarms', { stage, email: settings.alarmEmail });
    addDeliveryAlarms(this.alarms, {
      api: this.api,
      deliveries: this.deliveries,
      webhook: this.webhook,
      worker: this.worker,
      signatureFailures: settings.signatureFailures,
      lateAttempt: attemptAfter(15 * 60, settings),
      retryCapSeconds: settings.retryCapSeconds,
    });
    addUsageAlarms(this.alarms, { schedule: this.usage, intervalMinutes: settings.usageMinutes });
    addReconcileAlarms(this.alarms, { schedule: this.reconcile, intervalMinutes: settings.reconcileMinutes });
    addConnectionAlarms(this.alarms, {
      reconcile: this.reconcile.function,
      others: [this.worker, this.usage.function],
      reconcileMinutes: settings.reconcileMinutes,
      usageMinutes: settings.usageMinutes,
    });
    const answering = { webhook: this.webhook, budget: this.budget, admin: this.admin };
    const fed = { worker: this.worker, usage: this.usage.function, reconcile: this.reconcile.function };
    addScheduleAlarms(this.alarms, { group, usage: fed.usage, reconcile: fed.reconcile });
    addCapacityAlarms(this.alarms, { answering, fed, table: this.table.table });
    this.dashboard = new ConnectorDashboard(this, 'Dashboard', {
      stage,
      alarms: this.alarms.all,
      api: this.api.api,
      deliveries: this.deliveries,
      usageRuns: this.usage.runs,
      functions: { ...answering, ...fed },
      table: this.table.table,
      scheduleGroup: group,
    });

    this.addOutputs(settings, webhookBaseUrl);
    if (settings.workspaceUrl === PLACEHOLDER_WORKSPACE_URL) {
      Annotations.of(this).addWarningV2(
        'opentrain-connector:placeholderWorkspaceUrl',
        `No workspace is configured, so every delivery would wait for ${PLACEHOLDER_WORKSPACE_URL}. ` +
          'State yours with -c workspaceUrl=https://…',
      );
    }
  }

  /** What an operator needs after a deployment, under names that the README and the scripts rely on. */
  private addOutputs(settings: StageSettings, webhookBaseUrl: string): void {
    const { apiEndpoint } = this.api.api;
    const outputs = {
      ApiUrl: apiEndpoint,
      WebhookBaseUrl: webhookBaseUrl,
      WebhookUrlTemplate: `${webhookBaseUrl}${API_PATHS.webhook}`,
      BudgetUrlTemplate: `${apiEndpoint}${API_PATHS.budget}`,
      ConnectionUrlTemplate: `${apiEndpoint}${API_PATHS.connection}`,
      QueueUrl: this.deliveries.queue.queueUrl,
      DeadLetterQueueUrl: this.deliveries.deadLetterQueue.queueUrl,
      UsageQueueUrl: this.usage.runs.queue.queueUrl,
      UsageDeadLetterQueueUrl: this.usage.runs.deadLetterQueue.queueUrl,
      UsageDroppedQueueUrl: this.usage.dropped.queueUrl,
      ReconcileQueueUrl: this.reconcile.runs.queue.queueUrl,
      ReconcileDeadLetterQueueUrl: this.reconcile.runs.deadLetterQueue.queueUrl,
      ReconcileDroppedQueueUrl: this.reconcile.dropped.queueUrl,
      TableName: this.table.table.tableName,
      DashboardName: this.dashboard.name,
      AlarmTopicArn: this.alarms.topic.topicArn,
      CredentialsPath: this.credentials.path,
      ...workspaceOutputs(settings),
      // How the operator's own reconciliation is to behave.
      KeepAccessAfterUnlink: String(settings.keepAccessAfterUnlink),
      GraceHours: String(settings.graceHours),
      ReconcileMinutes: String(settings.reconcileMinutes),
      WebhookLogGroup: this.webhook.logGroup.logGroupName,
      WorkerLogGroup: this.worker.logGroup.logGroupName,
      UsageLogGroup: this.usage.function.logGroup.logGroupName,
      ReconcileLogGroup: this.reconcile.function.logGroup.logGroupName,
      BudgetLogGroup: this.budget.logGroup.logGroupName,
      AdminLogGroup: this.admin.logGroup.logGroupName,
      AccessLogGroup: this.api.accessLog.logGroupName,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** What the operator's `check` tries out, and whom it calls. */
function workspaceOutputs(settings: StageSettings): Record<string, string> {
  const { openTrainBaseUrl, topUpUrl, workspace, workspaceUrl, usageWorkspace, usageWorkspaceUrl } = settings;
  return {
    OpenTrainBaseUrl: openTrainBaseUrl,
    TopUpUrl: topUpUrl,
    WorkspaceAdapter: workspace,
    WorkspaceUrl: workspaceUrl,
    ...(usageWorkspace && usageWorkspaceUrl
      ? { UsageWorkspaceAdapter: usageWorkspace, UsageWorkspaceUrl: usageWorkspaceUrl }
      : {}),
  };
}

/** Left out where totals come from where access is. */
function usageEnvironment({ usageWorkspace, usageWorkspaceUrl }: StageSettings): Record<string, string> {
  if (usageWorkspace === undefined || usageWorkspaceUrl === undefined) return {};
  return { USAGE_WORKSPACE: usageWorkspace, USAGE_WORKSPACE_URL: usageWorkspaceUrl };
}
