import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient, ResourceInUseException } from '@aws-sdk/client-dynamodb';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import dynalite from 'dynalite';
import { buildApp } from 'fauxqs';
import { type ParameterStoreEmulator, startParameterStore } from './parameter-store-emulator.ts';

/** The AWS services of a deployment, embedded: real wire protocols, nothing kept. */
export interface Emulators {
  /** What the stack would set on the functions, and where the SDKs find the services. */
  readonly environment: AwsEnvironment;
  readonly deadLetterQueueUrl: string;
  readonly usageDeadLetterQueueUrl: string;
  readonly reconcileDeadLetterQueueUrl: string;
  /** Of the schedules, which only AWS's own would fill. */
  readonly usageDroppedQueueUrl: string;
  readonly reconcileDroppedQueueUrl: string;
  readonly parameterStore: ParameterStoreEmulator;
  close(): Promise<void>;
}

export interface AwsEnvironment {
  readonly AWS_REGION: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_ENDPOINT_URL_DYNAMODB: string;
  readonly AWS_ENDPOINT_URL_SQS: string;
  readonly AWS_ENDPOINT_URL_SSM: string;
  readonly TABLE_NAME: string;
  /** An id more than an address: fauxqs names a host that not every machine resolves. */
  readonly QUEUE_URL: string;
  readonly USAGE_QUEUE_URL: string;
  readonly RECONCILE_QUEUE_URL: string;
  readonly CREDENTIALS_PATH: string;
}

export interface EmulatorOptions {
  /** Endpoints of other emulators, by the SDKs' names; one that is absent is started here. */
  readonly endpoints?: { readonly AWS_ENDPOINT_URL_DYNAMODB?: string; readonly AWS_ENDPOINT_URL_SQS?: string };
  /** Receives before a message goes to the dead-letter queue. @default 100, as deployed */
  readonly maxReceives?: number;
}

const TABLE = 'opentrain-connector';
/** As deployed: six times the function's time-out. */
const VISIBILITY_SECONDS = { deliveries: 360, usage: 1_800, reconcile: 1_800 };
/** As deployed. */
const SCHEDULED_RECEIVES = 20;
const ACCESS = { AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

export async function startEmulators({ endpoints = {}, maxReceives = 100 }: EmulatorOptions = {}): Promise<Emulators> {
  const stops: (() => Promise<unknown>)[] = [];
  const parameterStore = await startParameterStore();
  stops.push(() => parameterStore.close());

  const client = (endpoint: string) => ({
    endpoint,
    region: ACCESS.AWS_REGION,
    credentials: { accessKeyId: ACCESS.AWS_ACCESS_KEY_ID, secretAccessKey: ACCESS.AWS_SECRET_ACCESS_KEY },
  });
  const dynamoUrl = endpoints.AWS_ENDPOINT_URL_DYNAMODB ?? (await startDynamo(stops));
  await createTable(new DynamoDBClient(client(dynamoUrl)));
  const sqsUrl = endpoints.AWS_ENDPOINT_URL_SQS ?? (await startSqs(stops));
  const sqs = new SQSClient({ ...client(sqsUrl), useQueueUrlAsEndpoint: false });
  const deliveries = await createQueues(sqs, 'deliveries', maxReceives);
  const usage = await createQueues(sqs, 'usage', SCHEDULED_RECEIVES);
  const reconcile = await createQueues(sqs, 'reconcile', SCHEDULED_RECEIVES);

  return {
    environment: {
      ...ACCESS,
      AWS_ENDPOINT_URL_DYNAMODB: dynamoUrl,
      AWS_ENDPOINT_URL_SQS: sqsUrl,
      AWS_ENDPOINT_URL_SSM: parameterStore.url,
      TABLE_NAME: TABLE,
      QUEUE_URL: deliveries.queueUrl,
      USAGE_QUEUE_URL: usage.queueUrl,
      RECONCILE_QUEUE_URL: reconcile.queueUrl,
      CREDENTIALS_PATH: '/opentrain/local',
    },
    deadLetterQueueUrl: deliveries.deadLetterQueueUrl,
    usageDeadLetterQueueUrl: usage.deadLetterQueueUrl,
    reconcileDeadLetterQueueUrl: reconcile.deadLetterQueueUrl,
    usageDroppedQueueUrl: await createQueue(sqs, 'usage-dropped', {}),
    reconcileDroppedQueueUrl: await createQueue(sqs, 'reconcile-dropped', {}),
    parameterStore,
    async close() {
      for (const stop of stops) await stop();
    },
  };
}

async function startDynamo(stops: (() => Promise<unknown>)[]): Promise<string> {
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function startSqs(stops: (() => Promise<unknown>)[]): Promise<string> {
  // Not its own `startFauxqs`, which listens on every interface.
  const app = buildApp({ logger: false });
  stops.push(() => app.close());
  return app.listen({ port: 0, host: '127.0.0.1' });
}

async function createTable(dynamo: DynamoDBClient): Promise<void> {
  const key = (name: string, type: 'HASH' | 'RANGE') => ({ AttributeName: name, KeyType: type });
  try {
    await dynamo.send(
      new CreateTableCommand({
        TableName: TABLE,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: [key('pk', 'HASH'), key('sk', 'RANGE')],
      }),
    );
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

async function createQueues(sqs: SQSClient, name: keyof typeof VISIBILITY_SECONDS, maxReceives: number) {
  const deadLetterQueueUrl = await createQueue(sqs, `${name}-dead`, {});
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: deadLetterQueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const queueUrl = await createQueue(sqs, name, {
    VisibilityTimeout: String(VISIBILITY_SECONDS[name]),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes?.QueueArn, maxReceiveCount: maxReceives }),
  });
  return { queueUrl, deadLetterQueueUrl };
}

async function createQueue(sqs: SQSClient, name: string, attributes: Record<string, string>): Promise<string> {
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  return QueueUrl;
}
