import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** SSM Parameter Store over its own wire protocol, as far as the connector speaks it; in memory. */
export interface ParameterStoreEmulator {
  readonly url: string;
  /** How often each operation was called. */
  readonly calls: ReadonlyMap<string, number>;
  /** Answers 500 from now on, or no longer. */
  outage(on: boolean): void;
  close(): Promise<void>;
}

/** There is no embeddable SSM emulator on the registry, so these operations are played here. */
export async function startParameterStore(): Promise<ParameterStoreEmulator> {
  const parameters = new Map<string, string>();
  const calls = new Map<string, number>();
  let away = false;

  const operations: Record<string, (input: { Name: string; Value?: string }) => [status: number, answer: object]> = {
    GetParameter: ({ Name }) => {
      const value = parameters.get(Name);
      if (value === undefined) return [400, { __type: 'ParameterNotFound' }];
      return [200, { Parameter: { Name, Type: 'SecureString', Value: value } }];
    },
    PutParameter: ({ Name, Value = '' }) => {
      parameters.set(Name, Value);
      return [200, { Version: 1, Tier: 'Standard' }];
    },
    DeleteParameter: ({ Name }) => {
      return parameters.delete(Name) ? [200, {}] : [400, { __type: 'ParameterNotFound' }];
    },
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const name = String(request.headers['x-amz-target']).replace('AmazonSSM.', '');
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const operation = operations[name];
    const [status, answer] = away
      ? [500, { __type: 'InternalServerError' }]
      : (operation?.(JSON.parse(Buffer.concat(chunks).toString())) ?? [400, { __type: 'InvalidAction' }]);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    outage(on) {
      away = on;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
