import { ConnectorError } from '../errors.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import { createOpenTrainClient, type OpenTrainClient } from '../opentrain/client.ts';
import type { Install } from '../opentrain/relied-on.ts';
import type { Connection, FreshConnection } from '../store/connections.ts';
import type { ConnectionParts } from './connection-client.ts';
import {
  type Ailment,
  deleteEndpoints,
  ownEndpoints,
  registerEndpoint,
  type Standing,
  standingOf,
  type WorkingEndpoint,
} from './endpoints.ts';
import { ailmentsIn, mendKept, redeliverKept } from './kept-endpoints.ts';
import { missingScopes, type NeededScope } from './needed-scopes.ts';
import { rotationAsItStands } from './rotate-secret.ts';
import { writeSecrets } from './stored-secrets.ts';
import { mustBeUsable } from './usable-install.ts';
import { withdrawEndpoints } from './withdraw-endpoints.ts';

/** The token is another customer's than the connection's. */
export class OtherOrganizationError extends ConnectorError {
  override readonly name = 'OtherOrganizationError';
}

/** Somebody else connected the same connection at the same time, so that nobody can tell whose endpoint it has now. */
export class ChangedMeanwhileError extends ConnectorError {
  override readonly name = 'ChangedMeanwhileError';
}

export interface ConnectRequest {
  readonly connectionId: ConnectionId;
  /** `ot_ptk_…`, as the customer copied it from the consent screen. */
  readonly token: string;
  /** This deployment's URL for the connection: `…/webhooks/opentrain/<connectionId>`. */
  readonly webhookUrl: string;
  readonly workspaceId: WorkspaceId;
  /** Whether the token may be of another organisation than the connection's so far. @default false */
  readonly replaceCustomer?: boolean;
}

export type ConnectParts = ConnectionParts;

export interface Connected {
  readonly install: Install;
  readonly endpointId: string;
  /** The connection's own endpoint was there already, with its secret, and goes on; else it was registered anew. */
  readonly kept: boolean;
  /** What was wrong with it, and is not any more. */
  readonly mended: readonly Ailment[];
  /** So many deliveries that OpenTrain had given up are sent again within five minutes; null when nothing called for it. */
  readonly requeued: number | null;
  /** What the install does not let the connector do. Without `install.piiConsent`, Work Emails are missing, too. */
  readonly missingScopes: readonly NeededScope[];
}

/**
 * Makes a customer's install a connection: checks the token, stores it, registers the webhook endpoint for every event and
 * stores its secret, which OpenTrain tells only once.
 *
 * What OpenTrain has failed to deliver through an endpoint that had to be mended is asked for, after it was mended; whoever is
 * interrupted between the two leaves a note, and the next run or reconciliation asks.
 *
 * Once more is no harm, after success as after a crash at any point: an endpoint whose secret is there is kept (enabled again, and
 * pointed here if it was registered for another URL of ours), one whose secret is lost is replaced, and there is exactly one
 * afterwards, with one secret; in the midst of a rotation, both go on. An endpoint elsewhere that was never the connection's is
 * somebody else's.
 *
 * @throws {OpenTrainError} when OpenTrain refuses the token or the endpoint
 * @throws {InstallNotActiveError} when the install is not ACTIVE
 * @throws {ScopeMissingError} when it does not let anybody register webhook endpoints
 * @throws {InstallTakenError} when it is another connection's
 * @throws {OtherOrganizationError} when the connection is another customer's, unless `replaceCustomer`
 * @throws {EndpointLeftBehindError} when neither the secret could be stored nor its endpoint deleted again
 * @throws {ChangedMeanwhileError} when two runs for the same connection met
 */
export async function connect(request: ConnectRequest, parts: ConnectParts): Promise<Connected> {
  const { connectionId, token, webhookUrl } = request;
  const { parameters, names, connections, opentrain, clock } = parts;
  const client = createOpenTrainClient({ ...opentrain, token: async () => token });
  const install = await client.getCurrentInstall();
  await mustBeUsable(install, connectionId, connections);
  const known = await connections.get(connectionId);
  if (isOfAnother(known, install)) await leaveFormerCustomer(known, request, parts);
  const sameInstall = known.installId === install.id ? known : undefined;
  const standing = await standingOf(sameInstall, { connectionId, webhookUrl }, client, parts);
  await deleteStrays(standing, request, client);

  await parameters.put(names.token(connectionId), token);
  // Before there is an ACTIVE endpoint: its first delivery may come at once, and must not meet the earlier, disconnected
  // install.
  const now = clock.now();
  const isReconnect = known.installId !== undefined && sameInstall === undefined && !isOfAnother(known, install);
  const fresh: FreshConnection = {
    ...freshConnection(request, install),
    ...(isReconnect && { reconnectedAt: now }),
    ...endpointFields(standing, sameInstall, webhookUrl, now),
  };
  await connections.connect(fresh, clock.now());
  const kept = standing.current ?? standing.next;
  const { endpoint } = kept ?? (await register(request, client, parts));
  if (kept !== undefined) await mendKept(standing, request, client, parts);
  const requeued = fresh.redeliveryDue === true ? await redeliverKept(standing, request, client, parts) : null;
  await deleteOthers(endpoint.id, request, client, parts);
  return {
    install,
    endpointId: endpoint.id,
    kept: kept !== undefined,
    mended: ailmentsIn(standing, webhookUrl),
    requeued,
    missingScopes: missingScopes(install.scopes),
  };
}

