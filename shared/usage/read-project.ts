import type { ContractId, MemberId, ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../ids.ts';
import type { Member, Workspace } from '../workspace/port.ts';
import { type Claim, claimedDays, type Span } from './claims.ts';
import { addWork, type DayWork, faultOfDate, isOfNoDay, workOf } from './totals.ts';
import { workDateOf } from './work-days.ts';

export interface WantedClaim extends Claim {
  /** A midnight, milliseconds since the epoch: what was done before it is not looked at. */
  readonly since: number;
}

/** What contracts claim of one project. */
export interface ProjectClaims {
  readonly workspaceId: WorkspaceId;
  readonly projectId: ProjectId;
  readonly claims: readonly WantedClaim[];
}

/** The days of each contract, by work date. */
export type ContractDays = ReadonlyMap<ContractId, ReadonlyMap<string, DayWork>>;

export interface ProjectWork {
  readonly days: ContractDays;
  /** Seconds that trainers worked outside every claim of theirs, by trainer: reported nowhere. */
  readonly unattributed: ReadonlyMap<TrainerId, number>;
  /** The same of people who have no claim here, as far as the platform knows their opentrainUserId. */
  readonly strangers: ReadonlyMap<TrainerId, number>;
}

export interface ReadProjectParts {
  readonly workspace: Pick<Workspace, 'dailyTotals'>;
  /** The workspace's own ids of these trainers, where it has told them: a removed member has no address any more. */
  readonly memberIds: (trainers: readonly TrainerId[]) => Promise<ReadonlyMap<MemberId, TrainerId>>;
}

/** Rows of one read, by trainer and work date. */
type Rows = Map<TrainerId, Map<string, DayWork>>;

/**
 * Reads what was done in one project, and gives each contract its share.
 *
 * All that contracts have as whole days is one read; those that reach back farther have one more. A contract that begins
 * or ends within the window costs one for the part of that day, if there was any work: a day's total alone does not tell
 * what lies before and after.
 *
 * @param since - a midnight, milliseconds since the epoch: where most claims begin to be looked at
 * @param now - the end of all windows, milliseconds since the epoch
 */
export async function readProject(
  { projectId, claims }: ProjectClaims,
  { since, now }: { readonly since: number; readonly now: number },
  parts: ReadProjectParts,
  signal: AbortSignal,
): Promise<ProjectWork> {
  const project = { projectId };
  const identify = identifierOf(claims, parts);
  const reads = new Map<string, Promise<Rows>>();
  const strangers = new Map<TrainerId, number>();

  async function read({ from, to }: Span, onStranger?: (seconds: number, id: TrainerId) => void): Promise<Rows> {
    const rows: Rows = new Map();
    for await (const row of parts.workspace.dailyTotals({ project, from, to }, signal)) {
      const trainer = await identify(row.member);
      const { seconds, tasks, labels } = row;
      const work = workOf({ seconds, tasks, labels });
      const fault = work.fault ?? faultOfDate(row.workDate, { from, to }, now);
      if (trainer === undefined) {
        const { opentrainUserId } = row.member;
        if (opentrainUserId !== undefined && fault === undefined) onStranger?.(seconds ?? 0, opentrainUserId);
        continue;
      }
      const days = rows.get(trainer) ?? new Map<string, DayWork>();
      rows.set(trainer, days.set(row.workDate, addWork(days.get(row.workDate), { totals: work.totals, fault })));
    }
    return rows;
  }
  /** Those who were hired in one batch, or whose contracts ended in one, share a read. */
  function readOnce(span: Span): Promise<Rows> {
    const key = `${span.from} ${span.to}`;
    const reading = reads.get(key) ?? read(span);
    reads.set(key, reading);
    return reading;
  }

  const all = await read({ from: since, to: now }, (seconds, id) => {
    strangers.set(id, (strangers.get(id) ?? 0) + seconds);
  });
  const days = new Map<ContractId, Map<string, DayWork>>();
  const attributed = new Map<TrainerId, number>();
  for (const claim of claims) {
    const own = days.get(claim.contractId) ?? new Map<string, DayWork>();
    days.set(claim.contractId, own);
    const add = (workDate: string, work: DayWork) => {
      own.set(workDate, addWork(own.get(workDate), work));
      if (workDate < workDateOf(since)) return;
      attributed.set(claim.trainerId, (attributed.get(claim.trainerId) ?? 0) + secondsOf(work));
    };
    const claimed = claimedDays(claim, { from: claim.since, to: now });
    const whole = claim.since === since ? all : await readOnce({ from: claim.since, to: now });
    for (const [workDate, work] of whole.get(claim.trainerId) ?? []) {
      if (isWithin(workDate, claimed.whole) || isOfNoDay(work.fault)) add(workDate, work);
    }
    for (const part of claimed.parts) {
      // Who did nothing on that day, did nothing in a part of it.
      if (!whole.get(claim.trainerId)?.has(workDateOf(part.from))) continue;
      const rows = (await readOnce(part)).get(claim.trainerId) ?? new Map<string, DayWork>();
      for (const [workDate, work] of rows) add(workDate, work);
    }
  }
  return { days, unattributed: remainder(all, attributed), strangers };
}

/** What cannot be right counts for nothing. */
const secondsOf = ({ totals, fault }: DayWork): number => (fault === undefined ? (totals.seconds ?? 0) : 0);

function isWithin(workDate: string, span: Span | undefined): boolean {
  return span !== undefined && workDate >= workDateOf(span.from) && workDate <= workDateOf(span.to - 1);
}

function remainder(all: Rows, attributed: ReadonlyMap<TrainerId, number>): Map<TrainerId, number> {
  const left = [...all].flatMap(([trainer, days]) => {
    const seconds = [...days.values()].reduce((sum, day) => sum + secondsOf(day), 0);
    const rest = seconds - (attributed.get(trainer) ?? 0);
    // Less than a second is what adding up in another order makes.
    return rest >= 1 ? [[trainer, rest] as const] : [];
  });
  return new Map(left);
}

/**
 * By what the platform tells: opentrainUserId, else the Work Email, else, where it tells neither, the member id that was noted
 * when they came.
 */
function identifierOf(
  claims: readonly Claim[],
  { memberIds }: ReadProjectParts,
): (member: Member) => Promise<TrainerId | undefined> | TrainerId | undefined {
  const trainers = new Set(claims.map(({ trainerId }) => trainerId));
  const addresses = new Map<WorkEmail, TrainerId>();
  for (const { workEmail, trainerId } of claims) addresses.set(workEmail, trainerId);
  let members: Promise<ReadonlyMap<MemberId, TrainerId>> | undefined;

  return ({ opentrainUserId, workEmail, memberId }) => {
    if (opentrainUserId !== undefined) return trainers.has(opentrainUserId) ? opentrainUserId : undefined;
    // An address that is no trainer's here is somebody else's, whoever had their member id before.
    if (workEmail !== undefined || memberId === undefined) return workEmail && addresses.get(workEmail);
    members ??= memberIds([...trainers]);
    return members.then((ids) => ids.get(memberId));
  };
}
