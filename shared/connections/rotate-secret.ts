import type { OpenTrainClient } from '../opentrain/client.ts';
import type { WebhookEndpoint } from '../opentrain/relied-on.ts';
import type { Connection, Rotation } from '../store/connections.ts';
import { type ConnectionParts, connectionClient, NotConnectedError } from './connection-client.ts';
import {
  type Address,
  ailmentsOf,
  deleteEndpoints,
  isSoundAt,
  mendEndpoint,
  redeliverFailed,
  registerEndpoint,
  standingOf,
  type WorkingEndpoint,
} from './endpoints.ts';
import { writeSecrets } from './stored-secrets.ts';

export interface RotateRequest extends Address {
  /**
   * Whether the old endpoint goes at once, with whatever OpenTrain is still trying to deliver through it: for a secret that
   * has leaked, or a customer of whom nothing is heard for weeks.
   *
   * @default false
   */
  readonly force?: boolean;
}

export type SecretRotation =
  /** The old secret is worth nothing any more, but for the five minutes that functions may remember it. */
  | { readonly kind: 'rotated'; readonly endpointId: string }
  /** Both secrets are live. The same once more, later, ends it. */
  | {
      readonly kind: 'waiting';
      readonly newEndpointId: string;
      readonly for: WaitingFor;
      /** Milliseconds since the epoch. */
      readonly since: number;
      /** Not to be ended before; milliseconds since the epoch. */
      readonly until: number;
    };

export type WaitingFor =
  /** OpenTrain has delivered nothing through the new endpoint yet. */
  | 'first_delivery'
  /** What OpenTrain began to deliver before there was the new endpoint may still be on its way through the old one. */
  | 'earlier_deliveries';

/**
 * OpenTrain tries a delivery five times, the last time 1 + 5 + 30 + 120 min after the first, and deleting its endpoint discards
 * it. So the old endpoint stays that long, and a little: then nothing is left that was told to it alone.
 */
const EARLIER_DELIVERIES_MILLISECONDS = 3 * 3600_000;

/**
 * Gives a connection a new webhook secret, without a gap. OpenTrain never changes the secret of an endpoint, so a second
 * endpoint takes the place of the first:
 *
 * ```
 *            register, note, store both secrets        delivered through the new one, and 3 h have passed
 *  one ───────────────────────────────────────▶ both ──────────────────────────────────────────────────▶ new ──▶ one
 *                                                 │  or forced                                   (old one deleted)
 *                                                 └── the new one's secret is lost: begun anew
 * ```
 *
 * What the old endpoint has failed to deliver by then is sent again before it goes: in the beginning, and whenever it is found
 * disabled or failing, from when on it has its three hours anew.
 *
 * Where a rotation stands is read from what there is (the endpoints at OpenTrain, what the table names, the stored secrets),
 * so a run that was interrupted anywhere is completed by the next. An event that both endpoints hear of comes twice, which
 * changes nothing (rule 2).
 *
 * @throws {NotConnectedError} when no endpoint of the connection works, or one points elsewhere: connecting mends that
 * @throws {OpenTrainError} when OpenTrain refuses the token, or is away
 * @throws {EndpointLeftBehindError} when neither the new secret could be stored nor its endpoint deleted again
 */
export async function rotateSecret(request: RotateRequest, parts: ConnectionParts): Promise<SecretRotation> {
  const { connectionId, force = false } = request;
  const connection = await parts.connections.get(connectionId);
  if (connection.status === 'disconnected') throw nothingToRotate(connection);
  const client = await connectionClient(connectionId, parts);
  const { current, next, orphans } = await standingOf(connection, request, client, parts);
  const first = current ?? next;
  // Before anything is deleted: as long as nobody connects, there is no other.
  if (first === undefined) throw nothingToRotate(connection);
  for (const { endpoint } of [first, next ?? first]) mustPointHere(endpoint, request);
  await deleteEndpoints(orphans, client);

  if (current === undefined) return end(undefined, first, request, client, parts);
  const both =
    next === undefined || connection.rotation === undefined
      ? await begin(current, request, client, parts)
      : await goOn({ current, next, rotation: connection.rotation }, connection, request, client, parts);
  const until = both.rotation.startedAt + EARLIER_DELIVERIES_MILLISECONDS;
  const waitingFor = reasonToWait(both.rotation, until, parts.clock.now());
  if (waitingFor === undefined || force) return end(current, both.next, request, client, parts);
  const { newEndpointId, startedAt: since } = both.rotation;
  return { kind: 'waiting', newEndpointId, for: waitingFor, since, until };
}

