import { adviceFor } from '../../shared/operations/advice.ts';
import { latestDeliveries } from '../../shared/operations/kept-deliveries.ts';
import type { KeptDelivery } from '../../shared/store/deliveries.ts';
import type { Answer } from '../answer.ts';
import { openParts, someConnections } from '../parts.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import { time } from '../words.ts';

export interface DeliveriesOptions extends TargetOptions {
  readonly status?: KeptDelivery['status'] | undefined;
  readonly limit: number;
}

export async function deliveriesCommand(
  connection: string | undefined,
  { status, limit, ...options }: DeliveriesOptions,
): Promise<Answer> {
  const parts = await openParts(options);
  const found: KeptDelivery[] = [];
  for (const id of await someConnections(connection, parts)) {
    found.push(...(await latestDeliveries(parts.store.deliveries.list(id), { status, atMost: limit })));
  }
  const latest = found.toSorted((one, other) => other.updatedAt - one.updatedAt).slice(0, limit);
  return {
    data: { deliveries: latest.map(viewOf) },
    text: (style) => (latest.length === 0 ? 'None in the last 35 days.' : text(latest, style)),
  };
}

function viewOf(delivery: KeptDelivery) {
  const { connectionId, deliveryId, status, reason, steps, eventId, eventType, attempts, history } = delivery;
  const { contractId, linkId, trainerId, firstSeenAt, updatedAt } = delivery;
  return {
    connectionId,
    deliveryId,
    eventId,
    eventType,
    status,
    reason,
    steps,
    contractId,
    linkId,
    trainerId,
    attempts,
    firstSeenAt: new Date(firstSeenAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
    history: history?.map(({ at, ...attempt }) => ({ at: new Date(at).toISOString(), ...attempt })),
  };
}

function text(deliveries: readonly KeptDelivery[], style: Style): string {
  const rows = deliveries.map((one) => [
    time(one.updatedAt),
    one.connectionId,
    one.eventType ?? '-',
    one.contractId ?? one.linkId ?? '-',
    painted(one, style),
    String(one.attempts),
    one.deliveryId,
  ]);
  const head = ['LAST SEEN', 'CONNECTION', 'EVENT', 'ABOUT', 'OUTCOME', 'ATTEMPTS', 'DELIVERY'];
  const advice = adviceOf(deliveries);
  if (deliveries.some(({ status }) => status === 'waiting')) advice.push(GIVEN_UP);
  return [table(head, rows, style.width), ...(advice.length === 0 ? [] : ['', ...advice])].join('\n');
}

const GIVEN_UP =
  'What waits may have been given up after all attempts: dlq list tells it, and dlq redrive puts it back.';

function painted({ status, reason }: KeptDelivery, { paint }: Style): string {
  const outcome = reason === undefined ? status : `${status}: ${reason}`;
  return status === 'done' ? outcome : paint('yellow', outcome);
}

/** Each reason once; the steps of each that a person has to do. */
function adviceOf(deliveries: readonly KeptDelivery[]): string[] {
  const open = deliveries.filter(({ status }) => status !== 'done');
  const reasons = [...new Set(open.map(({ reason }) => reason))];
  return [
    ...reasons.flatMap((reason) => {
      const advice = adviceFor(reason);
      return advice === undefined ? [] : [`${reason}: ${advice}`];
    }),
    ...open.flatMap(({ deliveryId, steps = [] }) =>
      steps.map((step, index) => `${deliveryId}, step ${index + 1}: ${step}`),
    ),
  ];
}
