import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { createConnectorParts } from '../../functions/parts.ts';
import { createWorkerHandler, type WorkerHandler, type WorkerHandlerParts } from '../../functions/worker/handler.ts';
import { readWorkerSettings } from '../../functions/worker/settings.ts';
import { type EmulatorOptions, type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { systemClock } from '../../shared/clock.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import type { ConnectionId, DeliveryId, MemberId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { createStore, type Store } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { sqsEvent } from './sqs-event.ts';

/** What became of each message by its id: gone for good, or back after so many seconds. */
export type Fates = Readonly<Record<string, 'acknowledged' | number>>;

export interface Faults {
  /** Stands in for the workspace. */
  readonly workspace?: Workspace;
  /** Stands between the worker and OpenTrain. */
  readonly opentrainFetch?: typeof globalThis.fetch;
  /** Stands between the worker and its table, for a crash after a write. */
  readonly store?: (store: Store) => Store;
  /** What is left of the worker's time, in milliseconds. @default 60000 */
  readonly remaining?: number;
}

/** Half of what jitter may be, so that a back-off is exact: 2, 4, 8, … s. */
const HALF = () => 0.5;

/** A client of the emulated table, its requests counted one by one as they go over the wire. */
export function countedTable({ environment }: Emulators) {
  const client = new DynamoDBClient({
    endpoint: environment.AWS_ENDPOINT_URL_DYNAMODB,
    region: environment.AWS_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const requests = { count: 0 };
  client.middlewareStack.add(
    (next) => (request) => {
      requests.count += 1;
      return next(request);
    },
    { step: 'deserialize' },
  );
  return { table: openTable(environment.TABLE_NAME, client), requests };
}

export function sqsClient({ environment }: Emulators): SQSClient {
  return new SQSClient({
    useQueueUrlAsEndpoint: false,
    endpoint: environment.AWS_ENDPOINT_URL_SQS,
    region: environment.AWS_REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
}

/** A workspace of which a test writes only what matters to it; whoever is let in gets a member id. */
export function fakeWorkspace(parts: Partial<Workspace> = {}): Workspace {
  return {
    accessScope: 'project',
    ping: async () => ({ name: 'Fake' }),
    ensureAccess: async ({ opentrainUserId }) => ({ memberId: `member of ${opentrainUserId}` as MemberId }),
    revokeAccess: async () => {},
    async *listAccess() {},
    async *dailyTotals() {},
    ...parts,
  };
}

/** The worker's handler over emulators, a demo workspace and a simulated OpenTrain, invoked by the test itself. */
export async function startWorker(options: EmulatorOptions = {}) {
  const emulators = await startEmulators(options);
  const opentrain = await startSimulatedOpenTrain();
  const demo = await startDemoWorkspace();
  const environment = {
    ...emulators.environment,
    OPENTRAIN_BASE_URL: opentrain.platformApiUrl,
    WORKSPACE: 'http',
    WORKSPACE_URL: demo.url,
  };
  const settings = readWorkerSettings(environment);
  const names = credentialNames(settings.credentialsPath);
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), demo.token);
  const { table, requests } = countedTable(emulators);
  const store = createStore(table);
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger((line) => lines.push(JSON.parse(line)));
  const queue = createQueue(createAwsJsonClient('sqs', { environment }), settings.queueUrl);

  /** As in Lambda, but that OpenTrain's client does not really wait between its own repeats. */
  function parts(faults: Faults = {}): WorkerHandlerParts {
    const { workspace, opentrainFetch, store: faulty = (it) => it } = faults;
    const readSecret = createSecretReader(parameters, systemClock);
    const real = createConnectorParts(settings, { store: faulty(store), parameters, clock: systemClock, logger });
    return {
      ...real,
      queue,
      random: HALF,
      opentrain: (connection) =>
        createOpenTrainClient({
          baseUrl: settings.opentrainBaseUrl,
          token: (asked) => readSecret(names.token(connection), asked),
          sleep: async () => {},
          ...(opentrainFetch === undefined ? {} : { fetch: opentrainFetch }),
        }),
      ...(workspace === undefined ? {} : { placeOf: async (workspaceId) => ({ workspaceId, workspace }) }),
    };
  }

  /** Hands the worker one batch. */
  async function run(records: SQSRecord[], faults: Faults = {}): Promise<Fates> {
    const waits = new Map<string, number>();
    const recorder = {
      ...queue,
      async setVisibility(receiptHandle: string, seconds: number) {
        waits.set(receiptHandle, seconds);
      },
    };
    const handler = createWorkerHandler({ ...parts(faults), queue: recorder });
    const { remaining = 60_000 } = faults;
    const { batchItemFailures } = await handler(sqsEvent(records), { getRemainingTimeInMillis: () => remaining });
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const fateOf = ({ messageId, receiptHandle }: SQSRecord) =>
      failed.has(messageId) ? (waits.get(receiptHandle) ?? Number.NaN) : ('acknowledged' as const);
    return Object.fromEntries(records.map((record) => [record.messageId, fateOf(record)]));
  }

  return {
    emulators,
    opentrain,
    demo,
    store,
    parameters,
    names,
    queue,
    /** DynamoDB's, so far. */
    requests,
    lines,
    run,
    /** A handler for a pump, with waits of one second. */
    handlerFor: (faults: Faults = {}): WorkerHandler =>
      createWorkerHandler({ ...parts(faults), backOff: { baseSeconds: 1, capSeconds: 1 } }),
    async recordOf(delivery: string, connection = 'acme') {
      const about = { connectionId: connection as ConnectionId, deliveryId: delivery as DeliveryId };
      return (await store.situation(about)).delivery;
    },
    async close() {
      await opentrain.close();
      await demo.close();
      await emulators.close();
    },
  };
}

export type Worker = Awaited<ReturnType<typeof startWorker>>;
