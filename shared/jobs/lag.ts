import type { Connection } from '../store/connections.ts';

/**
 * For how long a connection has been behind: since a schedule's last run that did all that there was to do, or since it was
 * connected, if that is later.
 *
 * @param completeAt - when that run was, milliseconds since the epoch; undefined where there was none
 * @returns seconds; undefined where nothing is behind, since a disconnected connection is left as it is, or nothing is known
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
