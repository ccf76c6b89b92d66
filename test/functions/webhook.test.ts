import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWebhookHandler, type WebhookHandler } from '../../functions/webhook/handler.ts';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createWebhookSecrets } from '../../shared/connections/webhook-secrets.ts';
import { unpackEnvelope } from '../../shared/deliveries/envelope.ts';
import { BODY_LIMIT_BYTES } from '../../shared/deliveries/intake.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';

let emulators: Emulators;
let handler: WebhookHandler;
let clock: { now(): number; ms: number };
let lines: string[];

const names = credentialNames('/opentrain/local');
const parameters = () =>
  createParameterStore(createAwsJsonClient('ssm', { environment: { ...emulators.environment } }));
const storeSecrets = (connection: string, value: string) =>
  parameters().put(names.webhookSecrets(connection as ConnectionId), value);
const reads = () => emulators.parameterStore.calls.get('GetParameter') ?? 0;

beforeAll(async () => {
  emulators = await startEmulators();
  await storeSecrets('acme', 'whsec_acme');
});
afterAll(() => emulators.close());

beforeEach(() => {
  emulators.parameterStore.outage(false);
  lines = [];
  clock = { ms: Date.now(), now: () => clock.ms };
  handler = handlerWith({ ...emulators.environment });
});

function handlerWith(environment: NodeJS.ProcessEnv): WebhookHandler {
  const sleep = async () => {};
  return createWebhookHandler({
    secrets: createWebhookSecrets(
      createParameterStore(createAwsJsonClient('ssm', { environment, sleep })),
      names,
      clock,
    ),
    queue: createQueue(createAwsJsonClient('sqs', { environment, sleep }), emulators.environment.QUEUE_URL),
    clock,
    logger: createLogger((line) => lines.push(line)),
  });
}

/** Everything that is in the queue, taken out of it. */
async function enqueued() {
  const { environment } = emulators;
  const sqs = new SQSClient({
    useQueueUrlAsEndpoint: false,
    region: environment.AWS_REGION,
    endpoint: environment.AWS_ENDPOINT_URL_SQS,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const receive = new ReceiveMessageCommand({
    QueueUrl: environment.QUEUE_URL,
    MaxNumberOfMessages: 10,
  });
  const { Messages = [] } = await sqs.send(receive);
  return Messages.map(({ Body = '' }) => ({ envelope: unpackEnvelope(Body) }));
}

const send = async (request: Parameters<typeof webhookEvent>[0] = {}) => {
  const event = webhookEvent({ now: Math.floor(clock.ms / 1000), ...request });
  return (await handler(event)).statusCode;
};

describe('202: verified and enqueued', () => {
  test('the queue holds the delivery with its connection, id and every byte', async () => {
    const body = '{"id":"9007199254740993001","type":"contract.started"}';
    expect(await send({ body })).toBe(202);
    const [message, ...others] = await enqueued();
    expect(others).toEqual([]);
    expect(message?.envelope).toMatchObject({ connectionId: 'acme', deliveryId: 'delivery-1', receivedAt: clock.ms });
    expect(Buffer.from(message?.envelope?.body ?? []).toString()).toBe(body);
  });

  test('a type that we do not know', async () => {
    expect(await send({ body: '{"id":"2","type":"trainer.promoted"}' })).toBe(202);
    expect(await enqueued()).toHaveLength(1);
  });

  test('a duplicate is enqueued again: the worker tells', async () => {
    expect([await send(), await send()]).toEqual([202, 202]);
    expect((await enqueued()).map(({ envelope }) => envelope?.deliveryId)).toEqual(['delivery-1', 'delivery-1']);
  });

  test.each([
    ['not JSON', 'hello'],
    ['JSON without id and type', '{"hello":"there"}'],
    ['nothing at all', ''],
  ])('verified but %s: the worker parks it, for a 4xx would count toward disabling the endpoint', async (_, body) => {
    expect(await send({ body })).toBe(202);
    expect(await enqueued()).toHaveLength(1);
  });

  test.each([
    ['characters that SQS refuses', Buffer.from('{"a":"\u0001\uffff\ufffe\u0000"}')],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
    ['a body of exactly 256 KiB', Buffer.alloc(BODY_LIMIT_BYTES, 'é')],
  ])('%s arrive byte for byte out of a base64 body', async (_, body) => {
    expect(await send({ body, base64: true })).toBe(202);
    const [message] = await enqueued();
    expect(Buffer.from(message?.envelope?.body ?? []).equals(body)).toBe(true);
  });

  test('header names in any case', async () => {
    const event = webhookEvent({ now: Math.floor(clock.ms / 1000) });
    const capitalised = Object.entries(event.headers).map(([name, value]) => [name.toUpperCase(), value]);
    expect((await handler({ ...event, headers: Object.fromEntries(capitalised) })).statusCode).toBe(202);
    expect((await enqueued())[0]?.envelope?.deliveryId).toBe('delivery-1');
  });

  test('without a usable delivery id the content stands in for it', async () => {
    await send({ headers: { 'x-opentrain-delivery': '' } });
    await send({ headers: { 'x-opentrain-delivery': 'with space' } });
    const ids = (await enqueued()).map(({ envelope }) => envelope?.deliveryId);
    expect(ids).toEqual([expect.stringMatching(/^sha256-[0-9a-f]{64}$/), ids[0]]);
  });

  test('warm, it costs exactly one AWS request', async () => {
    await send();
    const before = reads();
    await send();
    expect(reads()).toBe(before);
    expect(await enqueued()).toHaveLength(2);
  });
});

describe('401: no, malformed, wrong or stale signature', () => {
  const cases: [string, (now: number) => Parameters<typeof webhookEvent>[0], string][] = [
    ['none', () => ({ headers: { 'x-opentrain-signature': '' } }), 'missing'],
    ['malformed', () => ({ headers: { 'x-opentrain-signature': 'sha256=abc' } }), 'malformed'],
    ['by another secret', () => ({ secret: 'whsec_forged' }), 'mismatch'],
    ['five minutes and a second old', (now) => ({ now: now - 301 }), 'stale'],
    ['five minutes and a second ahead', (now) => ({ now: now + 301 }), 'stale'],
    ['two headers that the gateway joined', (now) => ({ headers: twoSignatures(now) }), 'malformed'],
  ];
  test.each(cases)('%s, without a detail', async (_, request, reason) => {
    const now = Math.floor(clock.ms / 1000);
    const answer = await handler(webhookEvent({ now, ...request(now) }));
    expect(answer).toEqual({ statusCode: 401 });
    expect(await enqueued()).toEqual([]);
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ event: 'delivery.rejected', status: 401, reason });
  });

  function twoSignatures(now: number) {
    const { headers } = webhookEvent({ now });
    const one = headers['x-opentrain-signature'];
    return { 'x-opentrain-signature': `${one},${one}` };
  }

  test('a body that was changed on the way', async () => {
    const event = webhookEvent({ now: Math.floor(clock.ms / 1000) });
    expect((await handler({ ...event, body: `${event.body} ` })).statusCode).toBe(401);
  });

  test("a delivery signed with one connection's secret is refused at another's URL", async () => {
    await storeSecrets('globex', 'whsec_globex');
    expect(await send({ connection: 'globex', secret: 'whsec_acme' })).toBe(401);
    expect(await send({ connection: 'globex', secret: 'whsec_globex' })).toBe(202);
    await enqueued();
  });
});

