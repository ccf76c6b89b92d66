import type { AwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import {
  type DeadLetter,
  discardDeadLetters,
  listDeadLetters,
  queueDepth,
  redriveDeadLetters,
} from '../../shared/operations/dead-letters.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError, UsageError } from '../errors.ts';
import { connectionId, openParts } from '../parts.ts';
import { table } from '../table.ts';
import {
  DROPPED_QUEUE_NAMES,
  type DroppedQueueName,
  PURGED_QUEUE_NAMES,
  QUEUE_NAMES,
  type QueueName,
  type Target,
  type TargetOptions,
} from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count, time } from '../words.ts';

export interface DlqOptions extends TargetOptions {
  readonly queue?: string | undefined;
  readonly limit: number;
}

/** A queue whose messages wait for a person. */
interface KeepingQueue {
  readonly name: QueueName | DroppedQueueName;
  readonly url: string;
}

interface FoundLetter extends DeadLetter {
  readonly queue: KeepingQueue['name'];
}

export async function dlqListCommand({ queue, limit, ...options }: DlqOptions): Promise<Answer> {
  const { sqs, target } = await openParts(options);
  const wanted = someOf(keepingQueues(target), queue);
  const depths = await Promise.all(wanted.map(({ url }) => queueDepth(sqs, url)));
  const messages = await lettersIn(wanted, limit, sqs);
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
      return [listed, '', ...hints(messages, target)].join('\n');
    },
  };
}

function hints(messages: readonly FoundLetter[], { flag }: Target): string[] {
  const isIn = (name: string) => messages.some(({ queue }) => queue === name);
  const causes = QUEUE_NAMES.filter(isIn).map((name) => CAUSES[name]);
  const redrive = `Mend the cause (${causes.join(' and ')} tells it), then: opentrain-connector dlq redrive ${flag}`;
  return [
    ...(causes.length > 0 ? [redrive] : []),
    ...(messages.some(({ content }) => content.kind === 'unreadable') ? [UNREADABLE] : []),
    ...DROPPED_QUEUE_NAMES.filter(isIn).map(
      (name) => `${name}: if its reason lasts, mend it. Then: opentrain-connector dlq purge --queue ${name} ${flag}`,
    ),
  ];
}

/** What tells why a message of the queue was given up. */
const CAUSES: Readonly<Record<QueueName, string>> = {
  deliveries: 'deliveries --status waiting',
  usage: 'usage push --dry-run',
  reconcile: 'reconcile --dry-run',
};

const UNREADABLE = 'What is unreadable was never written by the connector, and is not put back.';

function contentCells({ content }: DeadLetter, queue: string): [connection: string, what: string] {
  if (content.kind === 'delivery') return [content.connectionId, content.eventType ?? 'not an event'];
  if (content.kind === 'run') return [content.connectionId, `${queue} run`];
  if (content.kind === 'unreadable') return ['-', 'unreadable'];
  const { dueAt, givenUpBy, reason } = content;
  const due = dueAt === null ? '' : ` of ${time(Date.parse(dueAt))}`;
  return ['-', `event${due}, dropped by ${givenUpBy === 'lambda' ? 'Lambda' : 'EventBridge Scheduler'}: ${reason}`];
}

/** Looked for among so many. */
const LOOKED_THROUGH = 1_000;

export interface ShowOptions extends TargetOptions {
  readonly queue?: string | undefined;
}

