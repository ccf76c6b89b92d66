import type { WorkspaceId } from '../ids.ts';
import type { Table } from './table.ts';

/** How to reach a workspace; its tokens are in SSM. */
export interface WorkspaceSettings extends AdapterSettings {
  /** Where the totals and the notice are, if not in the same place as access. */
  readonly usage?: AdapterSettings | undefined;
}

export interface AdapterSettings {
  /** Which adapter speaks to it: one of `ADAPTER_NAMES` (shared/workspace/adapters.ts). */
  readonly adapter: string;
  readonly url: string;
}

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
