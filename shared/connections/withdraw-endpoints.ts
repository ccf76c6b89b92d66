import { TokenUnreadableError } from '../bearer-fetch.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import type { Connection } from '../store/connections.ts';
import { deleteEndpoints, ownEndpoints } from './endpoints.ts';

export type Withdrawal =
  | { readonly kind: 'deleted'; readonly count: number }
  /** The token is dead, so that nobody can delete them from here. */
  | { readonly kind: 'refused' };

/**
 * Deletes every endpoint of an install that is the connection's, wherever it points.
 *
 * @param known - undefined when the table knows nothing of the connection
 * @throws {OpenTrainError} when OpenTrain is away: the same may work later
 */
export async function withdrawEndpoints(
  webhookUrl: string,
  known: Connection | undefined,
  client: OpenTrainClient,
): Promise<Withdrawal> {
  try {
    const endpoints = ownEndpoints(await client.listWebhookEndpoints(), webhookUrl, known);
    await deleteEndpoints(endpoints, client);
    return { kind: 'deleted', count: endpoints.length };
  } catch (error) {
    if (error instanceof OpenTrainError && isOfTheToken(error)) return { kind: 'refused' };
    throw error;
  }
}

function isOfTheToken({ kind, cause }: OpenTrainError): boolean {
  return kind === 'forbidden' || cause instanceof TokenUnreadableError;
}
