import { TokenUnreadableError } from '../bearer-fetch.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import { deleteEndpoints, endpointsAt } from './endpoints.ts';

export type Withdrawal =
  | { readonly kind: 'deleted'; readonly count: number }
  /** The token is dead, so that nobody can delete them from here. */
  | { readonly kind: 'refused' };

/**
 * Deletes every endpoint of an install at our URL.
 *
 * @throws {OpenTrainError} when OpenTrain is away: the same may work later
 */
export async function withdrawEndpoints(url: string, client: OpenTrainClient): Promise<Withdrawal> {
  try {
    const endpoints = await endpointsAt(url, client);
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
