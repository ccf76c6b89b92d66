import type {
  ConnectionId,
  ContractId,
  LinkId,
  ProjectId,
  TrainerId,
  WorkEmail,
  WorkspaceId,
} from '../../shared/ids.ts';
import type { UsageEntry } from '../../shared/opentrain/client.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import type { GrantRef } from '../../shared/store/grants.ts';
import type { Store } from '../../shared/store/store.ts';
import type { DailyTotal } from '../../shared/workspace/port.ts';
import { type Claimed, type Sitting, type Totals, totalsOf } from './usage-truth.ts';

/** Times are minutes; without another word, since the story's first midnight. */
export interface UsagePlan {
  /** When the first contracts may begin. */
  readonly begin: number;
  readonly contracts: readonly ContractPlan[];
  readonly sittings: readonly SittingPlan[];
  readonly runs: readonly { readonly at: RunTime; readonly atOnce: number }[];
  /** When the last, quiet run is. */
  readonly end: number;
  /** Who goes on, what fails, what crashes: consumed one by one, from the start again when used up. */
  readonly choices: readonly number[];
  /** How many crashes and failures there are at most. */
  readonly troubles: number;
}

/** A time beside the beginning, or beside something of a contract. */
export interface When {
  readonly beside: 'begin' | 'start' | 'end' | 'start heard' | 'end heard';
  /** Which one: counted round. */
  readonly contract: number;
  readonly after: number;
}

/** Or beside the last change of a sitting. */
export type RunTime = When | { readonly beside: 'last change'; readonly sitting: number; readonly after: number };

/** How OpenTrain writes a date: to the millisecond, as a day, or not at all. */
export type Told = 'exactly' | 'as a day' | 'not at all';

export interface ContractPlan {
  readonly trainer: number;
  /** After the end of the same trainer's contract before it, or after the beginning; negative: before that end. */
  readonly gap: number;
  readonly lasts: number;
  readonly startTold: Told;
  readonly endTold: Told;
  /** After the start, after the end. */
  readonly startHeardAfter: number;
  /** Undefined: it goes on. */
  readonly endHeardAfter: number | undefined;
  /** Otherwise it waits for consent all the time, and nobody is let in. */
  readonly isAdmitted: boolean;
  readonly links: readonly LinkPlan[];
}

export interface LinkPlan {
  readonly project: number;
  /** After the start was heard. */
  readonly opensAfter: number;
  /** After it opened. */
  readonly removedAfter: number | undefined;
}

export interface SittingPlan {
  readonly at: When;
  /** Of that contract, in one of its projects; otherwise somebody else, there. */
  readonly isTrainers: boolean;
  readonly link: number;
  /** In quarters of a second, so that sums are exact however they are added up. */
  readonly quarters: number;
  readonly tasks: number | undefined;
  /** Without them it is deleted. */
  readonly edits: readonly {
    readonly after: number;
    readonly quarters: number | undefined;
    readonly tasks?: number | undefined;
  }[];
}

export const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
export const BEGIN = Date.parse('2026-06-01T00:00:00Z');
export const CONNECTION = 'acme' as ConnectionId;
const WORKSPACE = 'default' as WorkspaceId;
const EMPTY: Totals = { seconds: 0, tasks: 0 };

export interface Moment {
  /** Milliseconds after the story's beginning. */
  readonly at: number;
  readonly happen: () => Promise<void> | void;
}

export const byTime = (one: Moment, other: Moment): number => one.at - other.at;

export type World = ReturnType<typeof createWorld>;

