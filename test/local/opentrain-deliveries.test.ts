import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SimulationOptions } from '../../local/opentrain/simulated-opentrain.ts';
import { NOON, type ReceiverAnswer, startReceiver, startWithLinkedJob } from './opentrain-story.ts';

const MINUTE = 60_000;

/** A linked job and an endpoint that hears of its contracts. */
async function startWithEndpoint(options: SimulationOptions & { readonly answer?: ReceiverAnswer } = {}) {
  const receiver = await startReceiver(options.answer);
  const story = await startWithLinkedJob(options);
  const { opentrain, install, job } = story;
  const endpoint = opentrain.registerEndpoint(install.installId, receiver.url);
  const path = `/webhook-endpoints/${endpoint.endpointId}`;
  const hire = () => opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
  const deliveries = () => opentrain.deliveriesOf(endpoint.endpointId);
  const endpointNow = () => opentrain.endpointsOf(install.installId)[0];
  return { ...story, receiver, endpoint, path, hire, deliveries, endpointNow };
}

describe('a delivery', () => {
  test('is signed over its raw bytes and named in its headers', async () => {
    const { opentrain, receiver, endpoint, hire, deliveries } = await startWithEndpoint();
    hire();
    await opentrain.idle();
    const [received] = receiver.received;
    const seconds = NOON / 1000;
    const mac = createHmac('sha256', endpoint.secret).update(`${seconds}.${received?.body}`).digest('hex');
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'OpenTrain-Partner-Webhooks/1.0',
      'x-opentrain-event': 'contract.started',
      'x-opentrain-delivery': deliveries()[0]?.id,
      'x-opentrain-signature': `t=${seconds},v1=${mac}`,
    });
  });

  test('carries an event id beyond what a double can hold, greater each time', async () => {
    const { opentrain, install, hire } = await startWithEndpoint();
    hire();
    hire();
    const ids = opentrain.eventsOf(install.installId).map(({ id }) => id);
    expect(ids.every((id) => /^\d+$/.test(id) && BigInt(id) > 2n ** 53n)).toBe(true);
    expect(ids).toEqual(ids.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)));
    expect(new Set(ids.map(Number)).size).toBeLessThan(ids.length);
  });

  test.each([500, 404, 302, 'never'] as const)('answered %s has failed and is tried again', async (answer) => {
    const { opentrain, receiver, hire, deliveries } = await startWithEndpoint({
      answer,
      attemptTimeoutMilliseconds: 50,
    });
    hire();
    await opentrain.idle();
    expect(deliveries()).toMatchObject([{ status: 'PENDING' }]);
    receiver.answer = 204;
    await opentrain.advance(1 * MINUTE);
    expect(deliveries()).toMatchObject([{ status: 'SUCCEEDED' }]);
  });

  test('is tried 5 times, after 1, 5, 30 and 120 minutes, with the same id and body, and is then FAILED', async () => {
    const { opentrain, receiver, hire, deliveries } = await startWithEndpoint({ answer: 500 });
    hire();
    await opentrain.advance(1 * MINUTE - 1);
    expect(receiver.received).toHaveLength(1);
    await opentrain.advance(1);
    expect(receiver.received).toHaveLength(2);
    await opentrain.advance(24 * 60 * MINUTE);
    const minutes = deliveries()[0]?.attempts.map(({ at }) => (at - NOON) / MINUTE);
    expect(minutes).toEqual([0, 1, 6, 36, 156]);
    expect(deliveries()).toMatchObject([{ status: 'FAILED' }]);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['x-opentrain-delivery'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['x-opentrain-signature'])).size).toBe(5);
  });

  test('goes to every endpoint of the install under its own id, secret and the same event id', async () => {
    const { opentrain, install, endpoint, hire, deliveries } = await startWithEndpoint();
    const other = await startReceiver();
    const second = opentrain.registerEndpoint(install.installId, other.url, ['contract.started']);
    hire();
    await opentrain.idle();
    const [one] = deliveries();
    const [two] = opentrain.deliveriesOf(second.endpointId);
    expect(second.secret).not.toBe(endpoint.secret);
    expect(two?.id).not.toBe(one?.id);
    expect(two?.event.id).toBe(one?.event.id);
  });

  test('is made only of events of a subscribed type, and of none from before the endpoint', async () => {
    const { opentrain, install, job, hire } = await startWithEndpoint();
    const contract = hire();
    const late = await startReceiver();
    const { endpointId } = opentrain.registerEndpoint(install.installId, late.url, ['contract.ended']);
    opentrain.hire({ jobId: job.id, trainer: 'Ana Costa' });
    opentrain.endContract(contract.id);
    await opentrain.idle();
    expect(opentrain.deliveriesOf(endpointId)).toMatchObject([{ event: { type: 'contract.ended' } }]);
  });
});

