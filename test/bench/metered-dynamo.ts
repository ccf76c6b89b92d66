import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';

/** What DynamoDB bills a table on demand for, and in how many requests it was asked for. */
export interface Capacity {
  readonly dynamodbRequests: number;
  readonly readUnits: number;
  readonly writeUnits: number;
}

export interface MeteredDynamo {
  readonly url: string;
  /** Of all requests so far. */
  capacity(): Capacity;
  close(): Promise<void>;
}

/** The embedded DynamoDB behind a meter, which asks it with every request for the capacity that the request consumed. */
export async function startMeteredDynamo(): Promise<MeteredDynamo> {
  const dynamo = dynalite({ createTableMs: 0 });
  const target = await listen(dynamo);
  let [dynamodbRequests, readUnits, writeUnits] = [0, 0, 0];

  async function forward(body: string, headers: IncomingHttpHeaders) {
    const operation = String(headers['x-amz-target']).split('.')[1] ?? '';
    const isMetered = /^(Get|BatchGet|Query|Update)/.test(operation) && operation !== 'UpdateTable';
    const request = isMetered ? { ...JSON.parse(body), ReturnConsumedCapacity: 'TOTAL' } : JSON.parse(body);
    const response = await fetch(target, {
      method: 'POST',
      headers: {
        authorization: String(headers.authorization),
        'content-type': String(headers['content-type']),
        'x-amz-date': String(headers['x-amz-date']),
        'x-amz-target': String(headers['x-amz-target']),
      },
      body: JSON.stringify(request),
    });
    const text = await response.text();
    if (isMetered) {
      dynamodbRequests += 1;
      const consumed = [JSON.parse(text).ConsumedCapacity ?? []].flat() as { readonly CapacityUnits: number }[];
      // A change whose condition does not hold costs as much as one of the smallest, and dynalite does not tell.
      const units = response.ok ? consumed.reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0) : 1;
      if (operation.startsWith('Update')) writeUnits += units;
      else readUnits += units;
    }
    return { status: response.status, text };
  }

  const meter = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { status, text } = await forward(Buffer.concat(chunks).toString(), request.headers);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(text);
  });
  return {
    url: await listen(meter),
    capacity: () => ({ dynamodbRequests, readUnits, writeUnits }),
    async close() {
      for (const server of [meter, dynamo]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