/** Both endpoints work. */
interface Both {
  readonly next: WorkingEndpoint;
  readonly rotation: Rotation;
}

/** What the old endpoint has failed to deliver is sent again first: deleting the endpoint would discard it. */
async function begin(
  current: WorkingEndpoint,
  { connectionId, webhookUrl, force = false }: RotateRequest,
  client: OpenTrainClient,
  { connections, clock, ...stores }: ConnectionParts,
): Promise<Both> {
  await mendEndpoint(current.endpoint, webhookUrl, client);
  if (!force) await redeliverFailed([current.endpoint], client);
  const startedAt = clock.now();
  const rotationTo = ({ endpoint, secret }: WorkingEndpoint): Rotation => ({
    newEndpointId: endpoint.id,
    newSecretId: secret.id,
    startedAt,
  });
  const next = await registerEndpoint(webhookUrl, client, {
    async keep(registered) {
      await connections.startRotation(connectionId, rotationTo(registered), clock.now());
      await writeSecrets(connectionId, [registered.secret, current.secret], stores);
    },
    forget: () => connections.dropRotation(connectionId, clock.now()),
  });
  return { next, rotation: rotationTo(next) };
}

async function goOn(
  { current, next, rotation: known }: Both & { readonly current: WorkingEndpoint },
  { redeliveryDue = false }: Connection,
  { connectionId, webhookUrl, force = false }: RotateRequest,
  client: OpenTrainClient,
  { connections, clock }: ConnectionParts,
): Promise<Both> {
  const now = clock.now();
  const owes = !force && (redeliveryDue || ailmentsOf(webhookUrl, current.endpoint).length > 0);
  const standing = rotationAsItStands(known, next, webhookUrl, now);
  const rotation = owes ? { ...standing, startedAt: now } : standing;
  if (rotation !== known) await connections.startRotation(connectionId, rotation, now);
  // Noted, so that a run that dies in between is not taken for one that has asked.
  if (owes) await connections.noteRedeliveryDue(connectionId);
  for (const { endpoint } of [current, next]) await mendEndpoint(endpoint, webhookUrl, client);
  if (owes) {
    await redeliverFailed([current.endpoint, next.endpoint], client);
    await connections.noteRedelivered(connectionId);
  }
  return { next, rotation };
}

/**
 * While the new endpoint was disabled, lacked events or pointed elsewhere, things happened that only the old one heard of: from
 * its mending on, the time begins anew.
 */
export function rotationAsItStands(
  rotation: Rotation,
  { endpoint }: WorkingEndpoint,
  webhookUrl: string,
  now: number,
): Rotation {
  if (isSoundAt(webhookUrl, endpoint)) return rotation;
  const { newEndpointId, newSecretId } = rotation;
  return { newEndpointId, newSecretId, startedAt: now };
}

function reasonToWait({ deliveredAt }: Rotation, until: number, now: number): WaitingFor | undefined {
  if (deliveredAt === undefined) return 'first_delivery';
  return now < until ? 'earlier_deliveries' : undefined;
}

/** The table last: until then, the next run sees that there is something to complete. */
async function end(
  old: WorkingEndpoint | undefined,
  next: WorkingEndpoint,
  { connectionId }: RotateRequest,
  client: OpenTrainClient,
  parts: ConnectionParts,
): Promise<SecretRotation> {
  const { connections, clock } = parts;
  if (old !== undefined) await deleteEndpoints([old.endpoint], client);
  await writeSecrets(connectionId, [next.secret], parts);
  const endpointId = next.endpoint.id;
  await connections.noteEndpoint(connectionId, { endpointId, secretId: next.secret.id }, clock.now());
  return { kind: 'rotated', endpointId };
}

/** Whether it is to point here is not for a new secret to say. */
function mustPointHere({ id, url }: WebhookEndpoint, { connectionId, webhookUrl }: RotateRequest): void {
  if (url === webhookUrl) return;
  throw new NotConnectedError(
    `The endpoint ${id} of ${connectionId} points to ${url}, not to ${webhookUrl}. Connect it with the stored token: that ` +
      'points it here. Then rotate its secret.',
  );
}

function nothingToRotate({ id, status }: Connection): NotConnectedError {
  return new NotConnectedError(
    `The connection ${id} ${status === 'disconnected' ? 'is disconnected' : 'has no endpoint that works'}, so it has no ` +
      'secret to rotate. Connect it: that registers an endpoint, with a new secret.',
  );
}
