import type { ConnectionId } from '../ids.ts';
import type { Connection } from '../store/connections.ts';
import type { Store } from '../store/store.ts';

/**
 * How old the last run is that compared everything of a connection and left nothing undone; until there is one, how long
 * ago it was connected.
 *
 * @param completeAt - when that run began, milliseconds since the epoch
 * @returns seconds; undefined where nothing is behind: a disconnected connection is not compared to the end
 */
export function lagOf(
  { status, connectedAt }: Pick<Connection, 'status' | 'connectedAt'>,
  completeAt: number | undefined,
  now: number,
): number | undefined {
  const times = [completeAt, connectedAt].filter((time) => time !== undefined);
  if (status === 'disconnected' || times.length === 0) return undefined;
  return Math.round((now - Math.max(...times)) / 1000);
}

/** The same, as the table has it: for a run that came to nothing. */
export async function readLag(
  id: ConnectionId,
  { connections, reconciliations }: Pick<Store, 'connections' | 'reconciliations'>,
  now: number,
): Promise<number | undefined> {
  const last = await reconciliations.get(id);
  return lagOf(await connections.get(id), last?.completeAt, now);
}
