import type { AwsJsonClient } from '../aws/aws-json-client.ts';
import { unpackEnvelope } from '../deliveries/envelope.ts';
import { parseConnectionJob } from '../jobs/connection-job.ts';
import { parseEvent } from '../opentrain/events.ts';
import { type DroppedEvent, parseDroppedEvent } from './dropped-event.ts';

/** How many messages a queue holds, as far as SQS can tell. */
export interface QueueDepth {
  readonly visible: number;
  /** Handed out to a worker, or backing off. */
  readonly inFlight: number;
}

export async function queueDepth(sqs: AwsJsonClient, queueUrl: string): Promise<QueueDepth> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed'];
  const inFlight = 'ApproximateNumberOfMessagesNotVisible';
  const answer = await sqs.call('GetQueueAttributes', { QueueUrl: queueUrl, AttributeNames: [...names, inFlight] });
  const attributes = (answer.Attributes ?? {}) as Readonly<Record<string, string | undefined>>;
  const sum = (some: readonly string[]) => some.reduce((total, name) => total + Number(attributes[name] ?? 0), 0);
  return { visible: sum(names), inFlight: sum([inFlight]) };
}

/** A message that was given up. Of its content only what names it: a body may hold personal data (rule 7). */
export interface DeadLetter {
  readonly messageId: string;
  /** ISO 8601: when it was first put on the queue. */
  readonly sentAt: string;
  readonly content: DeadContent;
}

export type DeadContent =
  | {
      readonly kind: 'delivery';
      readonly connectionId: string;
      readonly deliveryId: string;
      /** ISO 8601. */
      readonly receivedAt: string;
      readonly eventId: string | null;
      readonly eventType: string | null;
      readonly bytes: number;
    }
  | {
      readonly kind: 'run';
      readonly connectionId: string;
      readonly runId: string;
      /** ISO 8601. */
      readonly plannedAt: string;
    }
  | DroppedEvent
  /** Nothing that the connector wrote, or its schedules. */
  | { readonly kind: 'unreadable'; readonly bytes: number };

/** As SQS hands it out. */
interface Received {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly group: string | undefined;
  readonly letter: DeadLetter;
}

/** For how long a look hides a message from the next: longer than a list of this length takes. */
const LOOK_SECONDS = 30;
/** A move must not be overtaken by another one. */
const MOVE_SECONDS = 120;
const BATCH = 10;

/** Looks at the messages of a dead-letter queue, and gives them back. */
export async function listDeadLetters(sqs: AwsJsonClient, queueUrl: string, atMost: number): Promise<DeadLetter[]> {
  const received: Received[] = [];
  try {
    for await (const batch of receiveAll(sqs, queueUrl, LOOK_SECONDS)) {
      received.push(...batch);
      if (received.length >= atMost) break;
    }
  } finally {
    await giveBack(sqs, queueUrl, received);
  }
  const letters = received.slice(0, atMost).map(({ letter }) => letter);
  return letters.toSorted((one, other) => (one.sentAt < other.sentAt ? -1 : 1));
}

export interface Redrive {
  readonly from: string;
  readonly to: string;
  /** Which of them; the others are given back. */
  readonly wanted: (letter: DeadLetter) => boolean;
  readonly atMost: number;
}

/**
 * Puts messages back on the queue that they came from. Each is sent before it is deleted: a crash in between makes a
 * duplicate, which the functions absorb, and never a loss.
 *
 * @returns those that were moved
 */
export async function redriveDeadLetters(
  sqs: AwsJsonClient,
  { from, to, wanted, atMost }: Redrive,
): Promise<DeadLetter[]> {
  return takeDeadLetters(sqs, from, {
    wanted,
    atMost,
    async beforeEach({ body, group }) {
      const ofGroup = group === undefined ? {} : { MessageGroupId: group };
      await sqs.call('SendMessage', { QueueUrl: to, MessageBody: body, ...ofGroup });
    },
  });
}

/**
 * Throws messages away, for good.
 *
 * @returns those that were
 */
export async function discardDeadLetters(
  sqs: AwsJsonClient,
  queueUrl: string,
  { wanted, atMost }: Pick<Redrive, 'wanted' | 'atMost'>,
): Promise<DeadLetter[]> {
  return takeDeadLetters(sqs, queueUrl, { wanted, atMost });
}

