import { ConnectorError } from '../errors.ts';
import type { ConnectionId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import type { WebhookEndpoint } from '../opentrain/relied-on.ts';
import { type WebhookSecret, webhookSecret } from '../opentrain/signature.ts';
import type { Connection } from '../store/connections.ts';
import type { ConnectionParts } from './connection-client.ts';
import { EVENT_TYPES } from './event-types.ts';
import { readSecrets } from './stored-secrets.ts';

/** Which connection, and where OpenTrain delivers to it. */
export interface Address {
  readonly connectionId: ConnectionId;
  /** This deployment's URL for the connection: `…/webhooks/opentrain/<connectionId>`. */
  readonly webhookUrl: string;
}

/** An endpoint was registered whose secret is lost, and it could not be taken back. */
export class EndpointLeftBehindError extends ConnectorError {
  override readonly name = 'EndpointLeftBehindError';
}

/** An endpoint that OpenTrain has, that the table names, and whose secret is stored: all three, or it counts for nothing. */
export interface WorkingEndpoint {
  readonly endpoint: WebhookEndpoint;
  readonly secret: WebhookSecret;
}

/** How a connection's endpoints stand. */
export interface Standing {
  readonly current: WorkingEndpoint | undefined;
  /** During a rotation: the one that takes the current one's place. */
  readonly next: WorkingEndpoint | undefined;
  /** Those of ours that are neither: left over from a run that was interrupted, or made by hand. */
  readonly orphans: readonly WebhookEndpoint[];
  /** Newest first, those of no endpoint included. */
  readonly storedSecrets: readonly WebhookSecret[];
}

/** @param connection - undefined when what is known is of another install */
export async function standingOf(
  connection: Connection | undefined,
  { connectionId, webhookUrl }: Address,
  client: OpenTrainClient,
  parts: Pick<ConnectionParts, 'parameters' | 'names'>,
): Promise<Standing> {
  const ours = ownEndpoints(await client.listWebhookEndpoints(), webhookUrl, connection);
  const storedSecrets = await readSecrets(connectionId, parts);
  const working = (endpointId: string | undefined, secretId: string | undefined): WorkingEndpoint | undefined => {
    const endpoint = ours.find(({ id }) => id === endpointId);
    const secret = storedSecrets.find(({ id }) => id === secretId);
    return endpoint && secret && { endpoint, secret };
  };
  const current = working(connection?.endpointId, connection?.secretId);
  const next = working(connection?.rotation?.newEndpointId, connection?.rotation?.newSecretId);
  const known = [current?.endpoint, next?.endpoint];
  return { current, next, orphans: ours.filter((endpoint) => !known.includes(endpoint)), storedSecrets };
}

/** As the table notes them. */
type NotedEndpoints = Pick<Connection, 'endpointId' | 'rotation'>;

/**
 * The endpoints of an install that are the connection's: those at our URL, and those that it was noted to have, wherever they
 * point by now. A deployment that moves to a domain of its own leaves none behind like this.
 *
 * @param all - of the install
 * @param noted - undefined when what is known is of another install
 */
export function ownEndpoints(
  all: readonly WebhookEndpoint[],
  webhookUrl: string,
  noted: NotedEndpoints | undefined,
): WebhookEndpoint[] {
  const known = [noted?.endpointId, noted?.rotation?.newEndpointId];
  return all.filter(({ id, url }) => url === webhookUrl || known.includes(id));
}

export async function deleteEndpoints(endpoints: readonly WebhookEndpoint[], client: OpenTrainClient): Promise<void> {
  for (const { id } of endpoints) await unlessGone(client.deleteWebhookEndpoint(id));
}

/** Whether it hears of everything: not when OpenTrain has disabled it, or when it lacks events. */
export function isSound({ status, eventTypes }: WebhookEndpoint): boolean {
  return status === 'ACTIVE' && EVENT_TYPES.every((type) => eventTypes.includes(type));
}

/** Whether we hear of everything through it: not either when it points elsewhere. */
export function isSoundAt(webhookUrl: string, endpoint: WebhookEndpoint): boolean {
  return endpoint.url === webhookUrl && isSound(endpoint);
}

/** What is wrong with an endpoint of ours: see `mendEndpoint`. */
export type Ailment = 'disabled' | 'lacks_events' | 'points_elsewhere' | 'failing';

export function ailmentsOf(webhookUrl: string, endpoint: WebhookEndpoint): Ailment[] {
  const { status, eventTypes, url, consecutiveFailures } = endpoint;
  return [
    ...(status === 'ACTIVE' ? [] : (['disabled'] as const)),
    ...(EVENT_TYPES.every((type) => eventTypes.includes(type)) ? [] : (['lacks_events'] as const)),
    ...(url === webhookUrl ? [] : (['points_elsewhere'] as const)),
    ...(consecutiveFailures === 0 ? [] : (['failing'] as const)),
  ];
}

/**
 * Points an endpoint here, enables it, subscribes it to every event and has its failures forgotten, unless nothing is wrong
 * with it. Its secret stays, and so does what is pending.
 */
export async function mendEndpoint(
  endpoint: WebhookEndpoint,
  webhookUrl: string,
  client: OpenTrainClient,
): Promise<void> {
  if (ailmentsOf(webhookUrl, endpoint).length === 0) return;
  await client.updateWebhookEndpoint(endpoint.id, {
    status: 'ACTIVE',
    eventTypes: [...EVENT_TYPES],
    ...(endpoint.url !== webhookUrl && { url: webhookUrl }),
  });
}

/**
 * Has OpenTrain send again what it has given up. It attempts that only while the endpoint is ACTIVE: mend it first.
 *
 * @returns how many deliveries
 */
export async function redeliverFailed(
  endpoints: readonly WebhookEndpoint[],
  client: OpenTrainClient,
  signal?: AbortSignal,
): Promise<number> {
  let requeued = 0;
  for (const { id } of endpoints) requeued += await client.redeliverWebhookEndpoint(id, {}, signal);
  return requeued;
}

/** How to remember a new endpoint with its secret, and how to forget it if that fails half-way. */
export interface Keeping {
  keep(endpoint: WorkingEndpoint): Promise<void>;
  forget(): Promise<void>;
}

/**
 * Registers an endpoint for every event. If its secret cannot be kept, it is deleted again, and nothing is half done.
 *
 * @throws {EndpointLeftBehindError} when it could not be deleted either
 */
export async function registerEndpoint(
  url: string,
  client: OpenTrainClient,
  { keep, forget }: Keeping,
): Promise<WorkingEndpoint> {
  const registered = await client.createWebhookEndpoint({ url, eventTypes: [...EVENT_TYPES] });
  const working = { endpoint: registered.webhookEndpoint, secret: webhookSecret(registered.secret) };
  try {
    await keep(working);
    return working;
  } catch (error) {
    // A secret that is lost cannot be asked for again, so its endpoint would only ever be refused.
    await client.deleteWebhookEndpoint(working.endpoint.id).catch((cause) => {
      throw new EndpointLeftBehindError(
        `The webhook secret could not be stored, nor could the endpoint ${working.endpoint.id} be deleted again. ` +
          'Run the same once more: that deletes it, and registers a new one.',
        { cause: new AggregateError([error, cause]) },
      );
    });
    // Where that fails, too, no harm is done: what is remembered of an endpoint that is gone counts for nothing.
    await forget().catch(() => {});
    throw error;
  }
}
