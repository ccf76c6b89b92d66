import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logging.ts';
import type { AdvanceableClock } from './advanceable-clock.ts';
import { disable } from './endpoint-status.ts';
import type { EventRecord } from './events.ts';
import type { NewId } from './new-id.ts';
import { signDelivery } from './sign-delivery.ts';
import type { WebhookEndpoint } from './state.ts';

const MINUTE = 60_000;
/** Milliseconds to wait after the first, second, third and fourth failed attempt; after the fifth there is no other. */
export const RETRY_WAITS: readonly number[] = [1 * MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE];
/** So many FAILED deliveries in a row disable the endpoint. */
export const DISABLED_AFTER_FAILURES = 10;
/** Milliseconds within which an attempt must be answered. */
export const ATTEMPT_TIMEOUT = 10_000;

export interface Attempt {
  /** Milliseconds since the epoch, by the simulation's clock. */
  readonly at: number;
  /** The status that came; absent when no answer came in time. */
  readonly status?: number;
}

/** One event on its way to one endpoint. */
export interface Delivery {
  readonly id: string;
  readonly endpointId: string;
  readonly event: EventRecord;
  readonly status: 'PENDING' | 'SUCCEEDED' | 'FAILED';
  /** Every attempt ever made, before and after a redelivery. */
  readonly attempts: readonly Attempt[];
}

interface TrackedDelivery extends Delivery {
  status: Delivery['status'];
  readonly attempts: Attempt[];
  readonly endpoint: WebhookEndpoint;
  readonly body: string;
  /** Failed attempts since the delivery was made or requeued. */
  failures: number;
  callOff: () => void;
}

/**
 * Chooses from the deliveries that are held what goes out, in which order, and how often. What it leaves out stays held,
 * and so does everything new.
 */
export type Arrange = (held: readonly Delivery[]) => readonly Delivery[];

export interface DeliveryEngine {
  enqueue(endpoint: WebhookEndpoint, event: EventRecord): void;
  /** Brings deliveries back, with all their attempts before them. They go out while the endpoint is ACTIVE. */
  requeue(deliveries: readonly Delivery[]): void;
  /** Sends what waits for an endpoint that has just become ACTIVE again. */
  resume(endpoint: WebhookEndpoint): void;
  /** Forgets the pending deliveries of a deleted endpoint. */
  discard(endpointId: string): void;
  /** Oldest first. */
  of(endpointId: string): readonly Delivery[];
  /** Waits until every attempt that is due has been made. */
  idle(): Promise<void>;
  /** Fault: keeps back what is due. */
  hold(): void;
  /** Ends `hold` and sends the chosen deliveries one after the other; by default all, as they fell due. */
  release(arrange?: Arrange): Promise<void>;
  /** Fault: sends each of the next `count` deliveries twice. */
  duplicateNext(count: number): void;
  /** Breaks off the attempts under way and makes no more. */
  stop(): void;
}

interface Dependencies {
  readonly clock: AdvanceableClock;
  /** What `t` in a signature is taken from. */
  readonly signatureClock: Clock;
  readonly newId: NewId;
  readonly logger: Logger;
  readonly attemptTimeoutMilliseconds: number;
}

