import type { Clock } from '../clock.ts';
import type { ConnectionId, ContractId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import type { OpenTrainClient, UsageEntry } from '../opentrain/client.ts';
import { isRejection, OpenTrainError } from '../opentrain/errors.ts';
import type { Budget } from '../opentrain/relied-on.ts';
import { nothingWasDone } from '../opentrain/repeat-policy.ts';
import type { Store } from '../store/store.ts';
import type { DayTotals, Hold, ReportedDay, SetAsideDay, UsageRecord } from '../store/usage.ts';
import { type Decision, REFUSED } from './decide-entries.ts';

/** The most entries that OpenTrain takes at once. Source: `POST /contracts/{id}/usage`. */
export const ENTRIES_AT_MOST = 100;

/** What OpenTrain knows nothing of, or has nobody for, is tried again after a day. */
const HOLD_MILLISECONDS = 24 * 3600_000;

export interface ContractReport {
  readonly connectionId: ConnectionId;
  readonly contractId: ContractId;
  /** Names the run in `externalReportId`, so that an entry at OpenTrain leads to the lines of our log. */
  readonly runId: string;
}

export interface ReportParts {
  readonly store: Pick<Store, 'usage'>;
  readonly opentrain: Pick<OpenTrainClient, 'reportContractUsage'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes over what OpenTrain said of the funds. @param askedAt - milliseconds since the epoch */
  readonly noteBudget: (contract: ContractId, answer: Budget, askedAt: number) => Promise<void>;
}

export type Reported =
  | {
      readonly kind: 'reported';
      /** Entries that OpenTrain accepted. */
      readonly sent: number;
      /** Entries that are set aside now. */
      readonly setAside: number;
      readonly unchanged: number;
      /** Whether OpenTrain was asked at all, and whether it said how the funds stand. */
      readonly isAnswered: boolean;
      readonly isBudgetTold: boolean;
    }
  /** OpenTrain does not know the contract, or has no trainer for it. */
  | { readonly kind: 'held'; readonly reason: Hold['reason'] }
  /** Another sender is at it, or took over: what was meant to be sent is sent by the next run. */
  | { readonly kind: 'busy' };

/** @param touchedAt - when a grant of the contract last changed, milliseconds since the epoch: a reason to look again */
export function isHeld({ hold }: UsageRecord, touchedAt: number, now: number): boolean {
  return hold !== undefined && touchedAt <= hold.since && now < hold.since + HOLD_MILLISECONDS;
}

/**
 * Reports one contract's days, as far as they differ from what OpenTrain has.
 *
 * What is sent is noted as unconfirmed before and as accepted afterwards: whoever crashes in between, or hears no answer,
 * leaves a contract whose days are sent again, which costs nothing since totals replace each other. What OpenTrain answers
 * of the funds is taken over before that, since nobody would ask for it again.
 *
 * @throws {OpenTrainError} when OpenTrain is away, in a hurry, or refuses the token
 */
export async function reportContract(
  about: ContractReport,
  decision: Decision,
  record: UsageRecord,
  parts: ReportParts,
  signal: AbortSignal,
): Promise<Reported> {
  const { connectionId, contractId } = about;
  const { store, clock, logger } = parts;
  const { send, unchanged } = decision;
  const mended = new Map<string, SetAsideDay | undefined>(decision.mended.map((date) => [date, undefined]));
  const aside = new Map([...mended, ...decision.setAside]);
  for (const [workDate, { reason }] of decision.setAside) {
    logger.warn({ event: 'usage.set-aside', connectionId, contractId, workDate, reason });
  }
  for (const chunk of chunksOf([...aside])) {
    await store.usage.noteSetAside(connectionId, contractId, new Map(chunk), clock.now());
  }

  let sent = 0;
  let refused = 0;
  let isBudgetTold = false;
  let { revision } = record;
  for (const chunk of chunksOf([...send])) {
    signal.throwIfAborted();
    const turn = await store.usage.begin(connectionId, contractId, revision, new Map(chunk), clock.now());
    if (turn === undefined) return { kind: 'busy' };
    revision = turn.revision;
    let outcome: SendOutcome;
    try {
      outcome = await sendAll(chunk, about, parts, signal);
      const { budget } = outcome;
      if (budget !== undefined) await parts.noteBudget(contractId, budget.answer, budget.askedAt);
    } catch (error) {
      // What is given back is not what went wrong; and should that fail, too, the turn ends by itself. As long as the
      // request may still arrive, nobody else may send: it would put older totals over theirs.
      if (!mayStillArrive(error)) await store.usage.giveUp(turn).catch(() => {});
      throw error;
    }
    const { accepted, hold } = outcome;
    const reported = new Map<string, ReportedDay | undefined>(chunk.map(([date]) => [date, record.reported.get(date)]));
    for (const date of accepted) reported.set(date, send.get(date));
    const setAside = new Map<string, SetAsideDay | undefined>();
    for (const [date] of chunk) if (record.setAside.has(date)) setAside.set(date, undefined);
    for (const [date, totals] of outcome.refused) {
      setAside.set(date, { ...totals, reason: REFUSED, since: clock.now() });
      logger.warn({ event: 'usage.set-aside', connectionId, contractId, workDate: date, reason: REFUSED });
    }
    if (!(await store.usage.finish(turn, { reported, setAside, hold }, clock.now()))) return { kind: 'busy' };
    if (hold !== undefined) {
      logger.warn({ event: 'usage.held', connectionId, contractId, reason: hold.reason });
      return { kind: 'held', reason: hold.reason };
    }
    sent += accepted.size;
    refused += outcome.refused.size;
    isBudgetTold ||= outcome.budget !== undefined;
  }
  const setAside = decision.asideCount + refused;
  return { kind: 'reported', sent, setAside, unchanged, isAnswered: send.size > 0, isBudgetTold };
}

type Entry = readonly [workDate: string, totals: DayTotals];

interface SendOutcome {
  readonly accepted: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, DayTotals>;
  readonly hold?: Hold | undefined;
  readonly budget?: { readonly answer: Budget; readonly askedAt: number } | undefined;
}

/** Sends all entries; of those that OpenTrain refuses as a whole, halves, until each bad one stands alone. */
async function sendAll(
  entries: readonly Entry[],
  about: ContractReport,
  parts: ReportParts,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const accepted = new Set<string>();
  const refused = new Map<string, DayTotals>();
  let budget: SendOutcome['budget'];
  const open: (readonly Entry[])[] = [entries];
  for (let batch = open.pop(); batch !== undefined; batch = open.pop()) {
    const askedAt = parts.clock.now();
    try {
      const bodies = batch.map((entry) => toEntry(entry, about.runId));
      const answer = await parts.opentrain.reportContractUsage(about.contractId, bodies, signal);
      for (const [date] of batch) accepted.add(date);
      if (answer.budget !== null) budget = { answer: answer.budget, askedAt };
    } catch (error) {
      // A grant that changed while OpenTrain was asked is a reason to ask again.
      const hold = holdOf(error, askedAt);
      if (hold !== undefined) return { accepted, refused, hold, budget };
      if (!isBadEntry(error)) throw error;
      const [first] = batch;
      const half = Math.ceil(batch.length / 2);
      if (batch.length > 1) open.push(batch.slice(half), batch.slice(0, half));
      else if (first !== undefined) refused.set(...first);
    }
  }
  return { accepted, refused, budget };
}

/** One bad entry fails the whole request. */
function isBadEntry(error: unknown): boolean {
  return isRejection(error, 400) || isRejection(error, 422);
}

function holdOf(error: unknown, since: number): Hold | undefined {
  if (isRejection(error, 404)) return { reason: 'contract_unknown', since };
  return isRejection(error, 409) ? { reason: 'no_trainer', since } : undefined;
}

/** Without naming the worker: OpenTrain attributes to the contract's hired trainer, and refuses every other. */
function toEntry([workDate, { seconds, tasks, labels }]: Entry, runId: string): UsageEntry {
  return {
    workDate,
    ...(seconds === undefined ? {} : { totalSeconds: seconds }),
    ...(tasks === undefined ? {} : { tasksCompleted: tasks }),
    ...(labels === undefined ? {} : { labelsCompleted: labels }),
    externalReportId: `${runId}.${workDate}`,
  };
}

/** No answer came, or a gateway no longer waited for one: OpenTrain may be at it yet. */
function mayStillArrive(error: unknown): boolean {
  if (!(error instanceof OpenTrainError)) return false;
  const { status } = error;
  return status === undefined ? !nothingWasDone(error) : status === 502 || status === 504;
}

function chunksOf<Day>(entries: readonly Day[]): Day[][] {
  const chunks: Day[][] = [];
  for (let start = 0; start < entries.length; start += ENTRIES_AT_MOST) {
    chunks.push(entries.slice(start, start + ENTRIES_AT_MOST));
  }
  return chunks;
}
