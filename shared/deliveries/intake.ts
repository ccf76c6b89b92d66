import { createHash } from 'node:crypto';
import type { Queue } from '../aws/queue.ts';
import type { Clock } from '../clock.ts';
import type { WebhookSecrets } from '../connections/webhook-secrets.ts';
import { type ConnectionId, type DeliveryId, parseConnectionId } from '../ids.ts';
import { type SignatureProblem, type Verification, verifySignature } from '../opentrain/signature.ts';
import { packEnvelope } from './envelope.ts';

/** A request to the webhook URL, free of the gateway that brought it. */
export interface IncomingDelivery {
  /** From the path, unchecked. */
  readonly connectionId: string;
  /** `X-OpenTrain-Signature`. */
  readonly signature: string | undefined;
  /** `X-OpenTrain-Delivery`: not covered by the signature, so a label and no more. */
  readonly deliveryId: string | undefined;
  /** The raw bytes. */
  readonly body: Uint8Array;
}

export type Reception =
  | { readonly kind: 'accepted'; readonly deliveryId: DeliveryId; readonly secretId: string }
  | { readonly kind: 'refused'; readonly reason: SignatureProblem }
  | { readonly kind: 'unknown-connection' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'unavailable'; readonly error: unknown };

/** OpenTrain's own events are a few KiB. */
export const BODY_LIMIT_BYTES = 256 * 1024;

export interface IntakeParts {
  readonly secrets: WebhookSecrets;
  readonly queue: Queue;
  readonly clock: Clock;
}

/**
 * Takes a delivery in: verifies its raw bytes and hands it to the queue. What it says is the worker's business, down to
 * whether it is JSON at all: to OpenTrain a 4xx is a failure on the way to disabling the endpoint, and no retry mends it.
 */
export async function receiveDelivery(delivery: IncomingDelivery, parts: IntakeParts): Promise<Reception> {
  if (delivery.body.byteLength > BODY_LIMIT_BYTES) return { kind: 'too-large' };
  const connectionId = parseConnectionId(delivery.connectionId);
  if (connectionId === undefined) return { kind: 'unknown-connection' };

  const verification = await verify(connectionId, delivery, parts);
  if (verification.kind === 'rejected') return { kind: 'refused', reason: verification.reason };
  if (verification.kind !== 'verified') return verification;

  const deliveryId = readDeliveryId(delivery);
  const { secretId } = verification;
  const receivedAt = parts.clock.now();
  try {
    // Rule 1: nothing is acknowledged before SQS has taken it.
    await parts.queue.send(
      packEnvelope({ connectionId, deliveryId, secretId, receivedAt, body: delivery.body }),
      connectionId,
    );
  } catch (error) {
    return { kind: 'unavailable', error };
  }
  return { kind: 'accepted', deliveryId, secretId };
}

async function verify(
  connectionId: ConnectionId,
  { signature, body }: IncomingDelivery,
  { secrets, clock }: IntakeParts,
): Promise<Verification | Extract<Reception, { kind: 'unknown-connection' | 'unavailable' }>> {
  const now = () => Math.floor(clock.now() / 1000);
  const first = await secrets.lookUp(connectionId);
  if (first.kind !== 'found') return first;
  const verification = verifySignature(signature, body, first.secrets, now());
  if (verification.kind === 'verified' || verification.reason !== 'mismatch') return verification;
  const second = await secrets.lookAgain(connectionId);
  if (second.kind !== 'found' || second.secrets === first.secrets) return verification;
  return verifySignature(signature, body, second.secrets, now());
}

const DELIVERY_ID = /^[\x21-\x7e]{1,200}$/;

/** A delivery without a usable id is told from others by its content. */
function readDeliveryId({ deliveryId, body }: IncomingDelivery): DeliveryId {
  const given = deliveryId !== undefined && DELIVERY_ID.test(deliveryId);
  return (given ? deliveryId : `sha256-${createHash('sha256').update(body).digest('hex')}`) as DeliveryId;
}
