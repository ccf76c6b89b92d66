import { SQSClient } from '@aws-sdk/client-sqs';
import { createBudgetHandler } from '../functions/budget/handler.ts';
import { createConnectorParts } from '../functions/parts.ts';
import { createReconcileHandler } from '../functions/reconcile/handler.ts';
import { createReconcileParts } from '../functions/reconcile/parts.ts';
import { readReconcileSettings } from '../functions/reconcile/settings.ts';
import { createUsageHandler } from '../functions/usage/handler.ts';
import { readUsageSettings } from '../functions/usage/settings.ts';
import { createWebhookHandler } from '../functions/webhook/handler.ts';
import { createWorkerHandler } from '../functions/worker/handler.ts';
import { readWorkerSettings } from '../functions/worker/settings.ts';
import { createAwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { createParameterStore, type ParameterStore } from '../shared/aws/parameter-store.ts';
import { createQueue } from '../shared/aws/queue.ts';
import type { Clock } from '../shared/clock.ts';
import { connect } from '../shared/connections/connect.ts';
import { type CredentialNames, credentialNames } from '../shared/connections/credential-names.ts';
import { createWebhookSecrets } from '../shared/connections/webhook-secrets.ts';
import type { ConnectionId } from '../shared/ids.ts';
import type { Logger } from '../shared/logging.ts';
import { DEFAULT_WORKSPACE } from '../shared/store/connections.ts';
import { createStore, type Store } from '../shared/store/store.ts';
import { openTable } from '../shared/store/table.ts';
import type { WorkspaceSettings } from '../shared/store/workspaces.ts';
import type { Workspace } from '../shared/workspace/port.ts';
import { type EmulatorOptions, type Emulators, startEmulators } from './aws/emulators.ts';
import { startGateway } from './aws/gateway.ts';
import { type QueuePump, startQueuePump } from './aws/queue-pump.ts';
import { type LocalSchedule, startLocalSchedule } from './aws/schedule.ts';

/** How to reach a workspace, with its tokens; they are put where an operator would put them. */
export interface LocalWorkspace extends WorkspaceSettings {
  readonly token: string;
  /** Of the adapter that tells the usage, where that is another one. */
  readonly usageToken?: string | undefined;
}

export interface LocalConnectorOptions {
  /** The Platform API's base URL. */
  readonly opentrainBaseUrl: string;
  readonly workspace: LocalWorkspace;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the gateway; 0 for any. */
  readonly port?: number;
  /** Seconds; as in the functions' environment. */
  readonly backOff?: { readonly baseSeconds: number; readonly capSeconds: number };
  readonly emulators?: EmulatorOptions;
}

/** Where everything is that an operator's command works with; what the outputs of a stack tell of a deployment. */
export interface LocalAddresses {
  readonly gateway: string;
  readonly platformApi: string;
  readonly workspaceAdapter: string;
  readonly workspace: string;
  readonly usageWorkspaceAdapter?: string | undefined;
  readonly usageWorkspace?: string | undefined;
  readonly dynamodb: string;
  readonly sqs: string;
  readonly ssm: string;
  readonly table: string;
  readonly queue: string;
  readonly deadLetterQueue: string;
  readonly usageQueue: string;
  readonly usageDeadLetterQueue: string;
  readonly reconcileQueue: string;
  readonly reconcileDeadLetterQueue: string;
  readonly usageDroppedQueue: string;
  readonly reconcileDroppedQueue: string;
  readonly credentialsPath: string;
}

/** The whole connector in this process: the functions' own handlers, fed as AWS feeds them. */
export interface LocalConnector {
  readonly url: string;
  /** The gateway answers them to `GET /_local`. */
  readonly addresses: LocalAddresses;
  readonly emulators: Emulators;
  readonly store: Store;
  readonly parameters: ParameterStore;
  readonly names: CredentialNames;
  readonly sqs: SQSClient;
  /** The workspace that connections share, as the worker calls it. */
  readonly workspace: Workspace;
  webhookUrl(connection: ConnectionId): string;
  /** Where the platform's servers ask how the funds of a project stand. Here they need not sign. */
  budgetUrl(connection: ConnectionId, project: string): string;
  /** Makes a customer's token a connection, as the operator's command does. */
  connect(connection: ConnectionId, token: string): ReturnType<typeof connect>;
  /** Resolves once no delivery is waiting, in flight or backing off. */
  idle: QueuePump['idle'];
  /** What the schedule does every hour. Resolves once every connection is through, retries included. */
  reportUsage: LocalSchedule['run'];
  /** And this every half hour. */
  reconcile: LocalSchedule['run'];
  close(): Promise<void>;
}

export async function startConnector(options: LocalConnectorOptions): Promise<LocalConnector> {
  const { clock, logger, workspace, opentrainBaseUrl, port = 0 } = options;
  const emulators = await startEmulators(options.emulators);
  const environment: NodeJS.ProcessEnv = {
    ...emulators.environment,
    OPENTRAIN_BASE_URL: opentrainBaseUrl,
    WORKSPACE: workspace.adapter,
    WORKSPACE_URL: workspace.url,
    USAGE_WORKSPACE: workspace.usage?.adapter,
    USAGE_WORKSPACE_URL: workspace.usage?.url,
    RETRY_BASE_SECONDS: options.backOff && String(options.backOff.baseSeconds),
    RETRY_CAP_SECONDS: options.backOff && String(options.backOff.capSeconds),
  };
  // The SDK's clients find everything here by themselves, exactly as in Lambda.
  Object.assign(process.env, emulators.environment);

  const settings = readWorkerSettings(environment);
  const names = credentialNames(settings.credentialsPath);
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  const queue = createQueue(createAwsJsonClient('sqs', { environment }), settings.queueUrl);
  const store = createStore(openTable(settings.tableName));
  await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), workspace.token);
  if (workspace.usageToken !== undefined) {
    await parameters.put(names.usageToken(DEFAULT_WORKSPACE), workspace.usageToken);
  }

  const webhook = createWebhookHandler({
    secrets: createWebhookSecrets(parameters, names, clock),
    queue,
    clock,
    logger,
  });
  const parts = createConnectorParts(settings, { store, parameters, clock, logger });
  const worker = createWorkerHandler({ ...parts, queue });
  const usageSettings = readUsageSettings(environment);
  const usageQueue = createQueue(createAwsJsonClient('sqs', { environment }), usageSettings.queueUrl);
  const { lookBackDays, intervalMinutes } = usageSettings;
  const usage = createUsageHandler({ ...parts, queue: usageQueue, lookBackDays, intervalMinutes });
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const addressesAt = (gateway: string): LocalAddresses => ({
    gateway,
    platformApi: opentrainBaseUrl,
    workspaceAdapter: workspace.adapter,
    workspace: workspace.url,
    usageWorkspaceAdapter: workspace.usage?.adapter,
    usageWorkspace: workspace.usage?.url,
    dynamodb: emulators.environment.AWS_ENDPOINT_URL_DYNAMODB,
    sqs: emulators.environment.AWS_ENDPOINT_URL_SQS,
    ssm: emulators.environment.AWS_ENDPOINT_URL_SSM,
    table: settings.tableName,
    queue: settings.queueUrl,
    deadLetterQueue: emulators.deadLetterQueueUrl,
    usageQueue: emulators.environment.USAGE_QUEUE_URL,
    usageDeadLetterQueue: emulators.usageDeadLetterQueueUrl,
    reconcileQueue: emulators.environment.RECONCILE_QUEUE_URL,
    reconcileDeadLetterQueue: emulators.reconcileDeadLetterQueueUrl,
    usageDroppedQueue: emulators.usageDroppedQueueUrl,
    reconcileDroppedQueue: emulators.reconcileDroppedQueueUrl,
    credentialsPath: settings.credentialsPath,
  });
  const budget = createBudgetHandler({ store, logger });
  const gateway = await startGateway({ webhook, budget }, port, clock, () => addressesAt(gateway.url));
  const pump = startQueuePump({ sqs, queueUrl: settings.queueUrl, handler: worker, logger });
  const usageSchedule = startLocalSchedule({ handler: usage, sqs, queueUrl: usageSettings.queueUrl, clock, logger });
  const reconcileSettings = readReconcileSettings({ ...environment, WEBHOOK_BASE_URL: gateway.url });
  const reconcileQueue = createQueue(createAwsJsonClient('sqs', { environment }), reconcileSettings.queueUrl);
  const reconcile = createReconcileHandler({
    ...parts,
    ...createReconcileParts(reconcileSettings),
    queue: reconcileQueue,
  });
  const reconcileSchedule = startLocalSchedule({
    handler: reconcile,
    sqs,
    queueUrl: reconcileSettings.queueUrl,
    clock,
    logger,
  });
  const webhookUrl = (connection: ConnectionId) => `${gateway.url}/webhooks/opentrain/${connection}`;

  return {
    url: gateway.url,
    addresses: addressesAt(gateway.url),
    emulators,
    store,
    parameters,
    names,
    sqs,
    workspace: (await parts.placeOf(DEFAULT_WORKSPACE)).workspace,
    webhookUrl,
    budgetUrl: (connection, project) =>
      `${gateway.url}/connections/${connection}/projects/${encodeURIComponent(project)}/budget`,
    connect: (connectionId, token) =>
      connect(
        { connectionId, token, webhookUrl: webhookUrl(connectionId), workspaceId: DEFAULT_WORKSPACE },
        { parameters, names, connections: store.connections, opentrain: { baseUrl: opentrainBaseUrl, clock }, clock },
      ),
    idle: pump.idle,
    reportUsage: usageSchedule.run,
    reconcile: reconcileSchedule.run,
    async close() {
      await gateway.close();
      await Promise.all([pump.stop(), usageSchedule.stop(), reconcileSchedule.stop()]);
      await emulators.close();
    },
  };
}
