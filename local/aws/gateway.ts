import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Clock } from '../../shared/clock.ts';

/** API Gateway's HTTP API on one machine: the deployed routes, payload format 2.0. */
export interface Gateway {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * As deployed: see infra/connector-api.ts. But whoever asks for a budget need not be known to IAM here: a signed request is
 * served like one that is not.
 */
const ROUTES = {
  webhook: 'POST /webhooks/opentrain/{connectionId}',
  budget: 'GET /connections/{connectionId}/projects/{externalProjectId}/budget',
} as const;

/** The functions behind the routes. */
export type GatewayFunctions = Readonly<
  Record<keyof typeof ROUTES, (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>>
>;

/** Not of API Gateway: where `--local` of the operator's command learns the addresses. They are no secrets. */
const ABOUT = '/_local';
/** API Gateway's own limit. */
const PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024;

/** @param about - what `GET /_local` answers; the gateway listens on loopback only */
export async function startGateway(
  functions: GatewayFunctions,
  port: number,
  clock: Clock,
  about: () => object,
): Promise<Gateway> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request) {
      size += chunk.length;
      if (size <= PAYLOAD_LIMIT_BYTES) chunks.push(chunk);
    }
    const [encodedPath = '', query = ''] = (request.url ?? '').split('?', 2);
    const answer = (status: number, body = '', headers: APIGatewayProxyStructuredResultV2['headers'] = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...(headers as Record<string, string>) })
        .end(body);
    const path = decode(encodedPath);
    if (path === undefined) return answer(400, '{"message":"Bad Request"}');
    if (path === ABOUT && request.method === 'GET') return answer(200, JSON.stringify(about()));
    const route = routeOf(`${request.method} ${path}`);
    if (route === undefined) return answer(404, '{"message":"Not Found"}');
    if (size > PAYLOAD_LIMIT_BYTES) return answer(413, '{"message":"Request Entity Too Large"}');
    try {
      const event = toEvent(request, { path, query, route, body: Buffer.concat(chunks), now: clock.now() });
      const { statusCode = 200, body, headers } = await functions[route.name](event);
      return answer(statusCode, body, headers);
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

interface Route {
  readonly name: keyof typeof ROUTES;
  readonly key: string;
  readonly parameters: Record<string, string>;
}

/** @param request - method and decoded path */
function routeOf(request: string): Route | undefined {
  for (const name of ['webhook', 'budget'] as const) {
    const key = ROUTES[name];
    const found = new RegExp(`^${key.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(request);
    if (found !== null) return { name, key, parameters: { ...found.groups } };
  }
  return undefined;
}

/** API Gateway decodes a path before it looks for a route, so that a `/` in an id is always one more segment. */
function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

interface Parts {
  /** Decoded. */
  readonly path: string;
  readonly query: string;
  readonly route: Route;
  readonly body: Buffer;
  readonly now: number;
}

/** As API Gateway does: names lower-cased, repeated headers joined by a comma, what is not text as base64. */
function toEvent(request: IncomingMessage, { path, query, route, body, now }: Parts): APIGatewayProxyEventV2 {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = String(request.rawHeaders[index]).toLowerCase();
    const value = String(request.rawHeaders[index + 1]);
    headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  }
  const isText = /^(text\/|application\/(json|xml|javascript))/.test(headers['content-type'] ?? '') && isUtf8(body);
  const hasBody = body.length > 0;
  return {
    version: '2.0',
    routeKey: route.key,
    rawPath: path,
    rawQueryString: query,
    headers,
    pathParameters: route.parameters,
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: headers.host ?? 'localhost',
      domainPrefix: 'local',
      http: {
        method: request.method ?? '',
        path,
        protocol: 'HTTP/1.1',
        sourceIp: request.socket.remoteAddress ?? '127.0.0.1',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: crypto.randomUUID(),
      routeKey: route.key,
      stage: '$default',
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    ...(hasBody && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: hasBody && !isText,
  };
}

function isUtf8(body: Buffer): boolean {
  return Buffer.from(body.toString('utf8')).equals(body);
}