/** OpenTrain and the workspace as they really are, and what happens in them. */
export function createWorld({ begin, contracts, sittings: plans }: UsagePlan, store: Store) {
  let now = BEGIN;
  const clock = {
    now: () => now,
    moveTo(at: number) {
      now = Math.max(now, at);
    },
  };
  const events: Moment[] = [];
  const claims: Claimed[] = [];
  const sittings: Sitting[] = [];
  /** By contract and day. */
  const usage = new Map<string, Map<string, Totals>>();

  const ends = new Map<number, number>();
  const times = contracts.map(({ trainer, gap, lasts, startHeardAfter, endHeardAfter }) => {
    const start = Math.max(0, (ends.get(trainer) ?? begin) + gap);
    const end = start + lasts;
    ends.set(trainer, end);
    return { begin, start, end, 'start heard': start + startHeardAfter, 'end heard': end + (endHeardAfter ?? 0) };
  });
  const one = <One>(all: readonly One[], index: number): One => all[index % all.length] as One;
  const timeOf = ({ beside, contract, after }: When) => Math.max(0, one(times, contract)[beside] + after);
  const changes = plans.map(({ at, edits }) => edits.reduce((time, { after }) => time + after, timeOf(at)));
  const timeOfRun = (at: RunTime) =>
    at.beside === 'last change' ? Math.max(0, one(changes, at.sitting) + at.after) : timeOf(at);

  for (const [index, plan] of contracts.entries()) {
    const { start, end: endsAt, 'start heard': heard, ...told } = one(times, index);
    const endHeard = plan.endHeardAfter === undefined ? undefined : told['end heard'];
    const contractId = `contract-${index}` as ContractId;
    const trainerId = trainerOf(plan.trainer);
    const startDate = tell(plan.startTold, BEGIN + start * MINUTE);
    const endDate = tell(plan.endTold, BEGIN + endsAt * MINUTE);
    let isOver = false;

    for (const [number, link] of plan.links.entries()) {
      const ref: GrantRef = { connectionId: CONNECTION, contractId, linkId: `link-${index}-${number}` as LinkId };
      const details = { workspaceId: WORKSPACE, projectId: projectOf(link.project), trainerId, startDate };
      const opens = heard + link.opensAfter;
      const removed = link.removedAfter === undefined ? undefined : opens + link.removedAfter;
      let isRemoved = false;
      let claim: Claimed | undefined;
      events.push({
        at: opens * MINUTE,
        async happen() {
          if (isOver || isRemoved) return;
          if (!plan.isAdmitted)
            return void (await store.grants.park(ref, details, { reason: 'waiting_for_consent' }, now));
          await store.grants.open(ref, { ...details, workEmail: `${trainerId}@opentrain.work` as WorkEmail }, now);
          const from = {
            exactly: BEGIN + start * MINUTE,
            'as a day': midnightOf(BEGIN + start * MINUTE),
            'not at all': now,
          };
          claim = {
            contract: contractId,
            trainer: trainerId,
            project: details.projectId,
            from: from[plan.startTold],
            to: Number.POSITIVE_INFINITY,
          };
          claims.push(claim);
        },
      });
      if (removed !== undefined) {
        events.push({
          at: removed * MINUTE,
          async happen() {
            isRemoved = true;
            if (isOver || claim === undefined) return;
            await store.grants.end(ref, { workspaceId: WORKSPACE }, now);
            claim.to = Math.min(claim.to, now);
          },
        });
      }
      if (endHeard === undefined) continue;
      events.push({
        at: endHeard * MINUTE,
        async happen() {
          isOver = true;
          // A link that is gone is told of no more.
          if (isRemoved) return;
          await store.grants.end(ref, { ...details, endDate }, now);
          if (claim !== undefined) claim.to = Math.min(claim.to, now);
          const last = {
            exactly: BEGIN + endsAt * MINUTE,
            'as a day': midnightOf(BEGIN + endsAt * MINUTE) + DAY,
            'not at all': Number.POSITIVE_INFINITY,
          };
          // The contract is over in all of its projects.
          for (const one of claims) if (one.contract === contractId) one.to = Math.min(one.to, last[plan.endTold]);
        },
      });
    }
  }

  for (const plan of plans) {
    const { trainer, links } = one(contracts, plan.at.contract);
    let at = timeOf(plan.at);
    const sitting: Sitting = {
      trainer: plan.isTrainers ? trainerOf(trainer) : 'somebody-else',
      project: projectOf(one(links, plan.link).project),
      at: BEGIN + at * MINUTE,
      seconds: plan.quarters / 4,
      tasks: plan.tasks,
    };
    events.push({ at: at * MINUTE, happen: () => void sittings.push(sitting) });
    for (const { after, quarters, tasks } of plan.edits) {
      at += after;
      events.push({
        at: at * MINUTE,
        happen() {
          if (quarters !== undefined) Object.assign(sitting, { seconds: quarters / 4, tasks });
          else if (sittings.includes(sitting)) sittings.splice(sittings.indexOf(sitting), 1);
        },
      });
    }
  }

  return {
    clock,
    events,
    timeOfRun,
    dailyTotals({ project, from, to }: { project: { projectId: ProjectId }; from: number; to: number }): DailyTotal[] {
      const rows = new Map<string, { -readonly [Field in keyof DailyTotal]: DailyTotal[Field] }>();
      for (const sitting of sittings.filter((one) => one.project === project.projectId)) {
        const until = sitting.at + sitting.seconds * 1_000;
        const rowOf = (at: number) => {
          const workDate = new Date(at).toISOString().slice(0, 10);
          const row = rows.get(`${sitting.trainer} ${workDate}`) ?? {
            member: { opentrainUserId: sitting.trainer as TrainerId },
            project,
            workDate,
          };
          rows.set(`${sitting.trainer} ${workDate}`, row);
          return row;
        };
        for (let start = Math.max(sitting.at, from); start < Math.min(until, to); start = midnightOf(start) + DAY) {
          const row = rowOf(start);
          row.seconds = (row.seconds ?? 0) + (Math.min(until, to, midnightOf(start) + DAY) - start) / 1_000;
        }
        const submitted = Math.max(sitting.at, until - 1);
        if (sitting.tasks === undefined || submitted < from || submitted >= to) continue;
        const row = rowOf(submitted);
        row.tasks = (row.tasks ?? 0) + sitting.tasks;
      }
      return [...rows.values()];
    },
    report(contract: ContractId, entries: readonly UsageEntry[]) {
      const days = usage.get(contract) ?? new Map<string, Totals>();
      const today = new Date(now).toISOString().slice(0, 10);
      const isBad = entries.some(
        ({ workDate, totalSeconds = 0 }) => workDate > today || !(totalSeconds >= 0 && totalSeconds <= 86_400),
      );
      if (isBad || entries.length > 100) throw refused(400);
      usage.set(contract, days);
      for (const { workDate, totalSeconds, tasksCompleted } of entries) {
        const before = days.get(workDate) ?? EMPTY;
        days.set(workDate, { seconds: totalSeconds ?? before.seconds, tasks: tasksCompleted ?? before.tasks });
      }
      return { accepted: entries.length, budget: null };
    },
    compare({ since, until }: { since: number; until: number }) {
      const first = new Date(since).toISOString().slice(0, 10);
      const show = (all: ReadonlyMap<string, ReadonlyMap<string, Totals>>) =>
        [...all]
          .flatMap(([contract, days]) => [...days].map(([date, totals]) => ({ contract, date, ...totals })))
          .filter(({ date, seconds, tasks }) => date >= first && seconds + tasks > 0)
          .map(({ contract, date, seconds, tasks }) => `${contract} ${date}: ${seconds} s, ${tasks} tasks`)
          .sort();
      return { reported: show(usage), truth: show(totalsOf(sittings, claims, until)) };
    },
  };
}

const trainerOf = (trainer: number) => `trainer-${trainer}` as TrainerId;
const projectOf = (project: number) => `project-${project}` as ProjectId;
const midnightOf = (at: number): number => Math.floor(at / DAY) * DAY;

function tell(told: Told, at: number): string | undefined {
  const iso = new Date(at).toISOString();
  if (told === 'not at all') return undefined;
  return told === 'exactly' ? iso : iso.slice(0, 10);
}

/** @param status - undefined: no answer came */
export function refused(status: 400 | 429 | undefined): OpenTrainError {
  const kind = status === 400 ? 'rejected' : status === 429 ? 'rate-limited' : 'transient';
  return new OpenTrainError(`answered ${status}`, { operation: 'reportContractUsage', kind, status });
}
