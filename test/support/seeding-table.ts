import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Item, openTable, type Table } from '../../shared/store/table.ts';

/** The most that DynamoDB takes in one request. */
const BATCH_ITEMS = 25;

/** A table for a store that writes items that are new, each once: they go many in a request, so that seeding takes no time. */
export interface SeedingTable extends Table {
  /** Writes what is left. */
  flush(): Promise<void>;
}

export function openSeedingTable(name: string, client: DynamoDBClient): SeedingTable {
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const items: Item[] = [];

  async function flush(): Promise<void> {
    while (items.length > 0) {
      const puts = items.splice(0, BATCH_ITEMS).map((Item) => ({ PutRequest: { Item } }));
      await documents.send(new BatchWriteCommand({ RequestItems: { [name]: puts } }));
    }
  }
  return {
    ...openTable(name, client),
    async change(key, { set = {}, setIfAbsent = {} }) {
      const item = { ...key, ...setIfAbsent, ...set };
      items.push(item);
      if (items.length >= BATCH_ITEMS) await flush();
      return { kind: 'changed', item };
    },
    flush,
  };
}
