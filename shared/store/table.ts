import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  GetCommand,
  type NativeAttributeValue,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { sleep } from '../clock.ts';
import { ConnectorError } from '../errors.ts';

export type Item = Record<string, NativeAttributeValue>;

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** One conditional change of one item. A field whose value is undefined is left as it is. */
export interface Change {
  readonly set?: Item;
  /** Set only where the item does not have them yet. */
  readonly setIfAbsent?: Item;
  /** Numbers to add, sets to unite with. */
  readonly add?: Item;
  /** Sets to take out. */
  readonly takeOut?: Item;
  readonly remove?: readonly string[];
  /** Refuses the change unless it holds; refers to fields as `#field` and to `values` as `:name`. */
  readonly onlyIf?: string;
  readonly values?: Item;
}

export type Changed =
  | { readonly kind: 'changed'; readonly item: Item }
  /** The condition did not hold. `item` is what stands there instead, if anything does. */
  | { readonly kind: 'refused'; readonly item: Item | undefined };

/**
 * The one DynamoDB table. Every change is a conditional write of a single item, every read that decides is strongly
 * consistent; order between items is the business of `access/`.
 */
export interface Table {
  get(key: Key): Promise<Item | undefined>;
  /** Several items, a hundred a request; undefined for those that are not there. */
  getAll(keys: readonly Key[]): Promise<(Item | undefined)[]>;
  change(key: Key, change: Change): Promise<Changed>;
  /** All items of one partition whose sort key begins so, page by page. */
  list(pk: string, prefix: string): AsyncIterable<Item>;
}

/** DynamoDB has no capacity for a read right now; the delivery is tried again later. */
export class TableBusyError extends ConnectorError {
  override readonly name = 'TableBusyError';
}

/** The most that DynamoDB takes in one request. */
const BATCH_KEYS = 100;
const BATCH_ROUNDS = 3;
const BATCH_PAUSE_MILLISECONDS = 100;

/** Three tries and short time-outs: a worker's message goes back to the queue sooner than it waits here. */
export function createDynamoDb(): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/** Region, credentials and `AWS_ENDPOINT_URL_DYNAMODB` come from the environment, as the SDK finds them. */
export function openTable(name: string, client: DynamoDBClient = createDynamoDb()): Table {
  const documents = DynamoDBDocumentClient.from(client);

  async function get(key: Key): Promise<Item | undefined> {
    return (await documents.send(new GetCommand({ TableName: name, Key: key, ConsistentRead: true }))).Item;
  }

  async function getBatch(keys: readonly Key[]): Promise<Item[]> {
    const found: Item[] = [];
    let open: Item[] = [...keys];
    for (let round = 1; open.length > 0; round += 1) {
      // DynamoDB leaves out what it has no capacity for: asked again at once, it would have even less.
      if (round > BATCH_ROUNDS)
        throw new TableBusyError(`DynamoDB left ${open.length} items out, ${BATCH_ROUNDS} times.`);
      if (round > 1) await sleep(Math.random() * BATCH_PAUSE_MILLISECONDS * round);
      const request = { [name]: { Keys: open, ConsistentRead: true } };
      const { Responses, UnprocessedKeys } = await documents.send(new BatchGetCommand({ RequestItems: request }));
      found.push(...(Responses?.[name] ?? []));
      open = UnprocessedKeys?.[name]?.Keys ?? [];
    }
    return found;
  }

  return {
    get,
    async getAll(keys) {
      const found = new Map<string, Item>();
      for (let start = 0; start < keys.length; start += BATCH_KEYS) {
        for (const item of await getBatch(keys.slice(start, start + BATCH_KEYS))) {
          found.set(`${item.pk}\n${item.sk}`, item);
        }
      }
      return keys.map(({ pk, sk }) => found.get(`${pk}\n${sk}`));
    },
    async change(key, change) {
      try {
        const { Attributes } = await documents.send(
          new UpdateCommand({
            TableName: name,
            Key: key,
            ...expressionOf(change),
            ReturnValues: 'ALL_NEW',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return { kind: 'changed', item: Attributes ?? {} };
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        // DynamoDB sends the item along; an emulator that does not costs a read.
        return { kind: 'refused', item: error.Item === undefined ? await get(key) : unmarshall(error.Item) };
      }
    },
    async *list(pk, prefix) {
      let start: Item | undefined;
      do {
        const page = await documents.send(
          new QueryCommand({
            TableName: name,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
            ExpressionAttributeValues: { ':pk': pk, ':prefix': prefix },
            ConsistentRead: true,
            ...(start === undefined ? {} : { ExclusiveStartKey: start }),
          }),
        );
        yield* page.Items ?? [];
        start = page.LastEvaluatedKey;
      } while (start !== undefined);
    },
  };
}

/** Writes a change in DynamoDB's expression language, every name behind a `#`, so that reserved words do not matter. */
function expressionOf({
  set = {},
  setIfAbsent = {},
  add = {},
  takeOut = {},
  remove = [],
  onlyIf,
  values = {},
}: Change) {
  const given = (fields: Item) => Object.entries(fields).filter(([, value]) => value !== undefined);
  const clauses = [
    clause('SET', [
      ...given(set).map(([field]) => `#${field} = :${field}`),
      ...given(setIfAbsent).map(([field]) => `#${field} = if_not_exists(#${field}, :${field})`),
    ]),
    clause(
      'ADD',
      given(add).map(([field]) => `#${field} :${field}`),
    ),
    clause(
      'DELETE',
      given(takeOut).map(([field]) => `#${field} :${field}`),
    ),
    clause(
      'REMOVE',
      remove.map((field) => `#${field}`),
    ),
  ];
  const fields = [set, setIfAbsent, add, takeOut].flatMap(given);
  const named = [...fields.map(([field]) => field), ...remove, ...(onlyIf?.match(/(?<=#)\w+/g) ?? [])];
  const told = [...fields, ...Object.entries(values)].map(([field, value]) => [`:${field}`, value]);
  return {
    UpdateExpression: clauses.filter(Boolean).join(' '),
    ...(onlyIf === undefined ? {} : { ConditionExpression: onlyIf }),
    ExpressionAttributeNames: Object.fromEntries(named.map((field) => [`#${field}`, field])),
    // DynamoDB refuses an empty list of them.
    ...(told.length === 0 ? {} : { ExpressionAttributeValues: Object.fromEntries(told) }),
  };
}

function clause(verb: string, parts: readonly string[]): string {
  return parts.length === 0 ? '' : `${verb} ${parts.join(', ')}`;
}
