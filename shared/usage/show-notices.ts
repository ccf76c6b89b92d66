import { convergeNotice, NoticeContendedError, type NoticeParts } from '../budget/converge-notice.ts';
import type { WorkspaceId } from '../ids.ts';
import { createPatience } from '../patience.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import { projectKey } from './project-groups.ts';
import type { Tally } from './tally.ts';

/** Sees to the notices of these projects, but for those that it has seen to before. */
export type NoticeShower = (projects: Iterable<WorkspaceProject>) => Promise<void>;

/**
 * Sees to the notice of a project once a run and not once a contract: in a project of many that would take the square of
 * their number, and they would get in each other's way. Also where nothing is new, so that what a crash left undone is made
 * good by the next run.
 */
export function createNoticeShower(tally: Pick<Tally, 'fail'>, parts: NoticeParts, signal: AbortSignal): NoticeShower {
  const patience = createPatience<WorkspaceId>();
  const seen = new Set<string>();
  return async (projects) => {
    for (const { workspaceId, projectId } of projects) {
      const key = projectKey({ workspaceId, projectId });
      // The next project of a workspace that is away would only wait as long.
      if (seen.has(key) || patience.isOver(workspaceId) || signal.aborted) continue;
      seen.add(key);
      try {
        await convergeNotice({ workspaceId, projectId }, parts, signal, { anew: false });
        patience.succeeded(workspaceId);
      } catch (error) {
        if (!(error instanceof NoticeContendedError)) patience.failed(workspaceId);
        tally.fail(error, signal, { projectId });
      }
    }
  };
}
