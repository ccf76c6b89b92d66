import type { ProjectId, WorkspaceId } from '../ids.ts';
import type { BudgetNotice } from '../workspace/port.ts';
import type { Key, Table } from './table.ts';

/** One project of one workspace. Several customers may have it in common. */
export interface WorkspaceProject {
  readonly workspaceId: WorkspaceId;
  readonly projectId: ProjectId;
}

/** What a project's people are shown of its funds. */
export interface ShownNotice {
  /** Null once a notice was taken away. */
  readonly notice: BudgetNotice | null;
  /** Whether nobody has begun to change it since. */
  readonly settled: boolean;
  /** Of whoever has begun last. */
  readonly revision: number;
}

export interface Notices {
  /** @returns undefined when nothing was ever shown in the project */
  get(project: WorkspaceProject): Promise<ShownNotice | undefined>;
  /** Announces a change, before it is decided what to show. @returns its number, for `settle` */
  begin(project: WorkspaceProject, now: number): Promise<number>;
  /** Notes what is shown now. @returns false when somebody else has begun meanwhile, and nothing was noted */
  settle(project: WorkspaceProject, revision: number, notice: BudgetNotice | null, now: number): Promise<boolean>;
}

/** The key of an item that belongs to a project. */
export const workspaceProjectKey = ({ workspaceId, projectId }: WorkspaceProject, sk: string): Key => ({
  pk: `WS#${workspaceId}#${projectId}`,
  sk,
});

export function createNotices(table: Table): Notices {
  const key = (project: WorkspaceProject) => workspaceProjectKey(project, 'NOTICE');
  return {
    async get(project) {
      const item = await table.get(key(project));
      if (item === undefined) return undefined;
      const { notice = null, revision, settledRevision } = item;
      return { notice, settled: settledRevision === revision, revision };
    },
    async begin(project, now) {
      const { item } = await table.change(key(project), { set: { updatedAt: now }, add: { revision: 1 } });
      return item?.revision;
    },
    async settle(project, revision, notice, now) {
      const { kind } = await table.change(key(project), {
        set: { notice: notice && { ...notice }, settledRevision: revision, shownAt: now },
        onlyIf: '#revision = :revision',
        values: { revision },
      });
      return kind === 'changed';
    },
  };
}
