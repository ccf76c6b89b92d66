import pLimit from 'p-limit';
import type { BudgetParts } from '../budget/budgets.ts';
import type { ConnectionId } from '../ids.ts';
import type { ConnectionJob, JobResume } from '../jobs/connection-job.ts';
import { lagOf } from '../jobs/lag.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { Connection } from '../store/connections.ts';
import type { Store } from '../store/store.ts';
import { findCurrentContracts } from './current-contracts.ts';
import { groupByProject } from './project-groups.ts';
import { createProjectReader } from './read-work.ts';
import type { ContractProgress, UsageRun } from './report-group.ts';
import { createNoticeShower } from './show-notices.ts';
import { createTally, type Failure, type UsageCounts } from './tally.ts';
import type { UsageWindow } from './usage-window.ts';
import { resumeAfter, workThrough } from './work-through.ts';

export interface UsageParts extends BudgetParts {
  readonly store: Pick<Store, 'connections' | 'grants' | 'seats' | 'usage'> & BudgetParts['store'];
  /** The OpenTrain client with a connection's own token. */
  readonly opentrain: (connection: ConnectionId) => OpenTrainClient;
}

/** `plannedAt` is absent where a person asks for the run. `runId` names it in logs and in `externalReportId`. */
export type ConnectionUsage = UsageWindow &
  Omit<ConnectionJob, 'plannedAt'> & { readonly plannedAt?: number | undefined };

/** For whoever watches. */
export interface ReportOptions {
  /** Reads and decides, but sends nothing and writes nothing. @default false */
  readonly isDryRun?: boolean;
  readonly onContracts?: (count: number) => void;
  readonly onContract?: (progress: ContractProgress) => void;
}

export interface UsageSummary extends UsageCounts {
  readonly contracts: number;
  /** Work outside every contract's time: reported nowhere. */
  readonly unattributedSeconds: number;
}

export type UsageOutcome =
  | { readonly kind: 'done'; readonly summary: UsageSummary }
  /** More contracts than may be in memory at once: to be done in so many parts. */
  | { readonly kind: 'split'; readonly parts: number }
  | { readonly kind: 'disconnected' }
  /** A later run has reported everything that this one was planned for. */
  | { readonly kind: 'superseded' }
  /** OpenTrain refuses the token: the connection is marked, and the next run tries again. */
  | { readonly kind: 'refused'; readonly reason: string; readonly summary: UsageSummary }
  /** Something is to be tried again; what was reported is noted and not sent again. */
  | {
      readonly kind: 'retry';
      readonly reason: Failure['kind'];
      readonly retryAfterSeconds: number | undefined;
      /** Where to go on, when time was over. Undefined: the same again. */
      readonly resume: JobResume | undefined;
      readonly summary: UsageSummary;
    };

/**
 * The most contracts of one run. It bounds the memory (a contract with its days is about 1 kB), and what a crash repeats;
 * every part reads whole projects, so smaller ones would cost the workspace more.
 */
export const CONTRACTS_AT_MOST = 500;
/** Contracts reported at once. */
const SENDERS = 4;

/**
 * Reports what the trainers of one connection did, and takes over what OpenTrain says about the funds.
 *
 * Projects are read one by one, and as soon as all projects of a group are read, its contracts are reported: so a bad
 * contract or project holds up no other, and a run whose time is over goes on where it was.
 *
 * @throws what the table throws before there is anything to report
 */
