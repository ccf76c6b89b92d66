import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request that went through to the server, or was answered in its place. */
export interface ProxiedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly status: number;
}

/** Stands in front of a real server and brings about what that server would not do on demand. */
export interface FaultProxy {
  /** The server's URL with the proxy's port: paths stay as they are. */
  readonly url: string;
  /** What was answered, oldest first. */
  readonly requests: readonly ProxiedRequest[];
  /** From now on nothing goes through, and everything is answered like this. */
  answerAll(status: number, headers?: Readonly<Record<string, string>>): void;
  /** From now on requests of one method are answered like this, and all others go through. */
  answerMethod(method: string, status: number): void;
  /** From now on nothing goes through, and nothing is answered. */
  hang(): void;
  /** The next write goes through, and its answer is lost on the way back. */
  loseNextAnswerToWrite(isWrite: (request: ProxiedRequest) => boolean): void;
  /** From now on everything goes through. */
  heal(): void;
  close(): Promise<void>;
}

type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly method?: string;
    }
  | { readonly kind: 'hang' }
  | { readonly kind: 'lose-answer'; readonly isWrite: (request: ProxiedRequest) => boolean };

/** @param target - base URL of the real server: http, on loopback */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port, pathname } = new URL(target);
  const requests: ProxiedRequest[] = [];
  let fault: Fault | undefined;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request;
    const log = (status: number) => void requests.push({ method, path, status });
    const body = await buffer(request);

    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'answer' && (fault.method ?? method) === method) {
      log(fault.status);
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      response.end('{"detail":"A fault was asked for."}');
      return;
    }
    const headers = { ...request.headers, host: `${hostname}:${port}` };
    // No agent: a connection that the server closed while it was idle would look like a fault that nobody asked for.
    const passedOn = sendRequest({ hostname, port, method, path, headers, agent: false });
    passedOn.end(body);
    const [answer] = (await once(passedOn, 'response')) as [IncomingMessage];
    const content = await buffer(answer);
    const status = answer.statusCode ?? 502;
    log(status);
    if (fault?.kind === 'lose-answer' && fault.isWrite({ method, path, status })) {
      fault = undefined;
      response.destroy();
      return;
    }
    response.writeHead(status, answer.headers);
    response.end(content);
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
    requests,
    answerAll(status, headers = {}) {
      fault = { kind: 'answer', status, headers };
    },
    answerMethod(method, status) {
      fault = { kind: 'answer', status, headers: {}, method };
    },
    hang() {
      fault = { kind: 'hang' };
    },
    loseNextAnswerToWrite(isWrite) {
      fault = { kind: 'lose-answer', isWrite };
    },
    heal() {
      fault = undefined;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
