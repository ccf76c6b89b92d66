import pMap from 'p-map';
import { convergeNotice, type NoticeParts } from '../budget/converge-notice.ts';
import type { WorkspaceId } from '../ids.ts';
import type { CurrentContract } from './current-contracts.ts';
import type { Tally } from './tally.ts';

/** Projects looked after at once. */
const LANES = 3;

/**
 * Sees to the notice of every project that the contracts are in, once a run and not once a contract: in a project of many
 * that would take the square of their number, and they would get in each other's way. Also where nothing is new, so that
 * what a crash left undone is made good by the next run.
 */
export async function showNotices(
  contracts: readonly CurrentContract[],
  tally: Pick<Tally, 'fail'>,
  parts: NoticeParts,
  signal: AbortSignal,
): Promise<void> {
  const projects = new Map(
    contracts.flatMap(({ claims }) =>
      claims.map(
        ({ workspaceId, projectId }) => [JSON.stringify([workspaceId, projectId]), { workspaceId, projectId }] as const,
      ),
    ),
  );
  const failing = new Set<WorkspaceId>();
  await pMap(
    projects.values(),
    async (project) => {
      const { workspaceId, projectId } = project;
      // The next project of that workspace would only wait as long.
      if (failing.has(workspaceId)) return;
      try {
        await convergeNotice(project, parts, signal, { anew: false });
      } catch (error) {
        failing.add(workspaceId);
        tally.fail(error, signal, { projectId });
      }
    },
    { concurrency: LANES },
  );
}
