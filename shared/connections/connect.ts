import type { ParameterStore } from '../aws/parameter-store.ts';
import type { Clock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import { createOpenTrainClient, type OpenTrainClient, type OpenTrainClientOptions } from '../opentrain/client.ts';
import type { Install, WebhookEndpoint } from '../opentrain/relied-on.ts';
import type { Connections } from '../store/connections.ts';
import type { CredentialNames } from './credential-names.ts';
import { missingScopes, type NeededScope } from './needed-scopes.ts';

/** Every type there is; each of them is handled. */
export const EVENT_TYPES = [
  'contract.started',
  'contract.ended',
  'project_link.created',
  'project_link.removed',
  'install.revoked',
  'milestone.funded',
  'milestone.budget_low',
  'milestone.budget_depleted',
] as const;

/** The install that a token belongs to is not one to work with. */
export class InstallNotActiveError extends ConnectorError {
  override readonly name = 'InstallNotActiveError';
}

/** An endpoint was registered whose secret is lost, and it could not be taken back. */
export class EndpointLeftBehindError extends ConnectorError {
  override readonly name = 'EndpointLeftBehindError';
}

export interface ConnectRequest {
  readonly connectionId: ConnectionId;
  /** `ot_ptk_…`, as the customer copied it from the consent screen. */
  readonly token: string;
  /** This deployment's URL for the connection: `…/webhooks/opentrain/<connectionId>`. */
  readonly webhookUrl: string;
  readonly workspaceId: WorkspaceId;
}

export interface ConnectParts {
  readonly parameters: ParameterStore;
  readonly names: CredentialNames;
  readonly connections: Connections;
  readonly opentrain: Omit<OpenTrainClientOptions, 'token'>;
  readonly clock: Clock;
}

export interface Connected {
  readonly install: Install;
  readonly endpointId: string;
  /** The connection's own endpoint was there already, with its secret, and goes on; else it was registered anew. */
  readonly kept: boolean;
  /** What the install does not let the connector do. Without `install.piiConsent`, Work Emails are missing, too. */
  readonly missingScopes: readonly NeededScope[];
}

/**
 * Makes a customer's install a connection: checks the token, stores it, registers the webhook endpoint for every event and
 * stores its secret, which OpenTrain tells only once.
 *
 * Once more is no harm: an endpoint that works is kept (and enabled again), one whose secret is lost is replaced, and
 * there is exactly one of this install at our URL afterwards; during a rotation of the secret by hand, still both.
 *
 * @throws {OpenTrainError} when OpenTrain refuses the token or the endpoint
 * @throws {InstallNotActiveError} when the install is not ACTIVE
 * @throws {EndpointLeftBehindError} when neither the secret could be stored nor its endpoint deleted again
 */
export async function connect(request: ConnectRequest, parts: ConnectParts): Promise<Connected> {
  const { connectionId, token, webhookUrl, workspaceId } = request;
  const { parameters, names, connections, opentrain, clock } = parts;
  const client = createOpenTrainClient({ ...opentrain, token: async () => token });
  const install = await client.getCurrentInstall();
  if (install.status !== 'ACTIVE') {
    throw new InstallNotActiveError(
      `Expected an ACTIVE install behind this token, found ${install.status}. The customer reconnects and gives the new token.`,
    );
  }
  const atOurUrl = (await client.listWebhookEndpoints()).filter(({ url }) => url === webhookUrl);
  const working = await findWorking(atOurUrl, install, request, parts);

  await parameters.put(names.token(connectionId), token);
  const { id: installId, scopes, piiConsent } = install;
  const connection = { id: connectionId, installId, workspaceId, scopes, piiConsent: piiConsent ?? false };
  // Before there is an ACTIVE endpoint: its first delivery may come at once, and must not meet the earlier, disconnected
  // install. Without an endpoint's id until its secret is stored: the id tells that the two belong together.
  await connections.connect({ ...connection, ...(working && { endpointId: working.endpoint.id }) }, clock.now());
  let endpointId: string;
  if (working === undefined) {
    endpointId = await register(client, request, parts);
    await connections.connect({ ...connection, endpointId }, clock.now());
  } else {
    endpointId = working.endpoint.id;
    await mend(client, working.endpoint);
  }
  // Last, so that no event falls between two endpoints: nobody hears of what happens while there is none.
  const superfluous = working?.rotating ? [] : atOurUrl.filter(({ id }) => id !== endpointId);
  for (const { id } of superfluous) await client.deleteWebhookEndpoint(id);
  return { install, endpointId, kept: working !== undefined, missingScopes: missingScopes(scopes) };
}

interface Working {
  readonly endpoint: WebhookEndpoint;
  /** Two secrets are stored: the second one's endpoint is as good. */
  readonly rotating: boolean;
}

/** @returns the endpoint that the stored secret is of; undefined when there is none */
async function findWorking(
  atOurUrl: readonly WebhookEndpoint[],
  install: Install,
  { connectionId }: ConnectRequest,
  { parameters, names, connections }: ConnectParts,
): Promise<Working | undefined> {
  const { installId, endpointId } = await connections.get(connectionId);
  const endpoint = installId === install.id ? atOurUrl.find(({ id }) => id === endpointId) : undefined;
  if (endpoint === undefined) return undefined;
  const secrets = (await parameters.get(names.webhookSecrets(connectionId)))?.match(/\bwhsec_/g) ?? [];
  return secrets.length === 0 ? undefined : { endpoint, rotating: secrets.length > 1 };
}

/** Enables an endpoint that OpenTrain has disabled, and subscribes it to the events that it lacks. */
async function mend(client: OpenTrainClient, { id, status, eventTypes }: WebhookEndpoint): Promise<void> {
  const lacksEvents = EVENT_TYPES.some((type) => !eventTypes.includes(type));
  if (status === 'ACTIVE' && !lacksEvents) return;
  await client.updateWebhookEndpoint(id, {
    ...(status === 'ACTIVE' ? {} : { status: 'ACTIVE' }),
    ...(lacksEvents ? { eventTypes: [...EVENT_TYPES] } : {}),
  });
}

/** @returns the new endpoint's id, once its secret is stored */
async function register(
  client: OpenTrainClient,
  { connectionId, webhookUrl }: ConnectRequest,
  { parameters, names }: ConnectParts,
): Promise<string> {
  const { webhookEndpoint, secret } = await client.createWebhookEndpoint({
    url: webhookUrl,
    eventTypes: [...EVENT_TYPES],
  });
  try {
    await parameters.put(names.webhookSecrets(connectionId), secret);
  } catch (error) {
    // A secret that is lost cannot be asked for again, so its endpoint would only ever be refused.
    await client.deleteWebhookEndpoint(webhookEndpoint.id).catch((cause) => {
      throw new EndpointLeftBehindError(
        `The webhook secret could not be stored, nor could the endpoint ${webhookEndpoint.id} be deleted again. ` +
          'Connect again: that deletes it, and registers a new one.',
        { cause: new AggregateError([error, cause]) },
      );
    });
    throw error;
  }
  return webhookEndpoint.id;
}
