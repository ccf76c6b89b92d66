import { ConnectorError } from '../errors.ts';
import type { ConnectionId } from '../ids.ts';
import { createOpenTrainClient } from '../opentrain/client.ts';
import type { Connection } from '../store/connections.ts';
import type { Grants } from '../store/grants.ts';
import type { ConnectionParts } from './connection-client.ts';
import type { Address } from './endpoints.ts';
import { withdrawEndpoints } from './withdraw-endpoints.ts';

/** There is no connection of that name, neither in the table nor among the secrets. */
export class UnknownConnectionError extends ConnectorError {
  override readonly name = 'UnknownConnectionError';

  constructor(connection: ConnectionId) {
    super(`There is no connection ${connection} in this deployment. Check the name and the stage.`);
  }
}

export interface DisconnectParts extends ConnectionParts {
  readonly grants: Pick<Grants, 'list'>;
}

export interface Disconnected {
  readonly endpoints: WithdrawnEndpoints;
  /** Those trainers who still have access, and those who wait for it. Disconnecting takes it from nobody. */
  readonly grants: { readonly open: number; readonly parked: number };
}

export type WithdrawnEndpoints =
  | { readonly kind: 'deleted'; readonly count: number }
  /** OpenTrain cannot be told. What it still delivers is refused, until it disables the endpoint by itself. */
  | {
      readonly kind: 'out_of_reach';
      readonly reason: 'no_token' | 'token_refused';
      /** To be deleted by hand, as far as it is known. */
      readonly endpointId: string | undefined;
    };

/**
 * Ends a connection from our side: deletes its webhook endpoints, marks it disconnected, removes secrets and token.
 *
 * A run that was interrupted is completed by the next: the token, which is what reaches OpenTrain, goes last.
 *
 * @throws {UnknownConnectionError} when there is none of that name
 * @throws {OpenTrainError} when OpenTrain is away; nothing is done then
 */
export async function disconnect({ connectionId, webhookUrl }: Address, parts: DisconnectParts): Promise<Disconnected> {
  const { parameters, names, connections, clock } = parts;
  const known = await connections.find(connectionId);
  const token = (await parameters.get(names.token(connectionId)))?.trim() || undefined;
  if (known === undefined && token === undefined) throw new UnknownConnectionError(connectionId);

  const endpoints = await withdraw(known, token, webhookUrl, parts);
  await connections.disconnectByOperator(connectionId, { gone: endpoints.kind === 'deleted' }, clock.now());
  await parameters.delete(names.webhookSecrets(connectionId));
  await parameters.delete(names.token(connectionId));
  return { endpoints, grants: await countGrants(connectionId, parts) };
}

async function withdraw(
  known: Connection | undefined,
  token: string | undefined,
  webhookUrl: string,
  { opentrain }: DisconnectParts,
): Promise<WithdrawnEndpoints> {
  const endpointId = known?.endpointId;
  if (token === undefined) {
    // An earlier run has deleted it, or there never was one.
    if (endpointId === undefined) return { kind: 'deleted', count: 0 };
    return { kind: 'out_of_reach', reason: 'no_token', endpointId };
  }
  const client = createOpenTrainClient({ ...opentrain, token: async () => token });
  const withdrawal = await withdrawEndpoints(webhookUrl, known, client);
  return withdrawal.kind === 'deleted' ? withdrawal : { kind: 'out_of_reach', reason: 'token_refused', endpointId };
}

async function countGrants(connection: ConnectionId, { grants }: DisconnectParts): Promise<Disconnected['grants']> {
  const counts = { open: 0, parked: 0 };
  for await (const { state } of grants.list(connection)) {
    if (state === 'open' || state === 'parked') counts[state] += 1;
  }
  return counts;
}
