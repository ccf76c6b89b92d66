import { AwsError, type AwsJsonClient } from './aws-json-client.ts';

export interface QueueMessage {
  readonly body: string;
  /** See `send`. */
  readonly group: string;
}

/** What SQS takes in one request. */
const BATCH = 10;

/** One SQS queue, as far as the functions need it. */
export interface Queue {
  /**
   * @param group - whose message it is: on a standard queue SQS's fair queueing keeps one busy group from holding up the
   * others (rule 8)
   */
  send(body: string, group: string): Promise<void>;
  /** Many at once, ten a request. @throws {AwsError} when the queue has not taken all of them */
  sendAll(messages: readonly QueueMessage[]): Promise<void>;
  /** Lets a received message come back after so many seconds, 0 to 43,200. */
  setVisibility(receiptHandle: string, seconds: number): Promise<void>;
}

export function createQueue(sqs: AwsJsonClient, queueUrl: string): Queue {
  return {
    async send(body, group) {
      await sqs.call('SendMessage', { QueueUrl: queueUrl, MessageBody: body, MessageGroupId: group });
    },
    async sendAll(messages) {
      for (let start = 0; start < messages.length; start += BATCH) {
        const entries = messages.slice(start, start + BATCH).map(({ body, group }, index) => ({
          Id: String(index),
          MessageBody: body,
          MessageGroupId: group,
        }));
        const answer = await sqs.call('SendMessageBatch', { QueueUrl: queueUrl, Entries: entries });
        const failed = Array.isArray(answer.Failed) ? answer.Failed.length : 0;
        if (failed > 0) throw new AwsError(`SQS refused ${failed} of ${entries.length} messages.`, {});
      }
    },
    async setVisibility(receiptHandle, seconds) {
      await sqs.call('ChangeMessageVisibility', {
        QueueUrl: queueUrl,
        ReceiptHandle: receiptHandle,
        VisibilityTimeout: seconds,
      });
    },
  };
}
