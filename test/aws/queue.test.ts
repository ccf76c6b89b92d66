import { expect, test } from 'vitest';
import { createQueue } from '../../shared/aws/queue.ts';

test('a message carries its group, so that SQS’s fair queueing keeps a busy connection from holding up the others', async () => {
  const calls: unknown[] = [];
  const call = async (operation: string, input: object) => {
    calls.push([operation, input]);
    return {};
  };
  await createQueue({ call }, 'https://queue').send('body', 'acme');
  expect(calls).toEqual([['SendMessage', { QueueUrl: 'https://queue', MessageBody: 'body', MessageGroupId: 'acme' }]]);
});
