import { TEST_EVENT } from '../connections/event-types.ts';
import { isCompleteEnd, onContractEnded, onContractStarted } from '../events/contract-events.ts';
import { done, type EventContext, parked, type Verdict, type WorkerParts } from '../events/event-context.ts';
import { onInstallRevoked } from '../events/install-events.ts';
import { onLinkCreated, onLinkRemoved } from '../events/link-events.ts';
import { onMilestone } from '../events/milestone-events.ts';
import type { WorkspaceId } from '../ids.ts';
import type { LogFields } from '../logging.ts';
import { contractOf, linkOf, type OpenTrainEvent, parseEvent } from '../opentrain/events.ts';
import type { Connection } from '../store/connections.ts';
import type { DeliveryRecord } from '../store/deliveries.ts';
import { type BackOff, waitSeconds } from './back-off.ts';
import { classify, type Meaning } from './classify.ts';
import type { DeliveryEnvelope } from './envelope.ts';
import { addSituation, historyWith, startTrace, type Trace, tracedPlace } from './trace.ts';

/** Where a delivery stands after one attempt. Only `retry` leaves its message in the queue. */
export type Outcome =
  | Verdict
  /** It was done before; nothing was touched. */
  | { readonly kind: 'duplicate' }
  /** Tried again after so many seconds, 1 to 900. */
  | { readonly kind: 'retry'; readonly reason: string; readonly waitSeconds: number };

export interface DeliveryParts extends WorkerParts {
  readonly backOff: BackOff;
  /** Within [0, 1). */
  readonly random: () => number;
}

type Rule = (context: EventContext) => Promise<Verdict>;

const RULES: ReadonlyMap<string, Rule> = new Map([
  ['contract.started', onContractStarted],
  ['contract.ended', onContractEnded],
  ['project_link.created', onLinkCreated],
  ['project_link.removed', onLinkRemoved],
  ['install.revoked', onInstallRevoked],
  ['milestone.funded', onMilestone],
  ['milestone.budget_low', onMilestone],
  ['milestone.budget_depleted', onMilestone],
  [TEST_EVENT, async () => done('test_received')],
]);

/**
 * Takes one delivery through an attempt: looks up what is known, applies the event's rule, notes what came of it.
 *
 * Never throws: whatever goes wrong is an outcome, and what nobody foresaw is tried again (rule 1).
 *
 * @param attempt - how often the queue has handed this message out, 1 for the first
 * @param signal - aborted when the worker's own time runs out
 */
