import pMap from 'p-map';
import { type BudgetParts, noteBudgetAnswer, refreshBudget } from '../budget/budgets.ts';
import type { ConnectionId, ContractId, TrainerId } from '../ids.ts';
import type { JobPart } from '../jobs/connection-job.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { Connection } from '../store/connections.ts';
import type { Store } from '../store/store.ts';
import { type CurrentContract, findCurrentContracts } from './current-contracts.ts';
import { type Decision, decideEntries } from './decide-entries.ts';
import { readWork } from './read-work.ts';
import { isHeld, type Reported, reportContract } from './report-contract.ts';
import { showNotices } from './show-notices.ts';
import { createTally, type Failure, type Tally, type UsageCounts } from './tally.ts';
import type { UsageWindow } from './usage-window.ts';
import { workDateOf } from './work-days.ts';

export interface UsageParts extends BudgetParts {
  readonly store: Pick<Store, 'connections' | 'grants' | 'seats' | 'usage'> & BudgetParts['store'];
  /** The OpenTrain client with a connection's own token. */
  readonly opentrain: (connection: ConnectionId) => OpenTrainClient;
}

export interface ConnectionUsage extends UsageWindow {
  readonly connectionId: ConnectionId;
  /** Names the run in logs and in `externalReportId`. */
  readonly runId: string;
  /** @default all of it */
  readonly part?: JobPart | undefined;
}

/** How one contract fared. */
export interface ContractProgress {
  readonly contractId: ContractId;
  readonly trainerId: TrainerId | undefined;
  readonly decision: Decision;
  /** Undefined in a dry run. */
  readonly reported: Reported | undefined;
}

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
  /** OpenTrain refuses the token: the connection is marked, and the next run tries again. */
  | { readonly kind: 'refused'; readonly reason: string; readonly summary: UsageSummary }
  /** Something is to be tried again; what was reported is noted and not sent again. */
  | {
      readonly kind: 'retry';
      readonly reason: Failure['kind'];
      readonly retryAfterSeconds: number | undefined;
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
 * The work is read project by project; then every contract stands on its own, so that a bad one holds up no other, and what
 * was reported before time ran out is not repeated.
 *
 * @throws what the table throws before there is anything to report
 */
export async function reportConnection(
  about: ConnectionUsage,
  parts: UsageParts,
  signal: AbortSignal,
  options: ReportOptions = {},
): Promise<UsageOutcome> {
  const { connectionId, since, until, part } = about;
  const { store, logger } = parts;
  const connection = await store.connections.get(connectionId);
  if (connection.status === 'disconnected') return { kind: 'disconnected' };
  // A part is not divided any further: a trainer who has very many contracts would be in one part for ever.
  const atMost = part === undefined ? CONTRACTS_AT_MOST : Number.POSITIVE_INFINITY;
  const found = await findCurrentContracts(connectionId, { since, until, part, atMost }, store.grants);
  if (found.kind === 'too-many') {
    // Twice as many as would do: trainers are spread by their ids, not evenly.
    return { kind: 'split', parts: Math.ceil((2 * found.count) / CONTRACTS_AT_MOST) };
  }
  const { contracts } = found;
  options.onContracts?.(contracts.length);

  const tally = createTally(about, logger);
  // Before the work is read: whoever finishes in between has read older work than this run will have.
  const ids = contracts.map(({ contractId }) => contractId);
  const records = await store.usage.getAll(connectionId, ids);
  const work = await readWork(found, about, tally, parts, signal);
  const opentrain = parts.opentrain(connectionId);
  const answered = new Set<ContractId>();

  await pMap(
    contracts,
    async (contract, index) => {
      const { contractId } = contract;
      const record = records[index];
      const days = work.daysOf(contract);
      if (record === undefined || days === undefined || tally.isOver() || signal.aborted) return tally.leave(signal);
      if (isHeld(record, contract.touchedAt, parts.clock.now())) return tally.hold();
      const lookedAt = { firstDay: workDateOf(contract.since), lastDay: workDateOf(until) };
      const decision = decideEntries(days, record, { ...lookedAt, now: parts.clock.now() });
      const progress = { contractId, trainerId: contract.claims[0]?.trainerId, decision };
      if (options.isDryRun) return options.onContract?.({ ...progress, reported: undefined });
      try {
        const reported = await reportContract(
          { ...about, contractId },
          decision,
          record,
          { ...parts, opentrain },
          signal,
        );
        tally.note(reported);
        options.onContract?.({ ...progress, reported });
        if (reported.kind !== 'reported' || reported.budget === undefined) return;
        answered.add(contractId);
        const { answer, askedAt } = reported.budget;
        await noteBudgetAnswer(connectionId, contractId, answer, askedAt, parts);
      } catch (error) {
        tally.fail(error, signal, { contractId });
      }
    },
    { concurrency: SENDERS },
  );
  const summary = (unattributedSeconds: number) => ({
    contracts: contracts.length,
    ...tally.counts(),
    unattributedSeconds,
  });
  if (options.isDryRun) return { kind: 'done', summary: summary(0) };

  const silent = contracts.filter(({ contractId, isOpen }) => isOpen && !answered.has(contractId));
  const asked = await refreshWarnings(silent, about, opentrain, tally, parts, signal);
  await showNotices(contracts, tally, parts, signal);
  const isTokenGood = (tally.hasReported() || asked > 0) && tally.refusal() === undefined;
  if (connection.attention !== undefined && isTokenGood) {
    await store.connections.clearAttention(connectionId, parts.clock.now());
  }
  return conclude(about, connection, summary(await work.unattributedSeconds(part === undefined)), tally, parts);
}

/**
 * Funding is told by an event, which may have been missed: so while nothing is reported of a contract that people are warned
 * of, OpenTrain is asked how it stands.
 *
 * @returns how many were asked for
 */
async function refreshWarnings(
  contracts: readonly CurrentContract[],
  { connectionId }: ConnectionUsage,
  opentrain: OpenTrainClient,
  tally: Tally,
  parts: UsageParts,
  signal: AbortSignal,
): Promise<number> {
  const ids = contracts.map(({ contractId }) => contractId);
  const budgets = await parts.store.budgets.getAll(connectionId, ids);
  let asked = 0;
  for (const [index, contractId] of ids.entries()) {
    const budget = budgets[index];
    if (budget === undefined || budget.state === 'OK') continue;
    if (tally.isOver() || signal.aborted) break;
    try {
      await refreshBudget(connectionId, contractId, opentrain, parts, signal);
      asked += 1;
    } catch (error) {
      tally.fail(error, signal, { contractId });
    }
  }
  return asked;
}

async function conclude(
  { connectionId, runId, until }: ConnectionUsage,
  { usageReportedAt }: Connection,
  summary: UsageSummary,
  tally: Tally,
  { store, clock, logger }: UsageParts,
): Promise<UsageOutcome> {
  const { contracts: count, held: _held, left, ...entries } = summary;
  const lagSeconds = usageReportedAt === undefined ? undefined : Math.round((clock.now() - usageReportedAt) / 1000);
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
    return { kind: 'retry', reason: failure.kind, retryAfterSeconds, summary };
  }
  if (left === 0) await store.connections.noteUsageReported(connectionId, until);
  logger.info({ event: 'usage.connection-done', ...line });
  return { kind: 'done', summary };
}
