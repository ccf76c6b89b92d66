import { isSound, redeliverFailed } from '../connections/endpoints.ts';
import { EVENT_TYPES } from '../connections/event-types.ts';
import type { Logger } from '../logging.ts';
import type { OpenTrainClient, WebhookEndpointChange } from '../opentrain/client.ts';
import { type Connection, healingsToday } from '../store/connections.ts';
import type { Store } from '../store/store.ts';

/** How the connection's endpoint stands, and what was done about it. */
export type EndpointHealth =
  | { readonly kind: 'fine' }
  /** Enabled again and, if it had failed deliveries, these are on their way. */
  | { readonly kind: 'healed'; readonly requeued: number }
  /** It would have been healed, but a dry run changes nothing. */
  | { readonly kind: 'to-heal' }
  /** Healed often today, and down again: what is wrong with it is not mended by enabling it. */
  | { readonly kind: 'given-up' }
  /** Somebody deleted it, or points it elsewhere: that is theirs to say, and is not fought over. */
  | { readonly kind: 'gone' | 'elsewhere' }
  /** The connection was made without an endpoint of ours. */
  | { readonly kind: 'none' }
  /** OpenTrain did not let it be looked at, or healed. */
  | { readonly kind: 'unknown' };

export interface HealParts {
  readonly store: Pick<Store, 'connections'>;
  readonly opentrain: OpenTrainClient;
  readonly logger: Logger;
  /** This deployment's URL for the connection; undefined where nobody told: then any URL is taken for ours. */
  readonly webhookUrl: string | undefined;
  readonly now: number;
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

/** An endpoint that fails again and again is healed so many times a day (UTC); then a person must look. */
const HEALINGS_A_DAY = 3;

/** OpenTrain disables an endpoint after ten failed deliveries in a row: half of them are a sign of trouble. */
const FAILING_FROM = 5;

/**
 * Looks after the endpoint that OpenTrain delivers to: a disabled one is enabled again, and then its failed deliveries are
 * asked for, in that order, since OpenTrain attempts them only while the endpoint is active. Whoever is interrupted between
 * the two leaves a note, and the next run asks for them.
 */
export async function healEndpoint(connection: Connection, parts: HealParts): Promise<EndpointHealth> {
  const { store, opentrain, logger, webhookUrl, now, isDryRun, signal } = parts;
  const { id: connectionId, endpointId, rotation, redeliveryDue = false } = connection;
  const ids = [endpointId, rotation?.newEndpointId].filter((id) => id !== undefined);
  if (ids.length === 0) return { kind: 'none' };
  const ours = (await opentrain.listWebhookEndpoints(signal)).filter(({ id }) => ids.includes(id));
  if (ours.length === 0) return report('gone', connection, logger);
  const isOneGone = ours.length < ids.length && (await isStillKnown(connection, store));
  if (webhookUrl !== undefined && ours.some(({ url }) => url !== webhookUrl)) {
    return report('elsewhere', connection, logger);
  }

  const ailing = ours.filter((endpoint) => !isSound(endpoint) || endpoint.consecutiveFailures >= FAILING_FROM);
  if (isOneGone) report('gone', connection, logger);
  if (ailing.length === 0 && !redeliveryDue) return { kind: isOneGone ? 'gone' : 'fine' };
  if (ailing.length > 0) {
    const isDisabled = ailing.some(({ status }) => status !== 'ACTIVE');
    logger.error({ event: isDisabled ? 'endpoint.disabled' : 'endpoint.failing', connectionId });
  }
  if (isDryRun) return { kind: 'to-heal' };
  if (ailing.length > 0) {
    if (healingsToday(connection, now) >= HEALINGS_A_DAY) return report('given-up', connection, logger);
    await store.connections.noteRedeliveryDue(connectionId);
    // One that fails, but is active yet, has its failures forgotten by that.
    const enabled: WebhookEndpointChange = { status: 'ACTIVE', eventTypes: [...EVENT_TYPES] };
    for (const { id } of ailing) await opentrain.updateWebhookEndpoint(id, enabled, signal);
    // Only now: an attempt that healed nothing says nothing about the endpoint.
    await store.connections.countHealing(connectionId, now);
  }
  const requeued = await redeliverFailed(redeliveryDue ? ours : ailing, opentrain, signal);
  await store.connections.noteRedelivered(connectionId);
  logger.warn({ event: 'endpoint.healed', connectionId, count: requeued });
  return { kind: 'healed', requeued };
}

/** Whether it is in a rotation yet: one that has just come to its end has deleted the old endpoint itself. */
async function isStillKnown({ id, endpointId, rotation }: Connection, { connections }: HealParts['store']) {
  const now = await connections.get(id);
  return now.endpointId === endpointId && now.rotation?.newEndpointId === rotation?.newEndpointId;
}

function report<Kind extends 'gone' | 'elsewhere' | 'given-up'>(
  kind: Kind,
  { id: connectionId }: Connection,
  logger: Logger,
): { readonly kind: Kind } {
  logger.error({ event: `endpoint.${kind}`, connectionId });
  return { kind };
}