export function createDeliveryEngine(dependencies: Dependencies): DeliveryEngine {
  const { clock, newId, logger } = dependencies;
  const deliveries = new Map<string, TrackedDelivery>();
  /** Attempts at one endpoint are made one after the other, as they fall due. */
  const lanes = new Map<string, Promise<void>>();
  const stopped = new AbortController();
  let held: Set<TrackedDelivery> | undefined;
  let duplicates = 0;

  const ofEndpoint = (endpointId: string) =>
    [...deliveries.values()].filter((delivery) => delivery.endpointId === endpointId);

  const due = (delivery: TrackedDelivery): Promise<void> => {
    delivery.callOff = () => {};
    const lane = (lanes.get(delivery.endpointId) ?? Promise.resolve()).then(async () => {
      if (delivery.status !== 'PENDING' || delivery.endpoint.status !== 'ACTIVE' || stopped.signal.aborted) return;
      if (held === undefined) await attempt(delivery);
      else held.add(delivery);
    });
    lanes.set(delivery.endpointId, lane);
    return lane;
  };

  const attempt = async (delivery: TrackedDelivery): Promise<void> => {
    settle(delivery, await send(delivery, dependencies, stopped.signal));
    if (duplicates === 0) return;
    duplicates -= 1;
    delivery.attempts.push(await send(delivery, dependencies, stopped.signal));
  };

  const settle = (delivery: TrackedDelivery, outcome: Attempt): void => {
    const { endpoint } = delivery;
    delivery.attempts.push(outcome);
    const succeeded = outcome.status !== undefined && outcome.status >= 200 && outcome.status < 300;
    logger.info({
      event: 'opentrain.delivery.attempted',
      deliveryId: delivery.id,
      eventId: delivery.event.id,
      eventType: delivery.event.type,
      attempt: delivery.attempts.length,
      status: outcome.status,
    });
    if (succeeded) {
      delivery.callOff();
      delivery.status = 'SUCCEEDED';
      endpoint.consecutiveFailures = 0;
      return;
    }
    if (delivery.status !== 'PENDING') return;
    const wait = RETRY_WAITS[delivery.failures];
    delivery.failures += 1;
    if (wait === undefined) fail(delivery);
    else {
      delivery.callOff();
      delivery.callOff = clock.schedule(clock.now() + wait, () => due(delivery));
    }
  };

  const fail = (delivery: TrackedDelivery): void => {
    const { endpoint } = delivery;
    delivery.status = 'FAILED';
    endpoint.consecutiveFailures += 1;
    if (endpoint.status !== 'ACTIVE' || endpoint.consecutiveFailures < DISABLED_AFTER_FAILURES) return;
    disable(endpoint, `${DISABLED_AFTER_FAILURES} consecutive failed deliveries`, clock.now());
    for (const pending of ofEndpoint(endpoint.id).filter(isPending)) {
      pending.callOff();
      pending.status = 'FAILED';
    }
  };

  const idle = async (): Promise<void> => {
    const awaited = [...lanes.values()];
    await Promise.all(awaited);
    if ([...lanes.values()].some((lane) => !awaited.includes(lane))) await idle();
  };

  return {
    enqueue(endpoint, event) {
      const delivery: TrackedDelivery = {
        id: newId('delivery'),
        endpointId: endpoint.id,
        endpoint,
        event,
        body: JSON.stringify(event),
        status: 'PENDING',
        attempts: [],
        failures: 0,
        callOff: () => {},
      };
      deliveries.set(delivery.id, delivery);
      void due(delivery);
    },
    requeue(chosen) {
      for (const { id } of chosen) {
        const delivery = deliveries.get(id);
        if (delivery === undefined) continue;
        delivery.callOff();
        delivery.status = 'PENDING';
        delivery.failures = 0;
        void due(delivery);
      }
    },
    resume(endpoint) {
      for (const delivery of ofEndpoint(endpoint.id).filter(isPending)) {
        delivery.callOff();
        void due(delivery);
      }
    },
    discard(endpointId) {
      for (const delivery of ofEndpoint(endpointId).filter(isPending)) {
        delivery.callOff();
        deliveries.delete(delivery.id);
        delivery.status = 'FAILED';
      }
    },
    of: ofEndpoint,
    idle,
    hold() {
      held ??= new Set();
    },
    async release(arrange = (all) => all) {
      await idle();
      const waiting = [...(held ?? [])];
      held = undefined;
      const chosen = arrange(waiting);
      for (const { id } of chosen) {
        const delivery = deliveries.get(id);
        if (delivery !== undefined) settle(delivery, await send(delivery, dependencies, stopped.signal));
      }
      const left = waiting.filter((delivery) => !chosen.includes(delivery));
      if (left.length > 0) held = new Set(left);
    },
    duplicateNext(count) {
      duplicates += count;
    },
    stop: () => stopped.abort(),
  };
}

function isPending(delivery: Delivery): boolean {
  return delivery.status === 'PENDING';
}

async function send(delivery: TrackedDelivery, dependencies: Dependencies, stopped: AbortSignal): Promise<Attempt> {
  const { clock, signatureClock, attemptTimeoutMilliseconds } = dependencies;
  const { endpoint, event, body } = delivery;
  const at = clock.now();
  try {
    const response = await fetch(endpoint.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': 'OpenTrain-Partner-Webhooks/1.0',
        'X-OpenTrain-Event': event.type,
        'X-OpenTrain-Delivery': delivery.id,
        'X-OpenTrain-Signature': signDelivery(endpoint.secret, body, signatureClock.now()),
      },
      body,
      redirect: 'manual', // A redirect counts as a failure.
      signal: AbortSignal.any([stopped, AbortSignal.timeout(attemptTimeoutMilliseconds)]),
    });
    await response.body?.cancel();
    return { at, status: response.status };
  } catch {
    return { at };
  }
}
