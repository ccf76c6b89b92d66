import pMap from 'p-map';
import { type Place, seatOf } from '../access/access.ts';
import type { ConnectionId, MemberId, ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import type { Store } from '../store/store.ts';
import { NeedsPersonError, WorkspaceRejectedError, WorkspaceUnsupportedError } from '../workspace/errors.ts';
import { withoutOverlaps } from './claims.ts';
import type { CurrentContract, FoundContracts } from './current-contracts.ts';
import { type ProjectClaims, type ProjectWork, readProject, type WantedClaim } from './read-project.ts';
import type { Tally } from './tally.ts';
import { addWork, type DayWork } from './totals.ts';
import type { UsageWindow } from './usage-window.ts';

export interface ReadWorkParts {
  readonly store: Pick<Store, 'seats'>;
  readonly placeOf: (workspace: WorkspaceId) => Promise<Place>;
  readonly logger: Logger;
}

/** Projects read at once: a workspace is not bothered by many reads, and one slow project leaves lanes to others. */
const READERS = 3;

/** What was read, put together by contract. */
export interface Work {
  /** @returns undefined when one of the contract's projects could not be read: a part would replace the whole */
  daysOf(contract: CurrentContract): ReadonlyMap<string, DayWork> | undefined;
  /**
   * Work outside every contract's time.
   *
   * @param isWhole - whether the run has all contracts of the connection: then whoever has none of them and worked is
   * somebody whose contracts are over, or who works for another connection
   */
  unattributedSeconds(isWhole: boolean): Promise<number>;
}

/**
 * Reads every project that the contracts are in. What fails is noted in the tally, and leaves out the contracts that need it.
 */
export async function readWork(
  { contracts, over }: FoundContracts,
  { connectionId, since, until }: UsageWindow & { readonly connectionId: ConnectionId },
  tally: Tally,
  parts: ReadWorkParts,
  signal: AbortSignal,
): Promise<Work> {
  const projects = new Map<string, ProjectClaims & { readonly claims: WantedClaim[] }>();
  const keyOf = (place: { workspaceId: WorkspaceId; projectId: ProjectId }) =>
    JSON.stringify([place.workspaceId, place.projectId]);
  const sinceOf = new Map(contracts.map((contract) => [contract.contractId, contract.since]));
  for (const claim of withoutOverlaps([...contracts.flatMap(({ claims }) => claims), ...over])) {
    const { contractId, workspaceId, projectId } = claim;
    const from = sinceOf.get(contractId);
    // A contract that is over only keeps what is its own.
    if (from === undefined) continue;
    const project = projects.get(keyOf(claim)) ?? { workspaceId, projectId, claims: [] };
    projects.set(keyOf(claim), project);
    project.claims.push({ ...claim, since: from });
  }

  const read = new Map<string, ProjectWork>();
  const failing = new Set<WorkspaceId>();
  await pMap(
    projects,
    async ([key, project]) => {
      const { workspaceId, projectId } = project;
      if (failing.has(workspaceId) || signal.aborted) return;
      try {
        const place = await parts.placeOf(workspaceId);
        const memberIds = async (trainers: readonly TrainerId[]) => {
          const seats = await parts.store.seats.getAll(trainers.map((trainer) => seatOf(place, projectId, trainer)));
          return new Map(
            seats.flatMap(({ memberId, trainerId }): [MemberId, TrainerId][] =>
              memberId === undefined ? [] : [[memberId, trainerId]],
            ),
          );
        };
        const readParts = { workspace: place.workspace, memberIds };
        read.set(key, await readProject(project, { since, now: until }, readParts, signal));
      } catch (error) {
        if (isOfThisProject(error)) {
          parts.logger.error({ event: 'usage.project-unreadable', connectionId, projectId, workspaceId, error });
          return;
        }
        // The next project of that workspace would only wait as long.
        failing.add(workspaceId);
        tally.fail(error, signal, { projectId });
      }
    },
    { concurrency: READERS },
  );

  const own = [...read.values()].flatMap(({ unattributed }) => [...unattributed.values()]);
  const ownUnattributedSeconds = Math.round(own.reduce((sum, seconds) => sum + seconds, 0));
  return {
    daysOf({ contractId, claims }) {
      const days = new Map<string, DayWork>();
      for (const key of new Set(claims.map(keyOf))) {
        const project = read.get(key);
        // Another contract has all of the time that it claims: see `withoutOverlaps`.
        if (project === undefined && projects.has(key)) return undefined;
        for (const [workDate, work] of project?.days.get(contractId) ?? []) {
          days.set(workDate, addWork(days.get(workDate), work));
        }
      }
      return days;
    },
    async unattributedSeconds(isWhole) {
      let sum = ownUnattributedSeconds;
      if (!isWhole) return sum;
      for (const [key, { strangers }] of read) {
        const project = projects.get(key);
        if (project === undefined || strangers.size === 0) continue;
        const place = await parts.placeOf(project.workspaceId);
        const refs = [...strangers.keys()].map((trainer) => seatOf(place, project.projectId, trainer));
        // Whoever has no seat was never let in by us; whoever has an open grant works for another connection.
        const over = (await parts.store.seats.getAll(refs)).filter(({ openGrants }) => openGrants.size === 0);
        sum += Math.round(over.reduce((seconds, { trainerId }) => seconds + (strangers.get(trainerId) ?? 0), 0));
      }
      return sum;
    },
  };
}

/** A project that is not there, or whose totals make no sense, is no reason to try again before the next run. */
function isOfThisProject(error: unknown): boolean {
  return (
    error instanceof WorkspaceRejectedError ||
    error instanceof WorkspaceUnsupportedError ||
    error instanceof NeedsPersonError
  );
}
