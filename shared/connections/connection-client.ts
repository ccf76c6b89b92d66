import type { ParameterStore } from '../aws/parameter-store.ts';
import type { Clock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { ConnectionId } from '../ids.ts';
import { createOpenTrainClient, type OpenTrainClient, type OpenTrainClientOptions } from '../opentrain/client.ts';
import type { Connections } from '../store/connections.ts';
import type { CredentialNames } from './credential-names.ts';

/** What the operations on a connection work with. */
export interface ConnectionParts {
  readonly parameters: ParameterStore;
  readonly names: CredentialNames;
  readonly connections: Connections;
  readonly opentrain: Omit<OpenTrainClientOptions, 'token'>;
  readonly clock: Clock;
}

/** The connection was never made, was disconnected, or has lost what it works with. */
export class NotConnectedError extends ConnectorError {
  override readonly name = 'NotConnectedError';
}

/**
 * OpenTrain as the connection's own install sees it.
 *
 * @throws {NotConnectedError} when no token is stored for it
 */
export async function connectionClient(
  connection: ConnectionId,
  { parameters, names, opentrain }: Pick<ConnectionParts, 'parameters' | 'names' | 'opentrain'>,
): Promise<OpenTrainClient> {
  const token = (await parameters.get(names.token(connection)))?.trim();
  if (token) return createOpenTrainClient({ ...opentrain, token: async () => token });
  throw new NotConnectedError(
    `Expected a token of the connection ${connection} in the parameter store, found none. Connect it first.`,
  );
}
