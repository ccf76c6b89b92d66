import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';

// The emulator calls itself localhost in the queues' URLs.
export const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });

/** Waiting ones and those that are being worked on. */
export async function messagesIn(url: string): Promise<number> {
  const { Attributes = {} } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: url,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);
}
