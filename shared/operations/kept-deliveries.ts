import type { KeptDelivery } from '../store/deliveries.ts';

export interface DeliveryCounts {
  readonly done: number;
  /** With a reason that a person has to see. */
  readonly parked: number;
  /** Being tried again, or given up into the dead-letter queue. */
  readonly waiting: number;
}

export async function deliveryCounts(deliveries: AsyncIterable<KeptDelivery>): Promise<DeliveryCounts> {
  const counts = { done: 0, parked: 0, waiting: 0 };
  for await (const { status } of deliveries) counts[status] += 1;
  return counts;
}

export interface DeliveryQuestion {
  /** Only those that stand so. */
  readonly status?: KeptDelivery['status'] | undefined;
  readonly atMost: number;
}

/** The latest ones, newest first. The table keeps them in the order of their ids, so all are gone through. */
export async function latestDeliveries(
  deliveries: AsyncIterable<KeptDelivery>,
  { status, atMost }: DeliveryQuestion,
): Promise<KeptDelivery[]> {
  let latest: KeptDelivery[] = [];
  for await (const delivery of deliveries) {
    if (status !== undefined && delivery.status !== status) continue;
    latest.push(delivery);
    // Now and then, so that a long list is never held as a whole.
    if (latest.length >= 4 * atMost + 100) latest = newestFirst(latest).slice(0, atMost);
  }
  return newestFirst(latest).slice(0, atMost);
}

const newestFirst = (deliveries: readonly KeptDelivery[]) =>
  deliveries.toSorted((one, other) => other.updatedAt - one.updatedAt);
