import type { SQSEvent, SQSRecord } from 'aws-lambda';
import { packEnvelope } from '../../shared/deliveries/envelope.ts';
import type { ConnectionId, DeliveryId } from '../../shared/ids.ts';

export interface QueuedDelivery {
  readonly connection?: string;
  /** Its own message id, too, so that a test finds it again. @default one of its own */
  readonly delivery?: string;
  /** The event's JSON; a string or bytes stand as they are. */
  readonly event: object | string | Uint8Array;
  /** How often the queue has handed the message out, this time included. */
  readonly receives?: number;
  /** Milliseconds since the epoch. */
  readonly receivedAt?: number;
}

let deliveries = 0;

/** A delivery as the webhook function enqueues it and SQS hands it to the worker. */
export function queuedDelivery(given: QueuedDelivery): SQSRecord {
  deliveries += 1;
  const { delivery = `delivery-${deliveries}`, receives = 1 } = given;
  return queuedMessage(packedDelivery({ ...given, delivery }), { messageId: delivery, receives });
}

/** The body of such a message. */
export function packedDelivery({
  connection = 'acme',
  delivery = '',
  event,
  receivedAt = Date.now(),
}: QueuedDelivery): string {
  const bytes = typeof event === 'string' || event instanceof Uint8Array ? event : JSON.stringify(event);
  return packEnvelope({
    connectionId: connection as ConnectionId,
    deliveryId: delivery as DeliveryId,
    secretId: 'secret-1',
    receivedAt,
    body: Buffer.from(bytes),
  });
}

/** Any message, the webhook function's or not. */
export function queuedMessage(body: string, { messageId = 'message-1', receives = 1 } = {}): SQSRecord {
  return {
    messageId,
    receiptHandle: `receipt of ${messageId}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: '0',
      SenderId: 'test',
      ApproximateFirstReceiveTimestamp: '0',
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:deliveries',
    awsRegion: 'us-east-1',
  };
}

export const sqsEvent = (Records: SQSRecord[]): SQSEvent => ({ Records });
