import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NotConnectedError } from '../../shared/connections/connection-client.ts';
import { awaitDelivery, sendTest, TestRefusedError } from '../../shared/connections/test-delivery.ts';
import type { ConnectionId, DeliveryId } from '../../shared/ids.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const addressOf = (connectionId: ConnectionId) => ({
  connectionId,
  webhookUrl: story.connector.webhookUrl(connectionId),
});
const partsOf = () => {
  const { parameters, names } = story.connector;
  return { parameters, names, clock: story.opentrain.clock };
};

test('a test delivery goes all the way, and changes nothing', async () => {
  const customer = await story.newCustomer();
  const before = { calls: story.calls(), connection: await customer.connection() };
  const deliveryId = await sendTest(addressOf(customer.id), partsOf());
  expect(await awaitDelivery(story.store, { connectionId: customer.id, deliveryId })).toEqual({
    kind: 'done',
    reason: 'test_received',
  });
  expect({ calls: story.calls(), connection: await customer.connection() }).toEqual(before);
});

test('every one is a delivery of its own', async () => {
  const { id: connectionId } = await story.newCustomer();
  const ids = [await sendTest(addressOf(connectionId), partsOf()), await sendTest(addressOf(connectionId), partsOf())];
  expect(new Set(ids).size).toBe(2);
  for (const deliveryId of ids) {
    expect((await awaitDelivery(story.store, { connectionId, deliveryId })).kind).toBe('done');
  }
});

test('at a disconnected connection it is parked, as any other', async () => {
  const customer = await story.newCustomer();
  await story.store.connections.disconnectByOperator(customer.id, { gone: true }, 1);
  const deliveryId = await sendTest(addressOf(customer.id), partsOf());
  expect(await awaitDelivery(story.store, { connectionId: customer.id, deliveryId })).toEqual({
    kind: 'parked',
    reason: 'connection_disconnected',
  });
});

describe('when time is up, it is told', () => {
  const connectionId = 'impatient' as ConnectionId;
  const soon = { timeoutMilliseconds: 0 };

  test('that the worker has not had it', async () => {
    const nobodys = { connectionId, deliveryId: 'delivery-of-nobody' as DeliveryId };
    expect(await awaitDelivery(story.store, nobodys, soon)).toEqual({ kind: 'unseen' });
  });

  test('that the worker has tried, and why it tries again', async () => {
    const deliveryId = 'delivery-that-waits' as DeliveryId;
    const record = { status: 'waiting', reason: 'workspace_unavailable', attempts: 3 } as const;
    await story.store.deliveries.record(connectionId, deliveryId, record, 1);
    expect(await awaitDelivery(story.store, { connectionId, deliveryId }, soon)).toEqual({
      kind: 'waiting',
      reason: 'workspace_unavailable',
    });
  });

  test('after looking again and again until then', async () => {
    let now = 0;
    let looks = 0;
    const fate = await awaitDelivery(
      {
        async situation(about) {
          looks += 1;
          return story.store.situation(about);
        },
      },
      { connectionId, deliveryId: 'delivery-of-nobody' as DeliveryId },
      {
        timeoutMilliseconds: 10_000,
        clock: { now: () => now },
        async sleep(milliseconds) {
          now += milliseconds;
        },
      },
    );
    expect(fate).toEqual({ kind: 'unseen' });
    expect([looks, now]).toEqual([21, 10_000]);
  });

  test('unless somebody stops the waiting', async () => {
    const about = { connectionId, deliveryId: 'delivery-of-nobody' as DeliveryId };
    const waiting = awaitDelivery(story.store, about, { signal: AbortSignal.abort(new Error('Stopped.')) });
    await expect(waiting).rejects.toThrow('Stopped.');
  });
});

describe('is refused, with what may be wrong:', () => {
  test('where no secret is stored', async () => {
    const sending = sendTest(addressOf('stranger' as ConnectionId), partsOf());
    await expect(sending).rejects.toThrow(NotConnectedError);
    await expect(sending).rejects.toThrow('Expected a webhook secret of the connection stranger');
  });

  test('where this machine’s clock is wrong', async () => {
    const { id } = await story.newCustomer();
    const sending = sendTest(addressOf(id), { ...partsOf(), clock: { now: () => 0 } });
    await expect(sending).rejects.toThrow(TestRefusedError);
    await expect(sending).rejects.toThrow(/answered 401, not 202\. .*clock is more than 5 min off/);
  });

  test.each([
    [404, 'is it this stage’s'],
    [418, 'The address is not that of the deployment'],
    [503, 'The queue or the parameter store is away'],
  ])('an answer %i', async (status, advice) => {
    const { id } = await story.newCustomer();
    const fetch = async () => new Response(null, { status });
    await expect(sendTest(addressOf(id), { ...partsOf(), fetch })).rejects.toThrow(advice);
  });

  test('no answer at all', async () => {
    const { id: connectionId } = await story.newCustomer();
    const webhookUrl = 'http://127.0.0.1:1/webhooks';
    await expect(sendTest({ connectionId, webhookUrl }, partsOf())).rejects.toThrow(`${webhookUrl} gave no answer.`);
  });
});
