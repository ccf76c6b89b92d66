import type { AwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import {
  type DeadLetter,
  discardDeadLetters,
  listDeadLetters,
  queueDepth,
  redriveDeadLetters,
} from '../../shared/operations/dead-letters.ts';
import type { Answer } from '../answer.ts';
import { CutShortError, NotFoundError, UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { deadLetterQueues, type FoundLetter, keepingQueues, lookInto, someOf, tellCut } from '../keeping-queues.ts';
import { connectionId, openParts } from '../parts.ts';
import { table } from '../table.ts';
import {
  DROPPED_QUEUE_NAMES,
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

export async function dlqListCommand({ queue, limit, ...options }: DlqOptions): Promise<Answer> {
  const { sqs, target } = await openParts(options);
  const look = await lookInto(someOf(keepingQueues(target), queue), limit, sqs);
  const { letters: messages, about } = look;
  return {
    data: { count: about, messages },
    text: ({ width }) => {
      if (messages.length === 0)
        return about === 0 ? 'Nothing was given up.' : 'All of it is being looked at elsewhere.';
      const listed = table(
        ['QUEUE', 'SENT', 'CONNECTION', 'WHAT', 'MESSAGE'],
        messages.map((one) => [one.queue, one.sentAt, ...contentCells(one, one.queue), one.messageId]),
        width,
      );
      const more =
        look.cut.length === 0 ? [] : [`Listed: ${tellCut(look)}. For more: --limit <number>, --queue <name>.`];
      return [listed, '', ...more, ...hints(messages, target)].join('\n');
    },
    exitCode: look.cut.length === 0 ? EXIT.fine : EXIT.findings,
  };
}

function hints(messages: readonly FoundLetter[], { flag }: Target): string[] {
  const isIn = (name: string) => messages.some(({ queue }) => queue === name);
  const causes = QUEUE_NAMES.filter(isIn).map((name) => CAUSES[name]);
  const redrive = `Mend the cause (${causes.join(' and ')} tells it), then: opentrain-connector dlq redrive ${flag}`;
  return [
    ...(causes.length > 0 ? [redrive] : []),
    ...QUEUE_NAMES.filter((name) => messages.some((one) => one.queue === name && isUnreadable(one))).map(
      (name) => `${UNREADABLE} Throw it away: opentrain-connector dlq purge --queue ${name} --unreadable ${flag}`,
    ),
    ...DROPPED_QUEUE_NAMES.filter(isIn).map(
      (name) => `${name}: if its reason lasts, mend it. Then: opentrain-connector dlq purge --queue ${name} ${flag}`,
    ),
  ];
}

const isUnreadable = ({ content }: DeadLetter): boolean => content.kind === 'unreadable';

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
  const look = await lookInto(someOf(keepingQueues(target), queue), LOOKED_THROUGH, sqs);
  const letter = look.letters.find(
    ({ messageId: id, content }) =>
      id === messageId || (content.kind === 'delivery' && content.deliveryId === messageId),
  );
  if (letter === undefined && look.cut.length > 0) {
    throw new CutShortError(
      `It is not among those that were looked at: ${tellCut(look)}. dlq redrive --message goes through all of them.`,
    );
  }
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
  const look = await lookInto(someOf(deadLetterQueues(target), queue), LOOKED_THROUGH, sqs);
  const isCut = look.cut.length > 0;
  const chosen = look.letters.filter(wanted);
  const unreadable = look.letters.filter(isUnreadable).length;
  if (chosen.length === 0 && !isCut) {
    if (message !== undefined) throw new NotFoundError('No dead-letter queue holds such a message.');
    const stays = unreadable === 0 ? '' : ` ${UNREADABLE} It stays: ${count(unreadable, 'message')}.`;
    return { data: { moved: [], dryRun }, text: () => `There is nothing to put back.${stays}` };
  }
  const what = isCut ? `${tell(chosen)}, and what else there is (looked at: ${tellCut(look)})` : tell(chosen);
  if (dryRun) {
    return {
      data: { moved: chosen, dryRun },
      text: () => `Would put back ${what}. Nothing was done.`,
      exitCode: isCut ? EXIT.findings : EXIT.fine,
    };
  }
  await terminal.confirm(`Put back ${what}? They are tried again at once.`);
  const moved: FoundLetter[] = [];
  let left = 0;
  for (const { name, url, deadLetterUrl } of someOf(target.queues, queue)) {
    const letters = await redriveDeadLetters(sqs, { from: deadLetterUrl, to: url, wanted, atMost: LOOKED_THROUGH });
    moved.push(...letters.map((letter) => ({ ...letter, queue: name })));
    if (letters.length === LOOKED_THROUGH) left += await countIn(deadLetterUrl, sqs);
  }
  if (message !== undefined && moved.length === 0) {
    throw new NotFoundError('No dead-letter queue holds such a message.');
  }
  return {
    data: { moved, dryRun, left },
    text: () => `Put back ${tell(moved)}.${tellLeft(left)}`,
    exitCode: left === 0 ? EXIT.fine : EXIT.findings,
  };
}

/** As far as SQS can tell. */
async function countIn(url: string, sqs: AwsJsonClient): Promise<number> {
  const { visible, inFlight } = await queueDepth(sqs, url);
  return visible + inFlight;
}

const tellLeft = (left: number): string => (left === 0 ? '' : ` About ${left} are left: run it again.`);

export interface PurgeOptions extends TargetOptions {
  readonly queue: string;
  /** Only what the connector never wrote. */
  readonly unreadable?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

/** Throws away what was listed, and nothing that comes meanwhile. */
export async function dlqPurgeCommand(
  { queue, unreadable = false, dryRun = false, ...options }: PurgeOptions,
  terminal: Terminal,
): Promise<Answer> {
  const allowed: readonly string[] = unreadable ? QUEUE_NAMES : PURGED_QUEUE_NAMES;
  if (!allowed.includes(queue)) {
    throw new UsageError(
      unreadable
        ? `With --unreadable, --queue must be one of ${allowed.join(', ')}.`
        : `--queue must be one of ${allowed.join(', ')}. Deliveries are never thrown away: mend the cause, then dlq redrive. ` +
            'What is unreadable was never one: it goes with --unreadable.',
    );
  }
  const { sqs, target } = await openParts(options);
  const url = keepingQueues(target).find(({ name }) => name === queue)?.url;
  if (url === undefined) throw new UsageError(`${target.name} has no queue ${queue}.`);
  const all = await listDeadLetters(sqs, url, LOOKED_THROUGH);
  const listed = all.filter((letter) => !unreadable || isUnreadable(letter));
  const kind = unreadable ? 'unreadable message' : 'message';
  const what = `${count(listed.length, kind)} of ${queue}`;
  if (listed.length === 0) return { data: { purged: [], dryRun }, text: () => 'There is nothing to throw away.' };
  if (dryRun) return { data: { purged: listed, dryRun }, text: () => `Would throw away ${what}. Nothing was done.` };
  await terminal.confirm(
    `Throw away ${what}? They do not come back${unreadable ? '' : '; later runs do the same work'}.`,
  );
  const ids = new Set(listed.map(({ messageId }) => messageId));
  const wanted = ({ messageId }: DeadLetter) => ids.has(messageId);
  const purged = await discardDeadLetters(sqs, url, { wanted, atMost: listed.length });
  const left = all.length === LOOKED_THROUGH ? await countIn(url, sqs) : 0;
  return {
    data: { purged, dryRun, left },
    text: () => `Threw away ${count(purged.length, kind)} of ${queue}.${tellLeft(left)}`,
    exitCode: left === 0 ? EXIT.fine : EXIT.findings,
  };
}

function tell(letters: readonly FoundLetter[]): string {
  const parts = QUEUE_NAMES.flatMap((name) => {
    const number = letters.filter(({ queue }) => queue === name).length;
    if (number === 0) return [];
    return [name === 'deliveries' ? count(number, 'delivery', 'deliveries') : count(number, `${name} run`)];
  });
  return parts.join(' and ') || 'nothing';
}
