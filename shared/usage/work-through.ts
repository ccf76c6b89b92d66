import pMap from 'p-map';
import type { JobResume } from '../jobs/connection-job.ts';
import type { ProjectGroup } from './project-groups.ts';
import type { ProjectClaims, ProjectWork } from './read-project.ts';
import { type ProjectReader, unattributedSeconds } from './read-work.ts';
import type { ConnectionUsage, UsageParts } from './report-connection.ts';
import { reportGroup, type UsageRun } from './report-group.ts';

/** Projects read at once: a workspace is not bothered by many reads, and one slow project leaves lanes to others. */
const READERS = 3;

/** How far a group has come. */
export interface GroupEnd {
  readonly group: ProjectGroup;
  /** Whether its projects were begun to be read, or its contracts to be reported. */
  step: 'waiting' | 'reading' | 'reporting' | 'done';
  /** Contracts that could not be reported now. */
  left: number;
  /** Contracts whose budget OpenTrain was asked for, and told. */
  askedFor: number;
  unattributedSeconds: number;
}

/** A group on its way, with what was read of it so far. */
interface GroupState extends GroupEnd {
  readonly work: Map<string, ProjectWork>;
  projectsToRead: number;
}

/**
 * Takes the groups of a run through it, in their order: a lane that has read the last project of a group reports it.
 *
 * @returns what came of each; those for which time was over are not done
 */
export async function workThrough(
  groups: readonly ProjectGroup[],
  read: ProjectReader,
  run: UsageRun,
  parts: UsageParts,
  signal: AbortSignal,
): Promise<readonly GroupEnd[]> {
  const states = groups.map(begin);
  await pMap(
    states.flatMap(stepsOf),
    async ({ state, key, project }) => {
      if (signal.aborted) return;
      if (project !== undefined) {
        state.step = 'reading';
        const work = await read(project);
        // Not for want of time: what is broken is left out, and the rest of the group goes on without.
        if (work === undefined && signal.aborted) return;
        if (work !== undefined) state.work.set(key, work);
        state.projectsToRead -= 1;
      }
      if (state.projectsToRead > 0) return;
      try {
        await report(state, run, parts, signal);
      } catch (error) {
        // The other lanes are not left running behind everybody's back.
        run.tally.fail(error, signal, {});
      }
    },
    { concurrency: READERS },
  );
  for (const { group, step } of states) {
    if (step === 'waiting' || step === 'reading') run.tally.leave(signal, group.contracts.length);
  }
  return states;
}

function begin(group: ProjectGroup): GroupState {
  return {
    group,
    step: 'waiting',
    left: group.contracts.length,
    askedFor: 0,
    unattributedSeconds: 0,
    work: new Map(),
    projectsToRead: group.projects.size,
  };
}

/** A project to read each; one without, where all the time of a group's contracts is another's. */
function stepsOf(state: GroupState): { state: GroupState; key: string; project?: ProjectClaims }[] {
  if (state.projectsToRead === 0) return [{ state, key: '' }];
  return [...state.group.projects].map(([key, project]) => ({ state, key, project }));
}

async function report(state: GroupState, run: UsageRun, parts: UsageParts, signal: AbortSignal): Promise<void> {
  const { group, work } = state;
  state.step = 'reporting';
  const { left, askedFor } = await reportGroup(group, work, run, parts, signal);
  Object.assign(state, { left, askedFor });
  if (signal.aborted) return;
  state.unattributedSeconds = await unattributedSeconds(group, work, run.isWhole, parts);
  state.work.clear();
  state.step = 'done';
}

/**
 * Where to go on when time is over: after the groups that are done, without a gap.
 *
 * The first group has had all of the function's time. If that was not enough for a single one of its contracts, it is left
 * to the next run, in which it stands elsewhere: it would keep all that come after it waiting for ever.
 *
 * @returns undefined where nothing is to be passed over
 */
export function resumeAfter(
  ends: readonly GroupEnd[],
  { until, resume }: Pick<ConnectionUsage, 'until' | 'resume'>,
): JobResume | undefined {
  const broken = ends.findIndex(({ step }) => step !== 'done');
  const first = ends[0];
  const isTooSlow = broken === 0 && first?.step !== 'waiting' && first?.left === first?.group.contracts.length;
  const passed = ends.slice(0, isTooSlow ? 1 : Math.max(0, broken));
  const last = passed.at(-1);
  if (last === undefined) return undefined;
  return {
    after: last.group.order,
    hasLeft: resume?.hasLeft === true || passed.some(({ left }) => left > 0),
    until: resume?.until ?? until,
  };
}