export async function reportConnection(
  about: ConnectionUsage,
  parts: UsageParts,
  signal: AbortSignal,
  options: ReportOptions = {},
): Promise<UsageOutcome> {
  const { connectionId, runId, since, until, part, resume } = about;
  const { store, logger } = parts;
  const connection = await store.connections.get(connectionId);
  if (connection.status === 'disconnected') return { kind: 'disconnected' };
  if (isSuperseded(about, connection)) return { kind: 'superseded' };
  // A part is not divided any further: a trainer who has very many contracts would be in one part for ever.
  const atMost = part === undefined ? CONTRACTS_AT_MOST : Number.POSITIVE_INFINITY;
  const found = await findCurrentContracts(connectionId, { since, until, part, atMost }, store.grants);
  if (found.kind === 'too-many') {
    // Twice as many as would do: trainers are spread by their ids, not evenly.
    return { kind: 'split', parts: Math.ceil((2 * found.count) / CONTRACTS_AT_MOST) };
  }
  const { after = Number.NEGATIVE_INFINITY } = resume ?? {};
  const groups = groupByProject(found, about).filter(({ order }) => order > after);
  const contracts = groups.flatMap((group) => group.contracts);
  options.onContracts?.(contracts.length);

  const tally = createTally(about, logger);
  // Before the work is read: whoever finishes in between has read older work than this run will have.
  const ids = contracts.map(({ contractId }) => contractId);
  const records = await store.usage.getAll(connectionId, ids);
  const { isDryRun = false, onContract } = options;
  const run: UsageRun = {
    connectionId,
    runId,
    until,
    isWhole: part === undefined,
    records: new Map(ids.map((id, index) => [id, records[index]])),
    opentrain: parts.opentrain(connectionId),
    tally,
    showNotices: createNoticeShower(tally, parts, signal),
    senders: pLimit(SENDERS),
    isDryRun,
    onContract,
  };
  const read = createProjectReader(about, tally, parts, signal);
  const ends = await workThrough(groups, read, run, parts, signal);
  const unattributed = ends.reduce((sum, end) => sum + end.unattributedSeconds, 0);
  const summary = { contracts: contracts.length, ...tally.counts(), unattributedSeconds: Math.round(unattributed) };
  if (isDryRun) return { kind: 'done', summary };

  // Those that contracts had a place in before: what a crash left there is made good, too.
  await run.showNotices(contracts.flatMap(({ claims }) => claims));
  const asked = ends.reduce((sum, end) => sum + end.askedFor, 0);
  // That OpenTrain tells of budgets says nothing of whether it takes reports.
  const isTokenGood = tally.hasReported() || (asked > 0 && connection.attention !== 'usage_forbidden');
  if (connection.attention !== undefined && isTokenGood && tally.refusal() === undefined) {
    await store.connections.clearAttention(connectionId, parts.clock.now());
  }
  const next = signal.aborted && !tally.isOver() ? resumeAfter(ends, about) : undefined;
  return conclude(about, connection, run, { summary, resume: next }, parts);
}

/** A queue that falls behind holds several runs of a connection: the first of them has done the work of all. */
function isSuperseded({ plannedAt, part, resume }: ConnectionUsage, { usageReportedAt }: Connection): boolean {
  if (plannedAt === undefined || part !== undefined || resume !== undefined) return false;
  return usageReportedAt !== undefined && usageReportedAt >= plannedAt;
}

async function conclude(
  about: ConnectionUsage,
  connection: Connection,
  { tally }: UsageRun,
  { summary, resume }: { readonly summary: UsageSummary; readonly resume: JobResume | undefined },
  { store, clock, logger }: UsageParts,
): Promise<UsageOutcome> {
  const { connectionId, runId } = about;
  const { contracts: count, held: _held, left, ...entries } = summary;
  const lagSeconds = lagOf(connection, connection.usageReportedAt, clock.now());
  const line = { connectionId, runId, count, ...entries, lagSeconds };
  const refusal = tally.refusal();
  if (refusal !== undefined) {
    await store.connections.markAttention(connectionId, refusal, clock.now());
    logger.error({ event: 'connection.needs-attention', ...line, reason: refusal });
    return { kind: 'refused', reason: refusal, summary };
  }
  const failure = tally.failure();
  if (failure !== undefined) {
    logger.warn({ event: 'usage.connection-unfinished', ...line, reason: failure.kind });
    const retryAfterSeconds = failure.kind === 'busy' ? failure.retryAfterSeconds : undefined;
    return { kind: 'retry', reason: failure.kind, retryAfterSeconds, resume, summary };
  }
  if (left === 0 && about.resume?.hasLeft !== true) await noteReported(about, store);
  const reason = left === 0 ? undefined : 'project_unreadable';
  logger.info({ event: 'usage.connection-done', ...line, reason });
  return { kind: 'done', summary };
}

/** Of a run that was split, only once all of its parts are through. */
async function noteReported(
  { connectionId, until, part, plannedAt, resume }: ConnectionUsage,
  { connections }: UsageParts['store'],
): Promise<void> {
  const reportedUntil = resume?.until ?? until;
  if (part === undefined) return connections.noteUsageReported(connectionId, reportedUntil);
  if (plannedAt === undefined) return;
  if (await connections.noteUsagePart(connectionId, { ...part, plannedAt })) {
    await connections.noteUsageReported(connectionId, plannedAt);
  }
}
