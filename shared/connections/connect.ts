import type { ParameterStore } from '../aws/parameter-store.ts';
import type { Clock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import { createOpenTrainClient, type OpenTrainClientOptions } from '../opentrain/client.ts';
import type { Install } from '../opentrain/relied-on.ts';
import type { Connections } from '../store/connections.ts';
import type { CredentialNames } from './credential-names.ts';

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

/**
 * Makes a customer's install a connection: checks the token, stores it, registers the webhook endpoint for every event and
 * stores its secret, which OpenTrain tells only once.
 *
 * @throws {OpenTrainError} when OpenTrain refuses the token or the endpoint
 * @throws {InstallNotActiveError} when the install is not ACTIVE
 * @throws {EndpointLeftBehindError} when neither the secret could be stored nor its endpoint deleted again
 */
export async function connect(
  { connectionId, token, webhookUrl, workspaceId }: ConnectRequest,
  { parameters, names, connections, opentrain, clock }: ConnectParts,
): Promise<{ install: Install; endpointId: string }> {
  const client = createOpenTrainClient({ ...opentrain, token: async () => token });
  const install = await client.getCurrentInstall();
  if (install.status !== 'ACTIVE') {
    throw new InstallNotActiveError(
      `Expected an ACTIVE install behind this token, found ${install.status}. The customer reconnects and gives the new token.`,
    );
  }
  await parameters.put(names.token(connectionId), token);
  const { id: installId, scopes, piiConsent } = install;
  const connection = { id: connectionId, installId, workspaceId, scopes, piiConsent: piiConsent ?? false };
  // Before there is an endpoint: its first delivery may come at once, and must not meet the earlier, disconnected install.
  await connections.connect(connection, clock.now());
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
          'Delete it at OpenTrain, or its deliveries are refused until OpenTrain disables it; then connect again.',
        { cause: new AggregateError([error, cause]) },
      );
    });
    throw error;
  }
  await connections.connect({ ...connection, endpointId: webhookEndpoint.id }, clock.now());
  return { install, endpointId: webhookEndpoint.id };
}