export async function processDelivery(
  envelope: DeliveryEnvelope,
  attempt: number,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<Outcome> {
  const parsed = parseEvent(envelope.body);
  const event = parsed.kind === 'event' ? parsed.event : undefined;
  const about = describe(envelope, event, attempt);
  const trace = startTrace(event);
  const note = ({ status, reason, steps }: Pick<DeliveryRecord, 'status' | 'reason' | 'steps'>) => {
    const now = parts.clock.now();
    const facts = { eventId: event?.id, eventType: event?.type, attempts: attempt, ...trace.subjects };
    const record = { status, reason, steps, ...facts };
    const history = historyWith(trace, record, now);
    return parts.store.deliveries.record(envelope.connectionId, envelope.deliveryId, { ...record, history }, now);
  };

  try {
    signal.throwIfAborted();
    const outcome =
      parsed.kind === 'event'
        ? await decide(parsed.event, envelope, attempt, parts, trace, signal)
        : parked(parsed.reason);
    if (outcome.kind === 'done') await note({ status: 'done', reason: outcome.note });
    if (outcome.kind === 'parked') await note({ status: 'parked', reason: outcome.reason });
    logOutcome(outcome, { ...about, workspaceMs: trace.workspaceMs }, envelope, parts);
    return outcome;
  } catch (error) {
    const meaning = classify(error, signal);
    const reason = reasonOf(meaning);
    try {
      if (meaning.kind === 'opentrain-refuses') await askForAttention(envelope, reason, parts);
      if (meaning.kind === 'needs-person') await note({ status: 'parked', reason, steps: meaning.steps });
      // Out of time, every further request is a risk to the whole batch.
      else if (meaning.kind !== 'out-of-time') await note({ status: 'waiting', reason });
    } catch (noteError) {
      parts.logger.error({ event: 'delivery.note-failed', ...about, error: noteError });
    }
    if (meaning.kind === 'needs-person') {
      parts.logger.error({ event: 'delivery.parked', ...about, reason, error });
      return parked(reason);
    }
    const retryAfterSeconds = meaning.kind === 'busy' ? meaning.retryAfterSeconds : undefined;
    const wait = waitSeconds(attempt, retryAfterSeconds, parts.backOff, parts.random);
    const level = meaning.kind === 'busy' || meaning.kind === 'out-of-time' ? 'warn' : 'error';
    parts.logger[level]({ event: 'delivery.retried', ...about, reason, retryAfterSeconds: wait, error });
    return { kind: 'retry', reason, waitSeconds: wait };
  }
}

async function decide(
  event: OpenTrainEvent,
  { connectionId, deliveryId, secretId }: DeliveryEnvelope,
  attempt: number,
  parts: DeliveryParts,
  trace: Trace,
  signal: AbortSignal,
): Promise<Verdict | { readonly kind: 'duplicate' }> {
  const contractId = event.type.startsWith('contract.') ? contractOf(event).id : undefined;
  const subject = isCompleteEnd(event) ? {} : { contractId, linkId: linkOf(event)?.id };
  const situation = await parts.store.situation({ connectionId, deliveryId, ...subject });
  const { delivery } = situation;
  addSituation(trace, situation);
  await noteNewSecret(situation.connection, secretId, event, parts);
  // The delivery's id is not signed, so the event must be the same too. And a message that was handed out before may have
  // crashed half-way while its twin was finished: it goes through the rule again.
  if (delivery?.status === 'done' && delivery.eventId === event.id && attempt === 1) return { kind: 'duplicate' };
  const rule = RULES.get(event.type);
  if (rule === undefined) return done('unknown_type');
  const { connection } = situation;
  if (connection.status === 'disconnected' && event.type !== 'install.revoked')
    return parked('connection_disconnected');

  let asked = false;
  const opentrain = () => {
    asked = true;
    return parts.opentrain(connectionId);
  };
  const traced = {
    ...parts,
    placeOf: async (id: WorkspaceId) => tracedPlace(await parts.placeOf(id), trace, parts.clock),
  };
  const verdict = await rule({ event, situation, parts: traced, opentrain, signal });
  // OpenTrain answered with this connection's token, so whatever was wrong with it is mended; whether usage may be
  // reported is another question.
  if (asked && connection.attention === 'opentrain_forbidden') {
    await parts.store.connections.clearAttention(connectionId, parts.clock.now());
  }
  return verdict;
}

/** During a rotation, OpenTrain's first delivery with the new secret is what the old endpoint's end waits for. */
async function noteNewSecret(
  { id, rotation }: Connection,
  secretId: string,
  { type }: OpenTrainEvent,
  { store, clock }: DeliveryParts,
): Promise<void> {
  if (rotation === undefined || rotation.deliveredAt !== undefined) return;
  if (secretId !== rotation.newSecretId || type === TEST_EVENT) return;
  await store.connections.noteRotationDelivered(id, rotation, clock.now());
}

async function askForAttention(
  { connectionId }: DeliveryEnvelope,
  reason: string,
  parts: DeliveryParts,
): Promise<void> {
  await parts.store.connections.markAttention(connectionId, reason, parts.clock.now());
  parts.logger.error({ event: 'connection.needs-attention', connectionId, reason });
}

function reasonOf(meaning: Meaning): string {
  switch (meaning.kind) {
    case 'busy':
      return meaning.reason;
    case 'workspace-refuses':
      return 'workspace_forbidden';
    case 'opentrain-refuses':
      return 'opentrain_forbidden';
    case 'needs-person':
      return 'action_required';
    case 'out-of-time':
      return 'out_of_time';
    case 'unforeseen':
      return 'unforeseen';
  }
}

function describe(
  { connectionId, deliveryId }: DeliveryEnvelope,
  event: OpenTrainEvent | undefined,
  attempt: number,
): Omit<LogFields, 'event'> {
  if (event === undefined) return { connectionId, deliveryId, attempt };
  return {
    connectionId,
    deliveryId,
    eventId: event.id,
    eventType: event.type,
    contractId: event.type.startsWith('contract.') ? contractOf(event).id : undefined,
    linkId: linkOf(event)?.id,
    attempt,
  };
}

function logOutcome(
  outcome: Verdict | { readonly kind: 'duplicate' },
  about: Omit<LogFields, 'event'>,
  { receivedAt }: DeliveryEnvelope,
  { clock, logger }: DeliveryParts,
): void {
  const durationMs = clock.now() - receivedAt;
  switch (outcome.kind) {
    case 'done':
      logger.info({ event: 'delivery.done', ...about, outcome: outcome.note, durationMs });
      break;
    case 'duplicate':
      logger.info({ event: 'delivery.duplicate', ...about });
      break;
    case 'parked': {
      const level = outcome.reason === 'action_required' ? 'error' : 'warn';
      logger[level]({ event: 'delivery.parked', ...about, reason: outcome.reason, durationMs });
    }
  }
}
