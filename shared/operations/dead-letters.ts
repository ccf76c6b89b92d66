import type { AwsJsonClient } from '../aws/aws-json-client.ts';
import { unpackEnvelope } from '../deliveries/envelope.ts';
import { parseConnectionJob } from '../jobs/connection-job.ts';
import { parseEvent } from '../opentrain/events.ts';

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
  /** Nothing that the connector wrote. */
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
    for await (const one of receiveAll(sqs, queueUrl, LOOK_SECONDS)) {
      received.push(one);
      if (received.length >= atMost) break;
    }
  } finally {
    for (const { receiptHandle } of received) await giveBack(sqs, queueUrl, receiptHandle);
  }
  return received.map(({ letter }) => letter).toSorted((one, other) => (one.sentAt < other.sentAt ? -1 : 1));
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
  const moved: DeadLetter[] = [];
  const left: Received[] = [];
  try {
    for await (const one of receiveAll(sqs, from, MOVE_SECONDS)) {
      if (!wanted(one.letter)) {
        left.push(one);
        continue;
      }
      const group = one.group === undefined ? {} : { MessageGroupId: one.group };
      await sqs.call('SendMessage', { QueueUrl: to, MessageBody: one.body, ...group });
      await sqs.call('DeleteMessage', { QueueUrl: from, ReceiptHandle: one.receiptHandle });
      moved.push(one.letter);
      if (moved.length >= atMost) break;
    }
  } finally {
    for (const { receiptHandle } of left) await giveBack(sqs, from, receiptHandle);
  }
  return moved;
}

/** Until the queue has no other to hand out; one that comes twice is told once. */
async function* receiveAll(sqs: AwsJsonClient, queueUrl: string, hiddenSeconds: number): AsyncGenerator<Received> {
  const seen = new Set<string>();
  for (;;) {
    const { Messages } = await sqs.call('ReceiveMessage', {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: BATCH,
      VisibilityTimeout: hiddenSeconds,
      // All servers are asked then, so that an empty answer means an empty queue.
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId'],
    });
    const fresh = (Array.isArray(Messages) ? Messages.map(readMessage) : []).filter(
      ({ messageId }) => !seen.has(messageId),
    );
    if (fresh.length === 0) return;
    for (const one of fresh) {
      seen.add(one.messageId);
      yield one;
    }
  }
}

async function giveBack(sqs: AwsJsonClient, queueUrl: string, receiptHandle: string): Promise<void> {
  await sqs.call('ChangeMessageVisibility', { QueueUrl: queueUrl, ReceiptHandle: receiptHandle, VisibilityTimeout: 0 });
}

interface SqsMessage {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly Attributes?: Readonly<Record<string, string | undefined>>;
}

function readMessage({ MessageId, ReceiptHandle, Body, Attributes = {} }: SqsMessage): Received {
  const { SentTimestamp, MessageGroupId } = Attributes;
  const letter = {
    messageId: MessageId,
    sentAt: new Date(Number(SentTimestamp ?? 0)).toISOString(),
    content: contentOf(Body),
  };
  return { messageId: MessageId, receiptHandle: ReceiptHandle, body: Body, group: MessageGroupId, letter };
}

function contentOf(body: string): DeadContent {
  const envelope = unpackEnvelope(body);
  if (envelope === undefined) {
    const job = parseConnectionJob(body);
    if (job === undefined) return { kind: 'unreadable', bytes: Buffer.byteLength(body) };
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
