import type { AwsJsonClient } from '../shared/aws/aws-json-client.ts';
import { type DeadLetter, listDeadLetters, queueDepth } from '../shared/operations/dead-letters.ts';
import type { DroppedQueueName, QueueName, Target } from './target.ts';

/** A queue whose messages wait for a person. */
export interface KeepingQueue {
  readonly name: QueueName | DroppedQueueName;
  readonly url: string;
}

export interface FoundLetter extends DeadLetter {
  readonly queue: KeepingQueue['name'];
}

export interface Look {
  readonly letters: readonly FoundLetter[];
  /** How many the queues hold, as far as SQS can tell. */
  readonly about: number;
  /** The queues that hold more than was looked at. */
  readonly cut: readonly { readonly queue: KeepingQueue['name']; readonly seen: number; readonly about: number }[];
}

/**
 * Looks into queues, all at once, since each look waits a moment for its answer.
 *
 * @param atMost - messages of each
 */
export async function lookInto(queues: readonly KeepingQueue[], atMost: number, sqs: AwsJsonClient): Promise<Look> {
  const looks = await Promise.all(
    queues.map(async ({ name: queue, url }) => {
      const { visible, inFlight } = await queueDepth(sqs, url);
      const letters = (await listDeadLetters(sqs, url, atMost)).map((letter) => ({ ...letter, queue }));
      return { queue, letters, seen: letters.length, about: Math.max(visible + inFlight, letters.length) };
    }),
  );
  return {
    letters: looks.flatMap(({ letters }) => letters),
    about: looks.reduce((sum, { about }) => sum + about, 0),
    cut: looks.filter(({ seen, about }) => seen === atMost && about > seen),
  };
}

/** `50 of about 73 of deliveries`. */
export const tellCut = ({ cut }: Look): string =>
  cut.map(({ queue, seen, about }) => `${seen} of about ${about} of ${queue}`).join(', ');

export const deadLetterQueues = ({ queues }: Target): readonly KeepingQueue[] =>
  queues.map(({ name, deadLetterUrl }) => ({ name, url: deadLetterUrl }));

/** Those of dropped events, too. */
export const keepingQueues = (target: Target): readonly KeepingQueue[] => [
  ...deadLetterQueues(target),
  ...target.droppedQueues,
];

/** That of this name, or all. */
export function someOf<Queue extends { readonly name: string }>(
  queues: readonly Queue[],
  wanted: string | undefined,
): readonly Queue[] {
  return queues.filter(({ name }) => wanted === undefined || name === wanted);
}
