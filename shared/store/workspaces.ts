import type { WorkspaceId } from '../ids.ts';
import type { Table } from './table.ts';

/** How to reach a workspace; its token is in SSM. */
export interface WorkspaceSettings {
  /** Which adapter speaks to it: `http`. */
  readonly adapter: string;
  readonly url: string;
}

export interface Workspaces {
  get(workspace: WorkspaceId): Promise<WorkspaceSettings | undefined>;
  put(workspace: WorkspaceId, settings: WorkspaceSettings, now: number): Promise<void>;
}

export function createWorkspaces(table: Table): Workspaces {
  const key = (workspace: WorkspaceId) => ({ pk: `WS#${workspace}`, sk: 'META' });
  return {
    async get(workspace) {
      return (await table.get(key(workspace))) as WorkspaceSettings | undefined;
    },
    async put(workspace, { adapter, url }, now) {
      await table.change(key(workspace), { set: { adapter, url, updatedAt: now } });
    },
  };
}
