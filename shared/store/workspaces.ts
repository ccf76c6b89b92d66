import type { WorkspaceId } from '../ids.ts';
import type { WorkspaceSettings } from '../workspace/workspace-settings.ts';
import type { Table } from './table.ts';

/** The workspaces that connections have of their own. */
export interface Workspaces {
  get(workspace: WorkspaceId): Promise<WorkspaceSettings | undefined>;
  put(workspace: WorkspaceId, settings: WorkspaceSettings, now: number): Promise<void>;
}

export function createWorkspaces(table: Table): Workspaces {
  const key = (workspace: WorkspaceId) => ({ pk: `WS#${workspace}`, sk: 'META' });
  return {
    async get(workspace) {
      const item = await table.get(key(workspace));
      if (item === undefined) return undefined;
      const { adapter, url, usage } = item as WorkspaceSettings;
      return { adapter, url, ...(usage && { usage }) };
    },
    async put(workspace, { adapter, url, usage }, now) {
      const set = { adapter, url, updatedAt: now };
      const change = usage === undefined ? { set, remove: ['usage'] } : { set: { ...set, usage: { ...usage } } };
      await table.change(key(workspace), change);
    },
  };
}