describe('404: connection unknown', () => {
  test('answered from a cache: a flood of one unknown id costs one read', async () => {
    const before = reads();
    for (let index = 0; index < 50; index += 1) expect(await send({ connection: 'nobody' })).toBe(404);
    expect(reads() - before).toBe(1);
  });

  test('a flood of ever new ids costs a bounded number of reads', async () => {
    const before = reads();
    for (let index = 0; index < 500; index += 1) expect(await send({ connection: `nobody-${index}` })).toBe(404);
    expect(reads() - before).toBe(20);
  });

  test('in the middle of such a flood a connection that is known goes on being served', async () => {
    await send();
    for (let index = 0; index < 100; index += 1) await send({ connection: `nobody-${index}` });
    expect(await send()).toBe(202);
    await enqueued();
  });

  test('a cold function serves more real connections than it looks strangers up, and a flood costs no more for it', async () => {
    const connections = Array.from({ length: 30 }, (_, index) => `customer-${index}`);
    for (const connection of connections) await storeSecrets(connection, `whsec_${connection}`);
    for (const connection of connections) {
      expect(await send({ connection, secret: `whsec_${connection}` }), connection).toBe(202);
    }
    const before = reads();
    for (let index = 0; index < 500; index += 1) expect(await send({ connection: `made-up-${index}` })).toBe(404);
    expect(reads() - before).toBe(20);
    while ((await enqueued()).length > 0);
  });

  test('an id that cannot be one costs no read at all', async () => {
    const before = reads();
    for (const connection of ['UPPER', '../acme', 'a'.repeat(65), '', 'a/b', '-a']) {
      expect(await send({ connection })).toBe(404);
    }
    expect(reads()).toBe(before);
  });

  test('a connection made a minute later is found', async () => {
    expect(await send({ connection: 'late', secret: 'whsec_late' })).toBe(404);
    await storeSecrets('late', 'whsec_late');
    expect(await send({ connection: 'late', secret: 'whsec_late' })).toBe(404);
    clock.ms += 60_000;
    expect(await send({ connection: 'late', secret: 'whsec_late' })).toBe(202);
    await enqueued();
  });

  test('the id out of the path, which may be anything, is not logged', async () => {
    await send({ connection: 'someone@opentrain.work' });
    expect(lines.join('\n')).not.toContain('someone');
  });
});

