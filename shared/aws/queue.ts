import type { AwsJsonClient } from './aws-json-client.ts';

/** One SQS queue, as far as the functions need it. */
export interface Queue {
  /**
   * @param group - whose message it is: on a standard queue SQS's fair queueing keeps one busy group from holding up the
   * others (rule 8)
   */
  send(body: string, group: string): Promise<void>;
  /** Lets a received message come back after so many seconds, 0 to 43,200. */
  setVisibility(receiptHandle: string, seconds: number): Promise<void>;
}

export function createQueue(sqs: AwsJsonClient, queueUrl: string): Queue {
  return {
    async send(body, group) {
      await sqs.call('SendMessage', { QueueUrl: queueUrl, MessageBody: body, MessageGroupId: group });
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