describe('an endpoint that fails', () => {
  test('is disabled by 10 FAILED deliveries in a row, and what is pending fails with it', async () => {
    const { opentrain, receiver, hire, deliveries, endpointNow } = await startWithEndpoint({ answer: 500 });
    for (let event = 0; event < 9; event += 1) hire();
    await opentrain.advance(156 * MINUTE);
    expect(endpointNow()).toMatchObject({ status: 'ACTIVE', consecutiveFailures: 9 });
    hire();
    await opentrain.advance(100 * MINUTE);
    hire();
    await opentrain.advance(56 * MINUTE);
    expect(endpointNow()).toMatchObject({
      status: 'DISABLED',
      consecutiveFailures: 10,
      disabledAt: new Date(NOON + 312 * MINUTE).toISOString(),
      disabledReason: expect.any(String),
    });
    expect(deliveries().every(({ status }) => status === 'FAILED')).toBe(true);

    const before = receiver.received.length;
    hire();
    await opentrain.advance(24 * 60 * MINUTE);
    expect(receiver.received).toHaveLength(before);
    expect(deliveries()).toHaveLength(11);
  });

  test('starts to count anew after a success', async () => {
    const { opentrain, receiver, hire, endpointNow } = await startWithEndpoint({ answer: 500 });
    hire();
    await opentrain.advance(156 * MINUTE);
    expect(endpointNow()).toMatchObject({ consecutiveFailures: 1 });
    receiver.answer = 200;
    hire();
    await opentrain.idle();
    expect(endpointNow()).toMatchObject({ consecutiveFailures: 0 });
  });

  test('is enabled again by PATCH, which resets the count, and redeliver brings back what FAILED', async () => {
    const { opentrain, receiver, path, hire, call, deliveries } = await startWithEndpoint({ answer: 500 });
    for (let event = 0; event < 10; event += 1) hire();
    await opentrain.advance(156 * MINUTE);
    receiver.answer = 202;
    const before = receiver.received.length;

    const requeued = await call('POST', `${path}/redeliver`, {});
    expect(requeued).toMatchObject({ status: 200, body: { requeued: 10, webhookEndpoint: { status: 'DISABLED' } } });
    await opentrain.advance(10 * MINUTE);
    expect(receiver.received).toHaveLength(before);

    const enabled = await call('PATCH', path, { status: 'ACTIVE' });
    expect(enabled.body.webhookEndpoint).toMatchObject({ status: 'ACTIVE', consecutiveFailures: 0, disabledAt: null });
    await opentrain.idle();
    expect(receiver.received).toHaveLength(before + 10);
    expect(deliveries().every(({ status }) => status === 'SUCCEEDED')).toBe(true);
  });
});

