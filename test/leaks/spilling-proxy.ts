import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What goes wrong between the connector and a server. */
export interface Trouble {
  /** Which requests: tried on `<method> <path> <X-Amz-Target> <body>`. @default all */
  readonly only?: RegExp;
  /** What is answered in the server's place; undefined breaks the connection off. */
  readonly answer?: { readonly status: number; readonly headers?: Record<string, string>; readonly body: string };
  /** Lets the request through, and changes what was answered. */
  readonly change?: (body: string) => string;
}

/** Stands in front of a real server and says, on demand, what a careless one might. */
export interface SpillingProxy {
  /** The server's URL with the proxy's port. */
  readonly url: string;
  /** From now on, in place of any trouble before; undefined lets everything through. */
  trouble(trouble: Trouble | undefined): void;
  /** How many requests met with trouble. */
  readonly struck: { readonly count: number };
  close(): Promise<void>;
}

/** @param target - base URL of the real server: http, on loopback */
export async function startSpillingProxy(target: string): Promise<SpillingProxy> {
  const { hostname, port, pathname } = new URL(target);
  const struck = { count: 0 };
  let current: Trouble | undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request;
    const body = await buffer(request);
    const about = `${method} ${path} ${headers['x-amz-target'] ?? ''} ${body}`;
    const trouble = current?.only?.test(about) === false ? undefined : current;
    if (trouble !== undefined) struck.count += 1;
    if (trouble !== undefined && trouble.change === undefined) {
      if (trouble.answer === undefined) return void response.destroy();
      const { status, headers: given = {}, body: said } = trouble.answer;
      return void response.writeHead(status, { 'content-type': 'application/json', ...given }).end(said);
    }
    // No agent: a connection that the server closed while it was idle would look like trouble that nobody asked for.
    const own = { ...headers, host: `${hostname}:${port}` };
    const passedOn = sendRequest({ hostname, port, method, path, headers: own, agent: false });
    passedOn.end(body);
    const [answer] = (await once(passedOn, 'response')) as [IncomingMessage];
    const content = await buffer(answer);
    const { 'content-length': _, 'transfer-encoding': __, ...passedBack } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, passedBack);
    response.end(trouble?.change === undefined ? content : trouble.change(content.toString()));
  }

  const server = createServer((request, response) => {
    // The caller sees a broken connection, as it would without a proxy.
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${own}${pathname.replace(/\/$/, '')}`,
    struck,
    trouble(trouble) {
      current = trouble;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
