import type { ConnectionId } from '../ids.ts';
import { lagOf } from '../jobs/lag.ts';
import type { Store } from '../store/store.ts';

/** How old the last complete reconciliation of a connection is, seconds, as the table has it: for a run that came to nothing. */
export async function readLag(
  id: ConnectionId,
  { connections, reconciliations }: Pick<Store, 'connections' | 'reconciliations'>,
  now: number,
): Promise<number | undefined> {
  const last = await reconciliations.get(id);
  return lagOf(await connections.get(id), last?.completeAt, now);
}
