import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Item, openTable, type Table } from '../../shared/store/table.ts';

/** The most that DynamoDB takes in one request. */
const BATCH_ITEMS = 25;

/**
 * A table for a store that makes new items: they go many in a request, so that seeding takes no time. What is changed
 * more than once is changed one time right after the other, and is added to only the first time.
 */
export interface SeedingTable extends Table {
  /** Writes what is left. */
  flush(): Promise<void>;
}

export function openSeedingTable(name: string, client: DynamoDBClient): SeedingTable {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  /** By key, at most `BATCH_ITEMS`. */
  const items = new Map<string, Item>();

  async function flush(): Promise<void> {
    const puts = [...items.values()].map((Item) => ({ PutRequest: { Item } }));
    items.clear();
    if (puts.length > 0) await documents.send(new BatchWriteCommand({ RequestItems: { [name]: puts } }));
  }
  return {
    ...openTable(name, client),
    async change(key, { set = {}, setIfAbsent = {}, add = {} }) {
      const id = `${key.pk}\n${key.sk}`;
      const known = items.get(id);
      if (known === undefined && items.size >= BATCH_ITEMS) await flush();
      const item = { ...key, ...add, ...setIfAbsent, ...known, ...set };
      items.set(id, item);
      return { kind: 'changed', item };
    },
    flush,
  };
}
