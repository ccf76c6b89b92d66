import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, expect, test } from 'vitest';
import { openTable, TableBusyError } from '../../shared/store/table.ts';

let server: Server | undefined;
let requests = 0;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** DynamoDB without capacity: leaves every key out, the first so many times. */
async function busyTable(times: number) {
  requests = 0;
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { RequestItems } = JSON.parse(Buffer.concat(chunks).toString());
    requests += 1;
    const isBusy = requests <= times;
    const answer = {
      Responses: { t: isBusy ? [] : RequestItems.t.Keys },
      UnprocessedKeys: isBusy ? RequestItems : {},
    };
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return openTable('t', new DynamoDBClient({ endpoint, region: 'us-east-1', credentials }));
}

const key = { pk: 'CONN#a', sk: 'META' };

test('items that DynamoDB leaves out are asked for again', async () => {
  const table = await busyTable(2);
  expect(await table.getAll([key])).toEqual([key]);
  expect(requests).toBe(3);
});

test('one that leaves them out again and again is not driven harder: an error after three rounds', async () => {
  const table = await busyTable(Number.POSITIVE_INFINITY);
  await expect(table.getAll([key])).rejects.toBeInstanceOf(TableBusyError);
  expect(requests).toBe(3);
});