interface Taking extends Pick<Redrive, 'wanted' | 'atMost'> {
  /** Before a message is deleted. */
  readonly beforeEach?: (message: Received) => Promise<void>;
}

async function takeDeadLetters(
  sqs: AwsJsonClient,
  queueUrl: string,
  { wanted, atMost, beforeEach }: Taking,
): Promise<DeadLetter[]> {
  const taken: DeadLetter[] = [];
  const left = new Set<Received>();
  try {
    for await (const batch of receiveAll(sqs, queueUrl, MOVE_SECONDS)) {
      for (const one of batch) left.add(one);
      for (const one of batch.filter(({ letter }) => wanted(letter)).slice(0, atMost - taken.length)) {
        await beforeEach?.(one);
        await sqs.call('DeleteMessage', { QueueUrl: queueUrl, ReceiptHandle: one.receiptHandle });
        left.delete(one);
        taken.push(one.letter);
      }
      if (taken.length >= atMost) break;
    }
  } finally {
    await giveBack(sqs, queueUrl, left);
  }
  return taken;
}

/** In batches, until the queue has no other to hand out; one that comes twice is told once. */
async function* receiveAll(sqs: AwsJsonClient, queueUrl: string, hiddenSeconds: number): AsyncGenerator<Received[]> {
  const seen = new Set<string>();
  for (;;) {
    const { Messages } = await sqs.call('ReceiveMessage', {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: BATCH,
      VisibilityTimeout: hiddenSeconds,
      // All servers are asked then, so that an empty answer means an empty queue.
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId'],
      MessageAttributeNames: ['ERROR_CODE', 'ERROR_MESSAGE'],
    });
    const fresh = (Array.isArray(Messages) ? Messages.map(readMessage) : []).filter(
      ({ messageId }) => !seen.has(messageId),
    );
    if (fresh.length === 0) return;
    for (const { messageId } of fresh) seen.add(messageId);
    yield fresh;
  }
}

/** Each can be received again at once. */
async function giveBack(sqs: AwsJsonClient, queueUrl: string, messages: Iterable<Received>): Promise<void> {
  for (const { receiptHandle } of messages) {
    const handedOut = { QueueUrl: queueUrl, ReceiptHandle: receiptHandle };
    await sqs.call('ChangeMessageVisibility', { ...handedOut, VisibilityTimeout: 0 });
  }
}

interface SqsMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly Attributes?: Readonly<Record<string, string | undefined>>;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue?: string } | undefined>>;
}

function readMessage({
  MessageId,
  ReceiptHandle,
  Body,
  Attributes = {},
  MessageAttributes = {},
}: SqsMessage): Received {
  const { SentTimestamp, MessageGroupId } = Attributes;
  const letter = {
    messageId: MessageId,
    sentAt: new Date(Number(SentTimestamp ?? 0)).toISOString(),
    content: contentOf(Body, mapAttributes(MessageAttributes)),
  };
  return { messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, group: MessageGroupId, letter };
}

function mapAttributes(attributes: NonNullable<SqsMessage['MessageAttributes']>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value?.StringValue]));
}

function contentOf(body: string, attributes: Readonly<Record<string, string | undefined>>): DeadContent {
  const envelope = unpackEnvelope(body);
  if (envelope === undefined) {
    const job = parseConnectionJob(body);
    if (job === undefined)
      return parseDroppedEvent(body, attributes) ?? { kind: 'unreadable', bytes: Buffer.byteLength(body) };
    const { connectionId, runId, plannedAt } = job;
    return { kind: 'run', connectionId, runId, plannedAt: new Date(plannedAt).toISOString() };
  }
  const parsed = parseEvent(envelope.body);
  return {
    kind: 'delivery',
    connectionId: envelope.connectionId,
    deliveryId: envelope.deliveryId,
    receivedAt: new Date(envelope.receivedAt).toISOString(),
    eventId: parsed.kind === 'event' ? parsed.event.id : null,
    eventType: parsed.kind === 'event' ? parsed.event.type : null,
    bytes: envelope.body.byteLength,
  };
}
