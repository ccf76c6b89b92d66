import type { ConnectionId, ContractId, DeliveryId, LinkId, TrainerId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** Whom and what a delivery is about, as far as it tells or was known before. */
export interface DeliverySubjects {
  readonly contractId?: ContractId | undefined;
  readonly linkId?: LinkId | undefined;
  readonly trainerId?: TrainerId | undefined;
}

/** What the workspace was asked to change, and its answer: `ok`, or the class of the error. */
export interface WorkspaceCall {
  readonly call: 'ensureAccess' | 'revokeAccess';
  readonly project: string;
  readonly answer: string;
}

/** What one attempt of the worker came to. */
export interface DeliveryAttempt {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** How often the queue had handed the message out, 1 for the first; a redelivery begins anew. */
  readonly attempt: number;
  readonly status: DeliveryRecord['status'];
  readonly reason?: string | undefined;
  /** The first few. */
  readonly calls?: readonly WorkspaceCall[] | undefined;
}

/** What became of one delivery, for deduplication and for people who ask. */
export interface DeliveryRecord extends DeliverySubjects {
  readonly status: 'done' | 'parked' | 'waiting';
  /** How it ended, or why it waits. */
  readonly reason?: string | undefined;
  /** What a person does about it, in order. */
  readonly steps?: readonly string[] | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
  /** How often the worker has seen it. */
  readonly attempts: number;
  /** The last ten attempts, oldest first. */
  readonly history?: readonly DeliveryAttempt[] | undefined;
}

/** A delivery as it is found in the table. Times are milliseconds since the epoch. */
export interface KeptDelivery extends DeliveryRecord {
  readonly connectionId: ConnectionId;
  readonly deliveryId: DeliveryId;
  readonly firstSeenAt: number;
  readonly updatedAt: number;
}

export interface Deliveries {
  /** Of the history, the last ten attempts are kept. */
  record(connection: ConnectionId, delivery: DeliveryId, record: DeliveryRecord, now: number): Promise<void>;
  /** Every delivery of the last 35 days, in no order of time, page by page. */
  list(connection: ConnectionId): AsyncIterable<KeptDelivery>;
}

const ATTEMPTS_KEPT = 10;

/** Longer than any redelivery: OpenTrain gives no limit for `redeliver`, and 35 days is a month with room. */
export const KEPT_SECONDS = 35 * 24 * 3600;

const DELIVERY = 'DELIVERY#';

export const deliveryKey = (connection: ConnectionId, delivery: DeliveryId): Key => ({
  pk: `CONN#${connection}`,
  sk: `${DELIVERY}${delivery}`,
});

export function readDelivery(item: Item | undefined): DeliveryRecord | undefined {
  return item as DeliveryRecord | undefined;
}

export function createDeliveries(table: Table): Deliveries {
  return {
    async record(connection, delivery, { status, history, ...fields }, now) {
      await table.change(deliveryKey(connection, delivery), {
        set: {
          status,
          ...fields,
          history: history?.slice(-ATTEMPTS_KEPT),
          updatedAt: now,
          expiresAt: Math.floor(now / 1000) + KEPT_SECONDS,
        },
        setIfAbsent: { firstSeenAt: now },
        remove: fields.steps === undefined ? ['steps'] : [],
        // Of two workers at one delivery, the one that waits must not overrule the one that is done.
        ...(status === 'done'
          ? {}
          : { onlyIf: 'attribute_not_exists(#status) OR #status <> :done', values: { done: 'done' } }),
      });
    },
    async *list(connection) {
      for await (const item of table.list(`CONN#${connection}`, DELIVERY)) {
        const { sk, firstSeenAt = 0, updatedAt = 0, ...record } = item;
        const deliveryId = String(sk).slice(DELIVERY.length) as DeliveryId;
        yield { ...(record as DeliveryRecord), connectionId: connection, deliveryId, firstSeenAt, updatedAt };
      }
    },
  };
}
