import { type Place, seatOf } from '../access/access.ts';
import type { ConnectionId, MemberId, TrainerId, WorkspaceId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import { createPatience } from '../patience.ts';
import type { Store } from '../store/store.ts';
import { isLasting } from '../workspace/errors.ts';
import type { CurrentContract } from './current-contracts.ts';
import type { ProjectGroup } from './project-groups.ts';
import { type ProjectClaims, type ProjectWork, readProject } from './read-project.ts';
import type { Tally } from './tally.ts';
import { addWork, type DayWork } from './totals.ts';
import type { UsageWindow } from './usage-window.ts';

export interface ReadWorkParts {
  readonly store: Pick<Store, 'seats'>;
  readonly placeOf: (workspace: WorkspaceId) => Promise<Place>;
  readonly logger: Logger;
}

/** What was read of a group's projects, by `projectKey`; those that could not be read are missing. */
export type GroupWork = ReadonlyMap<string, ProjectWork>;

/** Reads one project. What fails is noted in the tally. @returns undefined for what could not be read */
export type ProjectReader = (project: ProjectClaims) => Promise<ProjectWork | undefined>;

export function createProjectReader(
  { connectionId, since, until }: UsageWindow & { readonly connectionId: ConnectionId },
  tally: Pick<Tally, 'fail'>,
  parts: ReadWorkParts,
  signal: AbortSignal,
): ProjectReader {
  const patience = createPatience<WorkspaceId>();
  return async (project) => {
    const { workspaceId, projectId } = project;
    // The next project of a workspace that is away would only wait as long.
    if (patience.isOver(workspaceId) || signal.aborted) return undefined;
    try {
      const place = await parts.placeOf(workspaceId);
      const memberIds = async (trainers: readonly TrainerId[]) => {
        const seats = await parts.store.seats.getAll(trainers.map((trainer) => seatOf(place, projectId, trainer)));
        // A rebuilt workspace may have given the id of somebody who has left to somebody who is in: theirs comes last and wins.
        return new Map(
          seats
            .toSorted((one, other) => Math.sign(one.openGrants.size) - Math.sign(other.openGrants.size))
            .flatMap(({ memberId, trainerId }): [MemberId, TrainerId][] =>
              memberId === undefined ? [] : [[memberId, trainerId]],
            ),
        );
      };
      const readParts = { workspace: place.workspace, memberIds };
      const work = await readProject(project, { since, now: until }, readParts, signal);
      patience.succeeded(workspaceId);
      return work;
    } catch (error) {
      // A project that is not there, or whose totals make no sense, is no reason to try again before the next run.
      if (isLasting(error)) {
        parts.logger.error({ event: 'usage.project-unreadable', connectionId, projectId, workspaceId, error });
        return undefined;
      }
      patience.failed(workspaceId);
      tally.fail(error, signal, { projectId });
      return undefined;
    }
  };
}

/** @returns undefined when one of the contract's projects could not be read: a part would replace the whole */
export function daysOf(
  { contractId }: CurrentContract,
  { projectsOf }: ProjectGroup,
  work: GroupWork,
): ReadonlyMap<string, DayWork> | undefined {
  const days = new Map<string, DayWork>();
  for (const key of projectsOf.get(contractId) ?? []) {
    const project = work.get(key);
    if (project === undefined) return undefined;
    for (const [workDate, one] of project.days.get(contractId) ?? []) {
      days.set(workDate, addWork(days.get(workDate), one));
    }
  }
  return days;
}

/**
 * Work outside every contract's time, in the projects that were read.
 *
 * @param isWhole - whether the run has all contracts of the connection: then whoever has none of them and worked is somebody
 * whose contracts are over, or who works for another connection
 */
export async function unattributedSeconds(
  { projects }: ProjectGroup,
  work: GroupWork,
  isWhole: boolean,
  { store, placeOf }: Pick<ReadWorkParts, 'store' | 'placeOf'>,
): Promise<number> {
  let sum = 0;
  for (const [key, { unattributed, strangers }] of work) {
    for (const seconds of unattributed.values()) sum += seconds;
    const project = projects.get(key);
    if (!isWhole || project === undefined || strangers.size === 0) continue;
    const place = await placeOf(project.workspaceId);
    const refs = [...strangers.keys()].map((trainer) => seatOf(place, project.projectId, trainer));
    // Whoever has no seat was never let in by us; whoever has an open grant works for another connection.
    const over = (await store.seats.getAll(refs)).filter(({ openGrants }) => openGrants.size === 0);
    for (const { trainerId } of over) sum += strangers.get(trainerId) ?? 0;
  }
  return sum;
}
