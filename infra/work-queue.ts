import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { Grant, IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { EventSourceMapping, type Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption, type QueueProps, RedrivePermission } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge } from './nag.ts';
import { ownSuffix } from './own-names.ts';

export interface WorkQueueProps {
  /** What waits in the queue, as a part of its name: letters, digits, hyphens. */
  readonly content: string;

  /** The timeout of the function that empties the queue. */
  readonly consumerTimeout: Duration;

  /** Attempts at a message before it goes to the dead-letter queue, 1 to 1,000. */
  readonly maxReceiveCount: number;

  /**
   * Keeps both queues when the stack is deleted.
   *
   * @default true
   */
  readonly retain?: boolean;

  /**
   * Encrypts what is in both queues.
   *
   * @default - SQS's own keys
   */
  readonly encryptionKey?: IKey | undefined;
}

/** How the consumer gets its messages. */
export interface Feeding {
  /** Messages in a batch, 1 to 10. */
  readonly batchSize: number;

  /** Batches handled at the same time, 2 to 1,000. */
  readonly maxConcurrency: number;
}

/**
 * Work on its way to the function that does it, and what it gave up on.
 *
 * A standard queue: order is of no use to functions that compare what should be with what is (rule 2), and a FIFO queue
 * would hold up a whole connection behind one bad message. The connection is the message group, for SQS's fair queues.
 *
 * A failing message sets its own back-off by its visibility timeout. The queue's own only counts when the consumer
 * dies: six times its timeout, as Lambda asks for. In the dead-letter queue the 14 days count from the first
 * enqueueing, and the retries before take less than a day.
 */
export class WorkQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetterQueue: Queue;

  private readonly encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, props: WorkQueueProps) {
    super(scope, id);
    const { content, consumerTimeout, maxReceiveCount, retain = true, encryptionKey } = props;
    this.encryptionKey = encryptionKey;
    const keeping = queueKeeping({ retain, encryptionKey });

    // The dead-letter queue names the queue that may use it, and that queue names the dead-letter queue: a circle
    // which CloudFormation refuses, unless one of the names is known beforehand. The stack's own id keeps it from
    // being taken.
    const queueName = `${Stack.of(this).stackName}-${content}-${ownSuffix()}`;
    const queueArn = Stack.of(this).formatArn({ service: 'sqs', resource: queueName });

    this.deadLetterQueue = new Queue(this, 'DeadLetterQueue', {
      ...keeping,
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        sourceQueues: [Queue.fromQueueArn(this, 'QueueByName', queueArn)],
      },
    });
    acknowledge(
      this.deadLetterQueue,
      'Serverless-SQSRedrivePolicy',
      'It is the dead-letter queue itself: what is in it waits for a person, who is told by an alarm.',
    );
    this.queue = new Queue(this, 'Queue', {
      ...keeping,
      queueName,
      visibilityTimeout: Duration.seconds(6 * consumerTimeout.toSeconds()),
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount },
    });
  }

  grantSend(grantee: IGrantable): void {
    grantSend(this.queue, grantee, this.encryptionKey);
  }

  /**
   * Has the function work off the queue. Each message of a batch is answered for on its own, so that one that fails
   * brings back no other, and no batch waits to be filled, because somebody is waiting for what is in it.
   */
  feed(consumer: LambdaFunction, { batchSize, maxConcurrency }: Feeding): EventSourceMapping {
    const grant = this.queue.grant(
      consumer,
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
    );
    const decrypt = this.encryptionKey?.grant(consumer, 'kms:Decrypt');
    const mapping = new EventSourceMapping(this, 'Mapping', {
      target: consumer,
      eventSourceArn: this.queue.queueArn,
      batchSize,
      reportBatchItemFailures: true,
      maxConcurrency,
    });
    // Lambda tries the permissions out when the mapping is made.
    grant.applyBefore(mapping);
    decrypt?.applyBefore(mapping);
    acknowledge(
      mapping,
      'Serverless-LambdaEventSourceMappingDestination',
      'Such a destination is for streams. A message of this queue that fails goes to the dead-letter queue, with an alarm.',
    );
    return mapping;
  }
}

/** Lets somebody put messages on a queue: SQS makes keys for them in the sender's name, and opens them again to use them twice. */
export function grantSend(queue: Queue, grantee: IGrantable, encryptionKey: IKey | undefined): Grant {
  const grant = queue.grant(grantee, 'sqs:SendMessage');
  return encryptionKey ? grant.combine(encryptionKey.grant(grantee, 'kms:GenerateDataKey', 'kms:Decrypt')) : grant;
}

interface QueueKeeping {
  readonly retain: boolean;
  readonly encryptionKey: IKey | undefined;
}

/** How every queue of the connector keeps its messages: encrypted, and for 14 days, the longest that SQS offers. */
export function queueKeeping({ retain, encryptionKey }: QueueKeeping): QueueProps {
  return {
    ...(encryptionKey
      ? { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey }
      : { encryption: QueueEncryption.SQS_MANAGED }),
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
    // 256 KiB of body become 342 KiB of message, which was too much for SQS until it raised its limit in 2025.
    maxMessageSizeBytes: 1_048_576,
    removalPolicy: retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  };
}
