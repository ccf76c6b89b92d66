import { ConnectorError } from '../errors.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import { scrub } from '../logging.ts';
import { DEFAULT_WORKSPACE } from '../store/connections.ts';
import type { Store } from '../store/store.ts';

/** A workspace was named that the table does not know. */
export class UnknownWorkspaceError extends ConnectorError {
  override readonly name = 'UnknownWorkspaceError';
}

/**
 * Which workspace a connection is to have.
 *
 * @param wanted - undefined for the one that it has, or else the deployment's
 * @throws {UnknownWorkspaceError} when there are no settings for it
 */
export async function chooseWorkspace(
  connection: ConnectionId,
  wanted: string | undefined,
  { connections, workspaces }: Pick<Store, 'connections' | 'workspaces'>,
): Promise<WorkspaceId> {
  const workspace = (wanted as WorkspaceId | undefined) ?? (await connections.get(connection)).workspaceId;
  if (workspace === DEFAULT_WORKSPACE || (await workspaces.get(workspace)) !== undefined) return workspace;
  throw new UnknownWorkspaceError(
    `There is no workspace "${scrub(workspace)}" in the table. Write it first, or name none for that of the deployment.`,
  );
}
