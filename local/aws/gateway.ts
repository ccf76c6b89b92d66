import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { WebhookHandler } from '../../functions/webhook/handler.ts';
import type { Clock } from '../../shared/clock.ts';

/** API Gateway's HTTP API on one machine: one route, payload format 2.0. */
export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

const ROUTE = /^\/webhooks\/opentrain\/([^/]+)$/;
/** API Gateway's own limit. */
const PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024;

export async function startGateway(handler: WebhookHandler, port: number, clock: Clock): Promise<Gateway> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += chunk.length;
      if (size <= PAYLOAD_LIMIT_BYTES) chunks.push(chunk);
    }
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const [, connectionId] = ROUTE.exec(path) ?? [];
    const answer = (status: number, body = '') =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    if (connectionId === undefined || request.method !== 'POST') return answer(404, '{"message":"Not Found"}');
    if (size > PAYLOAD_LIMIT_BYTES) return answer(413, '{"message":"Request Entity Too Large"}');
    try {
      const event = toEvent(request, { path, query, connectionId, body: Buffer.concat(chunks), now: clock.now() });
      const { statusCode = 200, body } = await handler(event);
      return answer(statusCode, body);
    } catch {
      // What API Gateway makes of a function that throws.
      return answer(500, '{"message":"Internal Server Error"}');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Parts {
  readonly path: string;
  readonly query: string;
  readonly connectionId: string;
  readonly body: Buffer;
  readonly now: number;
}

/** As API Gateway does: names lower-cased, repeated headers joined by a comma, what is not text as base64. */
function toEvent(request: IncomingMessage, { path, query, connectionId, body, now }: Parts): APIGatewayProxyEventV2 {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = String(request.rawHeaders[index]).toLowerCase();
    const value = String(request.rawHeaders[index + 1]);
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  const isText = /^(text\/|application\/(json|xml|javascript))/.test(headers['content-type'] ?? '') && isUtf8(body);
  return {
    version: '2.0',
    routeKey: 'POST /webhooks/opentrain/{connectionId}',
    rawPath: path,
    rawQueryString: query,
    headers,
    pathParameters: { connectionId: decodeURIComponent(connectionId) },
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: headers.host ?? 'localhost',
      domainPrefix: 'local',
      http: {
        method: 'POST',
        path,
        protocol: 'HTTP/1.1',
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: crypto.randomUUID(),
      routeKey: 'POST /webhooks/opentrain/{connectionId}',
      stage: '$default',
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    body: body.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  };
}

function isUtf8(body: Buffer): boolean {
  return Buffer.from(body.toString('utf8')).equals(body);
}