test('413: a body over 256 KiB', async () => {
  expect(await send({ body: Buffer.alloc(BODY_LIMIT_BYTES + 1, 'x') })).toBe(413);
  expect(await enqueued()).toEqual([]);
});

describe('503: the queue or the secret store fails', () => {
  test('nothing is acknowledged that the queue has not taken', async () => {
    handler = handlerWith({ ...emulators.environment, AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' });
    expect(await send()).toBe(503);
    expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ level: 'error', event: 'delivery.unavailable' });
  });

  test('the secret store is down and nothing was cached', async () => {
    emulators.parameterStore.outage(true);
    expect(await send()).toBe(503);
    emulators.parameterStore.outage(false);
    expect(await send(), 'a failure is never cached').toBe(202);
    await enqueued();
  });

  test('however many deliveries a cold function takes meanwhile, none is told that its connection is unknown', async () => {
    emulators.parameterStore.outage(true);
    for (let index = 0; index < 30; index += 1) expect(await send()).toBe(503);
    emulators.parameterStore.outage(false);
    clock.ms += 5_000;
    expect(await send()).toBe(202);
    await enqueued();
  });

  test('and a flood of ever new ids costs a bounded number of reads then, too, while known ones are served', async () => {
    await send();
    emulators.parameterStore.outage(true);
    const before = reads();
    for (let index = 0; index < 500; index += 1) expect(await send({ connection: `unread-${index}` })).toBe(503);
    // Each read is tried twice while the store is down.
    expect(reads() - before).toBe(2 * 20);
    clock.ms += 10 * 60_000;
    expect(await send()).toBe(202);
    emulators.parameterStore.outage(false);
    expect(await send({ connection: 'unread-0' }), 'a failure is never remembered of an id').toBe(404);
    while ((await enqueued()).length > 0);
  });

  test('a connection whose parameter is botched takes no reads from the others', async () => {
    await storeSecrets('botched', 'paste the secret here');
    for (let index = 0; index < 30; index += 1) expect(await send({ connection: 'botched' })).toBe(503);
    expect(await send()).toBe(202);
    await enqueued();
  });

  test('a parameter without a secret in it is a failure, not a connection without secrets', async () => {
    await storeSecrets('botched', 'paste the secret here');
    expect(await send({ connection: 'botched' })).toBe(503);
  });
});

describe('secrets', () => {
  test('are served stale while the store is down', async () => {
    await send();
    emulators.parameterStore.outage(true);
    clock.ms += 24 * 3600_000;
    expect(await send()).toBe(202);
    await enqueued();
  });

  test('are read again after five minutes', async () => {
    await send();
    const before = reads();
    clock.ms += 5 * 60_000;
    await send();
    expect(reads() - before).toBe(1);
    await enqueued();
  });

  test('a new one is found at once when none of the cached ones matches', async () => {
    await storeSecrets('rotating', 'whsec_old');
    expect(await send({ connection: 'rotating', secret: 'whsec_old' })).toBe(202);
    await storeSecrets('rotating', 'whsec_new\nwhsec_old\n');
    clock.ms += 31_000;
    expect(await send({ connection: 'rotating', secret: 'whsec_new' })).toBe(202);
    expect(await send({ connection: 'rotating', secret: 'whsec_old' })).toBe(202);
    await enqueued();
  });

  test('a flood of forgeries costs two reads a minute, not one each', async () => {
    await send();
    const before = reads();
    for (let second = 0; second < 60; second += 1) {
      await send({ secret: 'whsec_forged' });
      clock.ms += 1_000;
    }
    expect(reads() - before).toBeLessThanOrEqual(2);
    await enqueued();
  });
});

test('no log line holds a secret, a signature or a body', async () => {
  const body = '{"id":"1","type":"contract.started","data":{"freelancer":{"workEmail":"maria@opentrain.work"}}}';
  const event = webhookEvent({ body, now: Math.floor(clock.ms / 1000) });
  await handler(event);
  await handler({ ...event, headers: { ...event.headers, 'x-opentrain-signature': 'nonsense' } });
  emulators.parameterStore.outage(true);
  await handlerWith({ ...emulators.environment, AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1' })(event);
  const logged = lines.join('\n');
  expect(lines.length).toBeGreaterThanOrEqual(3);
  for (const secret of ['whsec_', 'v1=', 'maria', 'freelancer', event.headers['x-opentrain-signature']?.slice(-64)]) {
    expect(logged).not.toContain(secret);
  }
  await enqueued();
});
