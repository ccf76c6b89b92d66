import { SQSClient } from '@aws-sdk/client-sqs';
import { createWebhookHandler } from '../functions/webhook/handler.ts';
import { createWorkerHandler } from '../functions/worker/handler.ts';
import { createWorkerParts, readWorkerSettings } from '../functions/worker/parts.ts';
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

/** The whole connector in this process: the functions' own handlers, fed as AWS feeds them. */
export interface LocalConnector {
  readonly url: string;
  readonly emulators: Emulators;
  readonly store: Store;
  readonly parameters: ParameterStore;
  readonly names: CredentialNames;
  readonly sqs: SQSClient;
  /** The workspace that connections share, as the worker calls it. */
  readonly workspace: Workspace;
  webhookUrl(connection: ConnectionId): string;
  /** Makes a customer's token a connection, as the operator's command does. */
  connect(connection: ConnectionId, token: string): ReturnType<typeof connect>;
  /** Resolves once no delivery is waiting, in flight or backing off. */
  idle: QueuePump['idle'];
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
  const workerParts = createWorkerParts(settings, { store, parameters, clock, logger });
  const worker = createWorkerHandler({ ...workerParts, queue });
  const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
  const gateway = await startGateway(webhook, port, clock);
  const pump = startQueuePump({ sqs, queueUrl: settings.queueUrl, handler: worker, logger });
  const webhookUrl = (connection: ConnectionId) => `${gateway.url}/webhooks/opentrain/${connection}`;

  return {
    url: gateway.url,
    emulators,
    store,
    parameters,
    names,
    sqs,
    workspace: (await workerParts.placeOf(DEFAULT_WORKSPACE)).workspace,
    webhookUrl,
    connect: (connectionId, token) =>
      connect(
        { connectionId, token, webhookUrl: webhookUrl(connectionId), workspaceId: DEFAULT_WORKSPACE },
        { parameters, names, connections: store.connections, opentrain: { baseUrl: opentrainBaseUrl, clock }, clock },
      ),
    idle: pump.idle,
    async close() {
      await gateway.close();
      await pump.stop();
      await emulators.close();
    },
  };
}
