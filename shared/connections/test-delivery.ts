import { randomUUID } from 'node:crypto';
import { type Clock, sleep as realSleep, type Sleep, systemClock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { DeliveryId } from '../ids.ts';
import { signDelivery } from '../opentrain/signature.ts';
import type { DeliverySubject, Store } from '../store/store.ts';
import { type ConnectionParts, NotConnectedError } from './connection-client.ts';
import type { Address } from './endpoints.ts';
import { TEST_EVENT } from './event-types.ts';
import { readSecrets } from './stored-secrets.ts';

/** The deployment did not take a delivery that is signed as it should be. */
export class TestRefusedError extends ConnectorError {
  override readonly name = 'TestRefusedError';
}

export interface SendTestParts extends Pick<ConnectionParts, 'parameters' | 'names' | 'clock'> {
  readonly fetch?: typeof globalThis.fetch;
  /** @default random UUIDs */
  readonly newId?: () => string;
}

/** As long as OpenTrain waits. */
const ANSWER_MILLISECONDS = 10_000;

/**
 * Sends a delivery through the deployment that means nothing, signed as OpenTrain signs: by way of the gateway, the webhook
 * function and the queue to the worker.
 *
 * @returns its id, once it was taken; see `awaitDelivery`
 * @throws {NotConnectedError} when no secret is stored
 * @throws {TestRefusedError} for any answer but 202, and for none
 */
export async function sendTest({ connectionId, webhookUrl }: Address, parts: SendTestParts): Promise<DeliveryId> {
  const { clock, fetch = globalThis.fetch, newId = randomUUID } = parts;
  const [secret] = await readSecrets(connectionId, parts);
  if (secret === undefined) {
    throw new NotConnectedError(
      `Expected a webhook secret of the connection ${connectionId} in the parameter store, found none. Connect it first.`,
    );
  }
  const id = `test-${newId()}`;
  const createdAt = new Date(clock.now()).toISOString();
  const event = { id, type: TEST_EVENT, apiVersion: 'v1', createdAt, resourceId: connectionId, jobId: null, data: {} };
  const body = Buffer.from(JSON.stringify(event));
  const response = await fetch(webhookUrl, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'X-OpenTrain-Event': TEST_EVENT,
      'X-OpenTrain-Delivery': id,
      'X-OpenTrain-Signature': signDelivery(secret.value, body, Math.floor(clock.now() / 1000)),
    },
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
  }).catch((cause) => {
    throw new TestRefusedError(`${webhookUrl} gave no answer. Check the address and the network.`, { cause });
  });
  await response.body?.cancel();
  if (response.status === 202) return id as DeliveryId;
  throw new TestRefusedError(`${webhookUrl} answered ${response.status}, not 202. ${adviceFor(response.status)}`);
}

function adviceFor(status: number): string {
  return (
    ADVICE[status] ??
    'The address is not that of the deployment, or something stands before it that does not let through.'
  );
}

const ADVICE: Readonly<Record<number, string>> = {
  401: 'The functions know another secret, or this machine’s clock is more than 5 min off.',
  404: 'The functions know no such connection: is it this stage’s, or was it connected less than a minute ago?',
  429: 'The API lets no more requests through right now: see requestsPerSecond.',
  500: 'The function fails: see its log.',
  503: 'The queue or the parameter store is away: see the log of the webhook function.',
};

export type DeliveryFate =
  | { readonly kind: 'done' | 'parked'; readonly reason: string | undefined }
  /** Time is up. The worker has tried, and tries again. */
  | { readonly kind: 'waiting'; readonly reason: string | undefined }
  /** Time is up. The worker has not had it. */
  | { readonly kind: 'unseen' };

export interface Patience {
  /** @default 30000 */
  readonly timeoutMilliseconds?: number;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  readonly signal?: AbortSignal | undefined;
}

const LOOK_MILLISECONDS = 500;

/** Looks at the table until the worker is through with a delivery. */
export async function awaitDelivery(
  store: Pick<Store, 'situation'>,
  { connectionId, deliveryId }: Pick<DeliverySubject, 'connectionId' | 'deliveryId'>,
  { timeoutMilliseconds = 30_000, clock = systemClock, sleep = realSleep, signal }: Patience = {},
): Promise<DeliveryFate> {
  const until = clock.now() + timeoutMilliseconds;
  for (;;) {
    const { delivery } = await store.situation({ connectionId, deliveryId });
    const isOver = delivery !== undefined && delivery.status !== 'waiting';
    if (isOver || clock.now() >= until) {
      return delivery === undefined ? { kind: 'unseen' } : { kind: delivery.status, reason: delivery.reason };
    }
    await sleep(LOOK_MILLISECONDS, signal);
  }
}
