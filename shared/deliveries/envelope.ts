import type { ConnectionId, DeliveryId } from '../ids.ts';
import { parseConnectionId } from '../ids.ts';

/** A verified delivery on its way from the webhook function to the worker. */
export interface DeliveryEnvelope {
  readonly connectionId: ConnectionId;
  readonly deliveryId: DeliveryId;
  /** Which of the connection's secrets matched, as a fingerprint. */
  readonly secretId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** The bytes that were signed, one by one as they came. */
  readonly body: Uint8Array;
}

/**
 * Packs a delivery into an SQS message.
 *
 * The body travels as base64: SQS refuses some characters that JSON allows (U+0000, U+FFFF) and would not keep bytes that
 * are not UTF-8. 256 KiB become 342 KiB, well under SQS's 1 MiB.
 */
export function packEnvelope(envelope: DeliveryEnvelope): string {
  const { body, ...rest } = envelope;
  return JSON.stringify({ version: 1, ...rest, body: Buffer.from(body).toString('base64') });
}

/** @returns undefined for a message that the webhook function did not write */
export function unpackEnvelope(message: string): DeliveryEnvelope | undefined {
  let value: unknown;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, connectionId, deliveryId, secretId, receivedAt, body } = value as Record<string, unknown>;
  if (version !== 1 || typeof connectionId !== 'string' || typeof deliveryId !== 'string') return undefined;
  if (typeof secretId !== 'string' || typeof receivedAt !== 'number' || typeof body !== 'string') return undefined;
  const id = parseConnectionId(connectionId);
  if (id === undefined) return undefined;
  return {
    connectionId: id,
    deliveryId: deliveryId as DeliveryId,
    secretId,
    receivedAt,
    body: Buffer.from(body, 'base64'),
  };
}