export async function dlqShowCommand(messageId: string, { queue, ...options }: ShowOptions): Promise<Answer> {
  const { sqs, target } = await openParts(options);
  const letters = await lettersIn(someOf(keepingQueues(target), queue), LOOKED_THROUGH, sqs);
  const letter = letters.find(
    ({ messageId: id, content }) =>
      id === messageId || (content.kind === 'delivery' && content.deliveryId === messageId),
  );
  if (letter === undefined) {
    throw new NotFoundError('No dead-letter queue holds such a message. See opentrain-connector dlq list.');
  }
  return {
    data: letter,
    text: ({ width }) => {
      const { content, ...about } = letter;
      const facts = Object.entries({ ...about, ...content }).map(([fact, value]) => [fact, String(value ?? '-')]);
      return `${table(['FACT', 'VALUE'], facts, width)}\n\nThe body is not shown: it may hold personal data.`;
    },
  };
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
    if (content.kind === 'unreadable' || content.kind === 'event') return false;
    const isNamed =
      message === undefined || messageId === message || (content.kind === 'delivery' && content.deliveryId === message);
    return isNamed && (wantedConnection === undefined || content.connectionId === wantedConnection);
  };
  const letters = await lettersIn(someOf(deadLetterQueues(target), queue), LOOKED_THROUGH, sqs);
  const chosen = letters.filter(wanted);
  const unreadable = letters.filter(({ content }) => content.kind === 'unreadable').length;
  if (chosen.length === 0) {
    if (message !== undefined) throw new NotFoundError('No dead-letter queue holds such a message.');
    const stays = unreadable === 0 ? '' : ` ${UNREADABLE} It stays: ${count(unreadable, 'message')}.`;
    return { data: { moved: [], dryRun }, text: () => `There is nothing to put back.${stays}` };
  }
  if (dryRun) {
    return { data: { moved: chosen, dryRun }, text: () => `Would put back ${tell(chosen)}. Nothing was done.` };
  }
  await terminal.confirm(`Put back ${tell(chosen)}? They are tried again at once.`);
  const moved: FoundLetter[] = [];
  for (const { name, url, deadLetterUrl } of someOf(target.queues, queue)) {
    const letters = await redriveDeadLetters(sqs, { from: deadLetterUrl, to: url, wanted, atMost: LOOKED_THROUGH });
    moved.push(...letters.map((letter) => ({ ...letter, queue: name })));
  }
  return { data: { moved, dryRun }, text: () => `Put back ${tell(moved)}.` };
}

export interface PurgeOptions extends TargetOptions {
  readonly queue: string;
  readonly dryRun?: boolean | undefined;
}

/** Throws away what was listed, and nothing that comes meanwhile. */
export async function dlqPurgeCommand(
  { queue, dryRun = false, ...options }: PurgeOptions,
  terminal: Terminal,
): Promise<Answer> {
  if (!PURGED_QUEUE_NAMES.some((name) => name === queue)) {
    throw new UsageError(
      `--queue must be one of ${PURGED_QUEUE_NAMES.join(', ')}. Deliveries are never thrown away: mend the cause, then dlq redrive.`,
    );
  }
  const { sqs, target } = await openParts(options);
  const url = keepingQueues(target).find(({ name }) => name === queue)?.url;
  if (url === undefined) throw new UsageError(`${target.name} has no queue ${queue}.`);
  const listed = await listDeadLetters(sqs, url, LOOKED_THROUGH);
  const what = `${count(listed.length, 'message')} of ${queue}`;
  if (listed.length === 0) return { data: { purged: [], dryRun }, text: () => 'There is nothing to throw away.' };
  if (dryRun) return { data: { purged: listed, dryRun }, text: () => `Would throw away ${what}. Nothing was done.` };
  await terminal.confirm(`Throw away ${what}? They do not come back; later runs do the same work.`);
  const ids = new Set(listed.map(({ messageId }) => messageId));
  const wanted = ({ messageId }: DeadLetter) => ids.has(messageId);
  const purged = await discardDeadLetters(sqs, url, { wanted, atMost: listed.length });
  return { data: { purged, dryRun }, text: () => `Threw away ${count(purged.length, 'message')} of ${queue}.` };
}

/** All at once, since each look at a queue waits a moment for its answer. */
async function lettersIn(
  queues: readonly KeepingQueue[],
  atMost: number,
  sqs: AwsJsonClient,
): Promise<readonly FoundLetter[]> {
  const all = queues.map(async ({ name, url }) =>
    (await listDeadLetters(sqs, url, atMost)).map((letter) => ({ ...letter, queue: name })),
  );
  return (await Promise.all(all)).flat();
}

const deadLetterQueues = ({ queues }: Target): readonly KeepingQueue[] =>
  queues.map(({ name, deadLetterUrl }) => ({ name, url: deadLetterUrl }));

/** Those of dropped events, too. */
const keepingQueues = (target: Target): readonly KeepingQueue[] => [
  ...deadLetterQueues(target),
  ...target.droppedQueues,
];

/** That of this name, or all. */
function someOf<Queue extends { readonly name: string }>(
  queues: readonly Queue[],
  wanted: string | undefined,
): readonly Queue[] {
  return queues.filter(({ name }) => wanted === undefined || name === wanted);
}

function tell(letters: readonly FoundLetter[]): string {
  const parts = QUEUE_NAMES.flatMap((name) => {
    const number = letters.filter(({ queue }) => queue === name).length;
    if (number === 0) return [];
    return [name === 'deliveries' ? count(number, 'delivery', 'deliveries') : count(number, `${name} run`)];
  });
  return parts.join(' and ') || 'nothing';
}
