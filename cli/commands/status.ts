import { type ConnectionStatus, connectionStatus } from '../../shared/operations/connection-status.ts';
import { queueDepth } from '../../shared/operations/dead-letters.ts';
import type { Answer } from '../answer.ts';
import { openParts, type Parts, someConnections } from '../parts.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import { duration, tally } from '../words.ts';

export async function statusCommand(connection: string | undefined, options: TargetOptions): Promise<Answer> {
  const parts = await openParts(options);
  const now = parts.clock.now();
  const connections: ConnectionStatus[] = [];
  for (const id of await someConnections(connection, parts)) connections.push(await connectionStatus(id, parts, now));
  const queues = await queuesOf(parts);
  return {
    data: { target: parts.target.name, connections, queues },
    text: (style) => [connectionTable(connections, style), queueTable(queues, style)].join('\n\n'),
  };
}

interface QueueStatus {
  readonly queue: string;
  /** Null where nobody works anything off: events of a schedule that came to nothing. */
  readonly waiting: number | null;
  readonly inFlight: number | null;
  readonly givenUp: number;
}

async function queuesOf({ sqs, target }: Parts): Promise<QueueStatus[]> {
  const dropped = target.droppedQueues.map(async ({ name, url }) => {
    const { visible, inFlight } = await queueDepth(sqs, url);
    return { queue: name, waiting: null, inFlight: null, givenUp: visible + inFlight };
  });
  return Promise.all([
    ...target.queues.map(async ({ name, url, deadLetterUrl }) => {
      const [queue, dead] = await Promise.all([queueDepth(sqs, url), queueDepth(sqs, deadLetterUrl)]);
      return { queue: name, waiting: queue.visible, inFlight: queue.inFlight, givenUp: dead.visible + dead.inFlight };
    }),
    ...dropped,
  ]);
}

function connectionTable(connections: readonly ConnectionStatus[], style: Style): string {
  if (connections.length === 0) return 'No customer is connected yet. See connect --help.';
  return table(
    ['CONNECTION', 'STATUS', 'TRAINERS IN', 'WAITING', 'GONE', 'BUDGETS', 'USAGE REPORTED', 'RECONCILED', 'DELIVERIES'],
    connections.map((one) => [
      one.connectionId,
      statusOf(one, style),
      String(one.trainers.working),
      tally(one.trainers.waiting),
      String(one.trainers.gone),
      tally(one.budgets),
      ago(one.usageLagSeconds),
      ago(one.reconcileLagSeconds),
      deliveriesOf(one, style),
    ]),
    style.width,
  );
}

const ago = (seconds: number | null): string => (seconds === null ? 'never' : `${duration(seconds)} ago`);

function statusOf(one: ConnectionStatus, style: Style): string {
  const { paint } = style;
  return one.rotating ? `${standingOf(one, style)}, ${paint('yellow', 'secret rotating')}` : standingOf(one, style);
}

function standingOf(
  { status, disconnectedReason, attention, missingScopes, piiConsent }: ConnectionStatus,
  { paint }: Style,
): string {
  // Nobody has asked for that: it waits for a person.
  if (disconnectedReason === 'token_refused') return paint('red', 'disconnected: OpenTrain refuses the token');
  if (status === 'disconnected') return paint('dim', 'disconnected');
  if (attention !== null) return paint('red', `active, needs attention: ${attention}`);
  const missing = [...missingScopes, ...(piiConsent ? [] : ['consent'])];
  return missing.length === 0 ? paint('green', 'active') : paint('yellow', `active, lacks ${missing.join(', ')}`);
}

function deliveriesOf({ deliveries: { done, parked, waiting } }: ConnectionStatus, { paint }: Style): string {
  return [
    `${done} done`,
    ...(parked === 0 ? [] : [paint('yellow', `${parked} parked`)]),
    ...(waiting === 0 ? [] : [paint('yellow', `${waiting} waiting`)]),
  ].join(', ');
}

function queueTable(queues: readonly QueueStatus[], { width, paint }: Style): string {
  return table(
    ['QUEUE', 'WAITING', 'IN FLIGHT', 'GIVEN UP'],
    queues.map(({ queue, waiting, inFlight, givenUp }) => [
      queue,
      String(waiting ?? '-'),
      String(inFlight ?? '-'),
      givenUp === 0 ? '0' : paint('red', `${givenUp} (see dlq list)`),
    ]),
    width,
  );
}
