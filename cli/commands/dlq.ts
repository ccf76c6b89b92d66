import {
  type DeadLetter,
  listDeadLetters,
  type QueueDepth,
  queueDepth,
  redriveDeadLetters,
} from '../../shared/operations/dead-letters.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError, UsageError } from '../errors.ts';
import { connectionId, openParts } from '../parts.ts';
import { table } from '../table.ts';
import { QUEUE_NAMES, type Target, type TargetOptions, type TargetQueue } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../words.ts';

export interface DlqOptions extends TargetOptions {
  readonly queue?: string | undefined;
  readonly limit: number;
}

interface FoundLetter extends DeadLetter {
  readonly queue: TargetQueue['name'];
}

export async function dlqListCommand({ queue, limit, ...options }: DlqOptions): Promise<Answer> {
  const { sqs, target } = await openParts(options);
  const messages: FoundLetter[] = [];
  const depths: QueueDepth[] = [];
  for (const one of someQueues(queue, target)) {
    depths.push(await queueDepth(sqs, one.deadLetterUrl));
    const letters = await listDeadLetters(sqs, one.deadLetterUrl, limit);
    messages.push(...letters.map((letter) => ({ ...letter, queue: one.name })));
  }
  const inAll = depths.reduce((sum, { visible, inFlight }) => sum + visible + inFlight, 0);
  return {
    data: { count: inAll, messages },
    text: ({ width }) => {
      if (messages.length === 0)
        return inAll === 0 ? 'Nothing was given up.' : 'All of it is being looked at elsewhere.';
      const listed = table(
        ['QUEUE', 'SENT', 'CONNECTION', 'WHAT', 'MESSAGE'],
        messages.map((one) => [one.queue, one.sentAt, ...contentCells(one, one.queue), one.messageId]),
        width,
      );
      const hint = `Mend the cause (deliveries --status waiting tells it), then: opentrain-connector dlq redrive ${target.flag}`;
      return `${listed}\n\n${hint}`;
    },
  };
}

function contentCells({ content }: DeadLetter, queue: string): [connection: string, what: string] {
  if (content.kind === 'delivery') return [content.connectionId, content.eventType ?? 'not an event'];
  return content.kind === 'run' ? [content.connectionId, `${queue} run`] : ['-', 'unreadable'];
}

/** Looked for among so many. */
const LOOKED_THROUGH = 1_000;

export async function dlqShowCommand(messageId: string, options: TargetOptions): Promise<Answer> {
  const { sqs, target } = await openParts(options);
  for (const { name, deadLetterUrl } of target.queues) {
    const letters = await listDeadLetters(sqs, deadLetterUrl, LOOKED_THROUGH);
    const letter = letters.find(
      (one) => one.messageId === messageId || (one.content.kind === 'delivery' && one.content.deliveryId === messageId),
    );
    if (letter === undefined) continue;
    const data = { queue: name, ...letter };
    return {
      data,
      text: ({ width }) => {
        const { content, ...about } = data;
        const facts = Object.entries({ ...about, ...content }).map(([fact, value]) => [fact, String(value ?? '-')]);
        return `${table(['FACT', 'VALUE'], facts, width)}\n\nThe body is not shown: it may hold personal data.`;
      },
    };
  }
  throw new NotFoundError('No dead-letter queue holds such a message. See opentrain-connector dlq list.');
}

export interface RedriveOptions extends TargetOptions {
  readonly queue?: string | undefined;
  readonly connection?: string | undefined;
  readonly message?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

export async function dlqRedriveCommand(
  { queue, connection, message, dryRun = false, ...options }: RedriveOptions,
  terminal: Terminal,
): Promise<Answer> {
  const wantedConnection = connection === undefined ? undefined : connectionId(connection);
  const { sqs, target } = await openParts(options);
  const wanted = ({ messageId, content }: DeadLetter) => {
    // What no function can read would only come back.
    if (content.kind === 'unreadable') return false;
    const isNamed =
      message === undefined || messageId === message || (content.kind === 'delivery' && content.deliveryId === message);
    return isNamed && (wantedConnection === undefined || content.connectionId === wantedConnection);
  };
  const chosen: FoundLetter[] = [];
  for (const { name, deadLetterUrl } of someQueues(queue, target)) {
    const letters = await listDeadLetters(sqs, deadLetterUrl, LOOKED_THROUGH);
    chosen.push(...letters.filter(wanted).map((letter) => ({ ...letter, queue: name })));
  }
  if (chosen.length === 0) {
    if (message !== undefined) throw new NotFoundError('No dead-letter queue holds such a message.');
    return { data: { moved: [], dryRun }, text: () => 'There is nothing to put back.' };
  }
  if (dryRun) {
    return { data: { moved: chosen, dryRun }, text: () => `Would put back ${tell(chosen)}. Nothing was done.` };
  }
  await terminal.confirm(`Put back ${tell(chosen)}? They are tried again at once.`);
  const moved: FoundLetter[] = [];
  for (const { name, url, deadLetterUrl } of someQueues(queue, target)) {
    const letters = await redriveDeadLetters(sqs, { from: deadLetterUrl, to: url, wanted, atMost: LOOKED_THROUGH });
    moved.push(...letters.map((letter) => ({ ...letter, queue: name })));
  }
  return { data: { moved, dryRun }, text: () => `Put back ${tell(moved)}.` };
}

function someQueues(name: string | undefined, { queues }: Target): readonly TargetQueue[] {
  if (name === undefined) return queues;
  const found = queues.filter((one) => one.name === name);
  if (found.length > 0) return found;
  throw new UsageError(`--queue must be one of ${QUEUE_NAMES.join(', ')}, and one that the target has.`);
}

function tell(letters: readonly FoundLetter[]): string {
  const parts = QUEUE_NAMES.flatMap((name) => {
    const number = letters.filter(({ queue }) => queue === name).length;
    if (number === 0) return [];
    return [name === 'deliveries' ? count(number, 'delivery', 'deliveries') : count(number, `${name} run`)];
  });
  return parts.join(' and ') || 'nothing';
}
