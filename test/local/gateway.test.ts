import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Gateway, startGateway } from '../../local/aws/gateway.ts';

let gateway: Gateway;
let events: Record<'webhook' | 'budget', APIGatewayProxyEventV2[]>;

beforeEach(async () => {
  events = { webhook: [], budget: [] };
  const clock = { now: () => Date.parse('2026-10-01T12:00:00Z') };
  const functions = {
    webhook: async (event: APIGatewayProxyEventV2) => {
      events.webhook.push(event);
      return { statusCode: 202 };
    },
    budget: async (event: APIGatewayProxyEventV2) => {
      events.budget.push(event);
      return { statusCode: 200, headers: { 'cache-control': 'no-store' }, body: '{"state":"OK"}' };
    },
  };
  gateway = await startGateway(functions, 0, clock, () => ({ gateway: 'here' }));
});
afterEach(() => gateway.close());

const call = (path: string, request?: RequestInit) => fetch(`${gateway.url}${path}`, request);

test('a delivery reaches the webhook function with its raw bytes', async () => {
  const body = Buffer.from([0x7b, 0xff, 0x7d]);
  expect((await call('/webhooks/opentrain/acme', { method: 'POST', body })).status).toBe(202);
  expect(events.webhook).toMatchObject([
    {
      routeKey: 'POST /webhooks/opentrain/{connectionId}',
      pathParameters: { connectionId: 'acme' },
      requestContext: { http: { method: 'POST', path: '/webhooks/opentrain/acme' } },
      body: body.toString('base64'),
      isBase64Encoded: true,
    },
  ]);
});

test('a question for a budget reaches the budget function, its ids decoded, and its answer comes back', async () => {
  const answer = await call('/connections/acme/projects/Stra%C3%9Fe%201%3F%25/budget?verbose=1');
  expect([answer.status, await answer.text()]).toEqual([200, '{"state":"OK"}']);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  const [event] = events.budget;
  expect(event).toMatchObject({
    routeKey: 'GET /connections/{connectionId}/projects/{externalProjectId}/budget',
    rawPath: '/connections/acme/projects/Straße 1?%/budget',
    rawQueryString: 'verbose=1',
    pathParameters: { connectionId: 'acme', externalProjectId: 'Straße 1?%' },
    isBase64Encoded: false,
  });
  expect(event?.body).toBeUndefined();
});

test.each([
  ['GET', '/webhooks/opentrain/acme', 404],
  ['POST', '/connections/acme/projects/signs/budget', 404],
  ['GET', '/connections/acme/projects/signs', 404],
  ['GET', '/connections/acme/projects//budget', 404],
  // As API Gateway has it: the path is decoded first, and then has one segment more than the route.
  ['GET', '/connections/acme/projects/streets%2Fsigns/budget', 404],
  ['GET', '/connections/acme/projects/%E0%A4%A/budget', 400],
])('%s %s reaches no function: %i', async (method, path, status) => {
  expect((await call(path, { method })).status).toBe(status);
  expect(events).toEqual({ webhook: [], budget: [] });
});

test('a function that throws is a 500 without a word of why', async () => {
  await gateway.close();
  const fail = async () => {
    throw new Error('secret');
  };
  gateway = await startGateway({ webhook: fail, budget: fail }, 0, { now: Date.now }, () => ({}));
  const answer = await call('/connections/acme/projects/signs/budget');
  expect([answer.status, await answer.text()]).toEqual([500, '{"message":"Internal Server Error"}']);
});

test('tells where everything is to whoever asks for /_local', async () => {
  expect(await (await call('/_local')).json()).toEqual({ gateway: 'here' });
});