describe('redeliver', () => {
  test('brings back every FAILED delivery, and no other', async () => {
    const { opentrain, receiver, path, hire, call } = await startWithEndpoint({ answer: 500 });
    hire();
    await opentrain.advance(156 * MINUTE);
    receiver.answer = 202;
    hire();
    await opentrain.idle();
    expect((await call('POST', `${path}/redeliver`, {})).body).toMatchObject({ requeued: 1 });
    await opentrain.idle();
    expect((await call('POST', `${path}/redeliver`, {})).body).toMatchObject({ requeued: 0 });
  });

  test('brings back the one that is named, even when it succeeded, under the same id', async () => {
    const { opentrain, receiver, path, hire, call, deliveries } = await startWithEndpoint();
    hire();
    await opentrain.idle();
    const deliveryId = deliveries()[0]?.id;
    expect((await call('POST', `${path}/redeliver`, { deliveryId })).body).toMatchObject({ requeued: 1 });
    await opentrain.idle();
    expect(receiver.received.map(({ headers }) => headers['x-opentrain-delivery'])).toEqual([deliveryId, deliveryId]);
  });

  test('gives a delivery all five attempts again', async () => {
    const { opentrain, path, hire, call, deliveries } = await startWithEndpoint({ answer: 500 });
    hire();
    await opentrain.advance(156 * MINUTE);
    await call('POST', `${path}/redeliver`, {});
    await opentrain.advance(156 * MINUTE);
    expect(deliveries()).toMatchObject([{ status: 'FAILED', attempts: { length: 10 } }]);
  });

  test('of an unknown delivery is not found', async () => {
    const { path, call } = await startWithEndpoint();
    expect(await call('POST', `${path}/redeliver`, { deliveryId: 'unknown' })).toMatchObject({ status: 404 });
  });
});

test('closing breaks off an attempt that nobody answers', async () => {
  const { opentrain, hire, deliveries } = await startWithEndpoint({ answer: 'never' });
  hire();
  const before = performance.now();
  await opentrain.close();
  expect(performance.now() - before).toBeLessThan(5000);
  expect(deliveries()).toMatchObject([{ status: 'PENDING' }]);
});

describe('the endpoint itself', () => {
  test('keeps its secret when its URL and event types change', async () => {
    const { opentrain, endpoint, path, hire, call } = await startWithEndpoint();
    const elsewhere = await startReceiver();
    await call('PATCH', path, { url: elsewhere.url, eventTypes: ['contract.started'] });
    hire();
    await opentrain.idle();
    const [received] = elsewhere.received;
    const mac = createHmac('sha256', endpoint.secret)
      .update(`${NOON / 1000}.${received?.body}`)
      .digest('hex');
    expect(received?.headers['x-opentrain-signature']).toBe(`t=${NOON / 1000},v1=${mac}`);
  });

  test('takes its pending deliveries with it when it is deleted', async () => {
    const { opentrain, receiver, path, hire, call } = await startWithEndpoint({ answer: 500 });
    hire();
    await opentrain.idle();
    await call('DELETE', path);
    await opentrain.advance(24 * 60 * MINUTE);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('a story can make deliveries', () => {
  test('arrive out of order', async () => {
    const { opentrain, receiver, hire } = await startWithEndpoint();
    opentrain.holdDeliveries();
    opentrain.endContract(hire().id);
    await opentrain.idle();
    expect(receiver.received).toHaveLength(0);
    await opentrain.release((held) => held.toReversed());
    expect(receiver.received.map(({ headers }) => headers['x-opentrain-event'])).toEqual([
      'contract.ended',
      'contract.started',
    ]);
  });

  test('arrive twice', async () => {
    const { opentrain, receiver, hire } = await startWithEndpoint();
    opentrain.duplicateNext();
    hire();
    hire();
    await opentrain.idle();
    expect(receiver.received).toHaveLength(3);
    expect(receiver.received[1]).toMatchObject({ body: receiver.received[0]?.body });
  });

  test('stay away until they are let go', async () => {
    const { opentrain, receiver, hire } = await startWithEndpoint();
    opentrain.holdDeliveries();
    hire();
    hire();
    await opentrain.release((held) => held.slice(1));
    expect(receiver.received).toHaveLength(1);
    await opentrain.release();
    expect(receiver.received).toHaveLength(2);
  });
});
