import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AwsJsonClient, createAwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../shared/aws/parameter-store.ts';
import { systemClock } from '../shared/clock.ts';
import type { ConnectionParts } from '../shared/connections/connection-client.ts';
import { credentialNames } from '../shared/connections/credential-names.ts';
import { type ConnectionId, parseConnectionId } from '../shared/ids.ts';
import { createStore, type Store } from '../shared/store/store.ts';
import { openTable, type Table } from '../shared/store/table.ts';
import { AWS_PATIENCE } from './aws-patience.ts';
import { NotFoundError, UsageError } from './errors.ts';
import { openTarget, type Target, type TargetOptions } from './target.ts';

/** What the commands work with, on whatever target. */
export interface Parts extends ConnectionParts {
  readonly target: Target;
  readonly store: Store;
  readonly table: Table;
  readonly sqs: AwsJsonClient;
  webhookUrl(connection: ConnectionId): string;
}

export async function openParts(options: TargetOptions): Promise<Parts> {
  const target = await openTarget(options, process.env);
  const { environment } = target;
  const client = (service: 'sqs' | 'ssm') => createAwsJsonClient(service, { environment, timeoutMilliseconds: 10_000 });
  const table = openTable(target.tableName, openDynamoDb(environment));
  const store = createStore(table);
  return {
    target,
    store,
    table,
    sqs: client('sqs'),
    parameters: createParameterStore(client('ssm')),
    names: credentialNames(target.credentialsPath),
    connections: store.connections,
    opentrain: { baseUrl: target.opentrainUrl },
    clock: systemClock,
    webhookUrl: (connection) => `${target.apiUrl}/webhooks/opentrain/${connection}`,
  };
}

function openDynamoDb(environment: NodeJS.ProcessEnv): DynamoDBClient {
  const { AWS_REGION = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN } = environment;
  const endpoint = environment.AWS_ENDPOINT_URL_DYNAMODB ?? environment.AWS_ENDPOINT_URL;
  return new DynamoDBClient({
    ...AWS_PATIENCE,
    region: AWS_REGION,
    credentials: {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN === undefined ? {} : { sessionToken: AWS_SESSION_TOKEN }),
    },
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

/** @throws {UsageError} which does not repeat what came: it might be the token */
export function connectionId(text: string): ConnectionId {
  const id = parseConnectionId(text);
  if (id !== undefined) return id;
  throw new UsageError(
    'A connection is named by 1 to 64 lower-case letters, digits and inner hyphens, such as acme. A token is no argument.',
  );
}

/** @throws {NotFoundError} that names those that there are */
export async function existingConnection(text: string, { connections, parameters, names, target }: Parts) {
  const id = connectionId(text);
  if ((await connections.find(id)) !== undefined) return id;
  // Local mode with a real OpenTrain has stored the credentials, and nothing else.
  if ((await parameters.get(names.token(id))) !== undefined) return id;
  const known: string[] = [];
  for await (const one of connections.list()) known.push(one);
  throw new NotFoundError(
    `There is no connection ${id} in ${target.name}. ${known.length === 0 ? 'There is none at all yet: see connect --help.' : `There are: ${listed(known)}.`}`,
  );
}

/** Those that are named, or all. */
export async function someConnections(text: string | undefined, parts: Parts): Promise<ConnectionId[]> {
  if (text !== undefined) return [await existingConnection(text, parts)];
  const all: ConnectionId[] = [];
  for await (const id of parts.connections.list()) all.push(id);
  return all;
}

const LISTED_AT_MOST = 10;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED_AT_MOST).join(', ');
  return names.length > LISTED_AT_MOST ? `${shown} and ${names.length - LISTED_AT_MOST} more` : shown;
}