/** Where OpenTrain does not tell the organisation, there is nothing to compare. */
function isOfAnother({ organizationId }: Connection, install: Install): boolean {
  return organizationId !== undefined && install.organizationId !== null && organizationId !== install.organizationId;
}

/** While their token is still there: afterwards nobody could delete their endpoint. */
async function leaveFormerCustomer(
  known: Connection,
  { connectionId, token, webhookUrl, replaceCustomer = false }: ConnectRequest,
  { parameters, names, opentrain }: ConnectParts,
): Promise<void> {
  if (!replaceCustomer) {
    throw new OtherOrganizationError(
      `This token is of another organisation than the connection ${connectionId} has been of so far. ` +
        'Connect another customer under an id of their own; only if this one is to take over, say that it replaces the customer.',
    );
  }
  const former = await parameters.get(names.token(connectionId));
  if (former === undefined || former === token) return;
  await withdrawEndpoints(webhookUrl, known, createOpenTrainClient({ ...opentrain, token: async () => former }));
}

/**
 * Those that point elsewhere and whose secret is lost: first, because only their noted id tells whose they are, which the next
 * step forgets. What they delivered could not be verified, so no event falls between two endpoints by that.
 */
async function deleteStrays(
  { orphans }: Standing,
  { webhookUrl }: ConnectRequest,
  client: OpenTrainClient,
): Promise<void> {
  await deleteEndpoints(
    orphans.filter(({ url }) => url !== webhookUrl),
    client,
  );
}

function freshConnection({ connectionId, workspaceId }: ConnectRequest, install: Install): FreshConnection {
  const { id: installId, scopes, piiConsent, organizationId, partnerApp } = install;
  return {
    id: connectionId,
    installId,
    workspaceId,
    scopes,
    piiConsent: piiConsent ?? false,
    ...(organizationId !== null && { organizationId }),
    ...(partnerApp !== null && { partnerSlug: partnerApp.slug }),
  };
}

/** A rotation goes on while both of its endpoints work; if only the new one does, that is the endpoint. */
function endpointFields(
  { current, next }: Pick<Standing, 'current' | 'next'>,
  known: Connection | undefined,
  webhookUrl: string,
  now: number,
): Partial<FreshConnection> {
  const first = current ?? next;
  if (first === undefined) return {};
  const redeliveryDue = known?.redeliveryDue === true || ailmentsIn({ current, next }, webhookUrl).length > 0;
  const fields = {
    endpointId: first.endpoint.id,
    secretId: first.secret.id,
    ...(redeliveryDue && { redeliveryDue }),
  };
  if (current === undefined || next === undefined || known?.rotation === undefined) return fields;
  return { ...fields, rotation: rotationAsItStands(known.rotation, next, webhookUrl, now) };
}

function register(
  { connectionId, webhookUrl }: ConnectRequest,
  client: OpenTrainClient,
  parts: ConnectParts,
): Promise<WorkingEndpoint> {
  const { connections, clock } = parts;
  return registerEndpoint(webhookUrl, client, {
    async keep({ endpoint, secret }) {
      // The table first: then whatever secret is stored can be told to be this endpoint's, or not.
      await connections.noteEndpoint(connectionId, { endpointId: endpoint.id, secretId: secret.id }, clock.now());
      await writeSecrets(connectionId, [secret], parts);
    },
    forget: () => connections.forgetEndpoint(connectionId, clock.now()),
  });
}

/** Last, so that no event falls between two endpoints: nobody hears of what happens while there is none. */
async function deleteOthers(
  ours: string,
  { connectionId, webhookUrl }: ConnectRequest,
  client: OpenTrainClient,
  { connections }: ConnectParts,
): Promise<void> {
  const all = await client.listWebhookEndpoints();
  const connection = await connections.get(connectionId);
  const { endpointId, rotation } = connection;
  const own = ownEndpoints(all, webhookUrl, connection);
  if (endpointId !== ours || !own.some(({ id, url }) => id === ours && url === webhookUrl)) {
    throw new ChangedMeanwhileError(
      `Another run connected ${connectionId} at the same time. Run the same once more, alone: that puts it in order.`,
    );
  }
  const known = [ours, rotation?.newEndpointId];
  await deleteEndpoints(
    own.filter(({ id }) => !known.includes(id)),
    client,
  );
}
