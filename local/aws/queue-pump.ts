import {
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Logger } from '../../shared/logging.ts';

/** Lambda's event source mapping on one machine: receives batches, invokes the worker, deletes what did not fail. */
export interface QueuePump {
  /** Resolves once the queue is empty: nothing waiting, nothing in flight, nothing backing off. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

type Consumer = (event: SQSEvent, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<SQSBatchResponse>;

export interface QueuePumpOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly handler: Consumer;
  readonly logger: Logger;
  /** Batches at a time. @default 2 */
  readonly concurrency?: number;
  /** @default 10 */
  readonly batchSize?: number;
  /** The function's time-out. @default 60000, the worker's as deployed */
  readonly timeoutMilliseconds?: number;
}

export function startQueuePump({
  sqs,
  queueUrl,
  handler,
  logger,
  concurrency = 2,
  batchSize = 10,
  timeoutMilliseconds = 60_000,
}: QueuePumpOptions): QueuePump {
  const stopping = new AbortController();

  async function invoke(messages: readonly Message[]): Promise<void> {
    const end = performance.now() + timeoutMilliseconds;
    const context = { getRemainingTimeInMillis: () => Math.floor(end - performance.now()) };
    const { batchItemFailures } = await handler({ Records: messages.map(toRecord) }, context);
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const finished = messages.filter(({ MessageId = '' }) => !failed.has(MessageId));
    if (finished.length === 0) return;
    const Entries = finished.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const receive = new ReceiveMessageCommand({
          QueueUrl: queueUrl,
          MaxNumberOfMessages: batchSize,
          WaitTimeSeconds: 1,
          MessageSystemAttributeNames: ['All'],
        });
        const { Messages = [] } = await sqs.send(receive, { abortSignal: stopping.signal });
        // A handler that throws has failed its whole batch: the visibility timeout brings it back, as in Lambda.
        if (Messages.length > 0) await invoke(Messages);
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.error({ event: 'queue-pump.failed', error });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  const lanes = Array.from({ length: concurrency }, run);
  return {
    async idle() {
      const names = [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ] as const;
      for (;;) {
        const { Attributes = {} } = await sqs.send(
          new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: [...names] }),
        );
        if (names.every((name) => Attributes[name] === '0')) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(lanes);
    },
  };
}

/** A message as Lambda hands it to a function. */
export function toRecord({
  MessageId = '',
  ReceiptHandle = '',
  Body = '',
  Attributes = {},
  MD5OfBody = '',
}: Message): SQSRecord {
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '0',
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: '0',
      ...Attributes,
    },
    messageAttributes: {},
    md5OfBody: MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:deliveries',
    awsRegion: 'us-east-1',
  };
}
