import { expect, test } from 'vitest';
import type { ConnectionId, DeliveryId } from '../../shared/ids.ts';
import { latestDeliveries } from '../../shared/operations/kept-deliveries.ts';
import type { KeptDelivery } from '../../shared/store/deliveries.ts';

async function* deliveries(count: number): AsyncGenerator<KeptDelivery> {
  for (let number = 0; number < count; number += 1) {
    // In no order of time, as the table has them.
    const updatedAt = (number * 7_919) % count;
    const status = number % 2 === 0 ? 'done' : 'parked';
    const ids = { connectionId: 'acme' as ConnectionId, deliveryId: `delivery-${updatedAt}` as DeliveryId };
    yield { ...ids, status, attempts: 1, firstSeenAt: 0, updatedAt };
  }
}

test('of many, however they are ordered, the latest are found', async () => {
  const latest = await latestDeliveries(deliveries(1_000), { atMost: 3 });
  expect(latest.map(({ updatedAt }) => updatedAt)).toEqual([999, 998, 997]);
});

test('only those that stand so count', async () => {
  const latest = await latestDeliveries(deliveries(1_000), { atMost: 500, status: 'parked' });
  expect(new Set(latest.map(({ status }) => status))).toEqual(new Set(['parked']));
  expect(latest).toHaveLength(500);
});
