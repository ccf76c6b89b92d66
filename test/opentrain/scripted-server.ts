import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What the server does with one request; with no step left it answers 200 `{}`. */
export type Step =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  /** Takes the request and closes the connection without a word. */
  | 'hang-up'
  /** Takes the request and never answers. */
  | 'silence';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: unknown;
}

/** A server that answers by a script, for what no well-behaved one would do. */
export interface ScriptedServer {
  readonly url: string;
  readonly received: ReceivedRequest[];
  script(...steps: Step[]): void;
  close(): Promise<void>;
}

export async function startScriptedServer(): Promise<ScriptedServer> {
  const received: ReceivedRequest[] = [];
  const steps: Step[] = [];
  const server = createServer(async (request, response) => {
    received.push(await describe(request));
    act(steps.shift() ?? { status: 200, body: {} }, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    script: (...more) => void steps.push(...more),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function describe(request: IncomingMessage): Promise<ReceivedRequest> {
  const body = await text(request);
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization ?? '',
    body: body === '' ? undefined : JSON.parse(body),
  };
}

function act(step: Step, response: ServerResponse): void {
  if (step === 'silence') return;
  if (step === 'hang-up') {
    response.destroy();
    return;
  }
  const { status, headers = {}, body } = step;
  response.writeHead(status, headers);
  response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
}
