import type { ConnectionId, DeliveryId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** What became of one delivery, for deduplication and for people who ask. */
export interface DeliveryRecord {
  readonly status: 'done' | 'parked' | 'waiting';
  /** How it ended, or why it waits. */
  readonly reason?: string | undefined;
  /** What a person does about it, in order. */
  readonly steps?: readonly string[] | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  /** How often the worker has seen it. */
  readonly attempts: number;
}

export interface Deliveries {
  record(connection: ConnectionId, delivery: DeliveryId, record: DeliveryRecord, now: number): Promise<void>;
}

/** Longer than any redelivery: OpenTrain gives no limit for `redeliver`, and 35 days is a month with room. */
const KEPT_SECONDS = 35 * 24 * 3600;

export const deliveryKey = (connection: ConnectionId, delivery: DeliveryId): Key => ({
  pk: `CONN#${connection}`,
  sk: `DELIVERY#${delivery}`,
});

export function readDelivery(item: Item | undefined): DeliveryRecord | undefined {
  return item as DeliveryRecord | undefined;
}

export function createDeliveries(table: Table): Deliveries {
  return {
    async record(connection, delivery, { status, ...fields }, now) {
      await table.change(deliveryKey(connection, delivery), {
        set: { status, ...fields, updatedAt: now, expiresAt: Math.floor(now / 1000) + KEPT_SECONDS },
        setIfAbsent: { firstSeenAt: now },
        remove: fields.steps === undefined ? ['steps'] : [],
        // Of two workers at one delivery, the one that waits must not overrule the one that is done.
        ...(status === 'done'
          ? {}
          : { onlyIf: 'attribute_not_exists(#status) OR #status <> :done', values: { done: 'done' } }),
      });
    },
  };
}
