import type { ConnectionId } from '../../shared/ids.ts';
import type { JobPart } from '../../shared/jobs/connection-job.ts';
import {
  type ReportOptions,
  reportConnection,
  type UsageOutcome,
  type UsageSummary,
} from '../../shared/usage/report-connection.ts';
import type { ContractProgress } from '../../shared/usage/report-group.ts';
import type { UsageWindow } from '../../shared/usage/usage-window.ts';
import { DAY_MILLISECONDS, parseWorkDate, workDateOf } from '../../shared/usage/work-days.ts';
import type { Answer } from '../answer.ts';
import { connectorParts } from '../connector-parts.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { onInterruption } from '../interruption.ts';
import { openParts, type Parts, someConnections } from '../parts.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../words.ts';

export interface UsagePushOptions extends TargetOptions {
  readonly from: string;
  readonly to: string;
  readonly dryRun?: boolean | undefined;
}

/** How one connection fared; of a large one, over all its parts. */
interface ConnectionReport extends UsageSummary {
  readonly connectionId: ConnectionId;
  readonly outcome: Exclude<UsageOutcome['kind'], 'split' | 'superseded'>;
  readonly reason: string | null;
  /** What would be sent; empty but for a dry run. */
  readonly entries: readonly Entry[];
}

interface Entry {
  readonly contractId: string;
  readonly trainerId: string | null;
  readonly workDate: string;
  readonly seconds: number | null;
  readonly tasks: number | null;
  readonly labels: number | null;
}

/** Reports the work of some days again: totals replace what OpenTrain has, so it may be done as often as one likes. */
export async function usagePushCommand(
  connection: string | undefined,
  { from, to, dryRun = false, ...options }: UsagePushOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  const window = windowOf(from, to, parts.clock.now());
  const connections = await someConnections(connection, parts);
  const days = (window.until - window.since) / DAY_MILLISECONDS;
  const what = `the work of ${count(Math.ceil(days), 'day')} (${from} to ${to}) of ${count(connections.length, 'connection')}`;
  if (!dryRun) await terminal.confirm(`Report ${what} to OpenTrain?`);

  const signal = onInterruption();
  const reports: ConnectionReport[] = [];
  for (const id of connections) {
    reports.push(await pushConnection(id, window, dryRun, parts, terminal, signal));
  }
  return {
    data: { from, to, dryRun, connections: reports },
    text: (style) => (dryRun ? entryTable(reports, style) : reportTable(reports, style)),
    exitCode: signal.aborted ? EXIT.interrupted : worstOf(reports),
  };
}

/** @throws {UsageError} unless both are days, in order, and none of them is still to come */
function windowOf(from: string, to: string, now: number): UsageWindow {
  const [since, last] = [parseWorkDate(from), parseWorkDate(to)];
  if (since === undefined || last === undefined) {
    throw new UsageError('--from and --to must be days as YYYY-MM-DD, UTC; both are included.');
  }
  if (since > last) throw new UsageError('--from must not be later than --to.');
  if (to > workDateOf(now)) throw new UsageError('--to must not be in the future: OpenTrain takes no such day.');
  return { since, until: Math.min(now, last + DAY_MILLISECONDS) };
}

async function pushConnection(
  connectionId: ConnectionId,
  window: UsageWindow,
  isDryRun: boolean,
  parts: Parts,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ConnectionReport> {
  const work = connectorParts(parts, terminal);
  const runId = `usage-push-${new Date(parts.clock.now()).toISOString().slice(0, 19)}Z`;
  const entries: Entry[] = [];
  const progress = await terminal.progress(`${connectionId}: reading the work`);
  const options: ReportOptions = {
    isDryRun,
    onContracts: (contracts) => progress.expect(contracts),
    onContract(one) {
      progress.advance(`${connectionId}: ${one.contractId}`);
      if (isDryRun) entries.push(...entriesOf(one));
    },
  };
  const run = (part?: JobPart) => reportConnection({ connectionId, runId, ...window, part }, work, signal, options);
  const outcomes = await allParts(await run(), run);
  // A run takes projects in an order of its own.
  const sorted = entries.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const report = { connectionId, ...concluded(outcomes), entries: sorted };
  progress.stop(`${connectionId}: ${report.outcome}`);
  return report;
}

/** A connection with more contracts than may be in memory at once says into how many parts it is to be split. */
async function allParts(first: UsageOutcome, run: (part: JobPart) => Promise<UsageOutcome>): Promise<UsageOutcome[]> {
  if (first.kind !== 'split') return [first];
  const outcomes: UsageOutcome[] = [];
  for (let index = 0; index < first.parts; index += 1) outcomes.push(await run({ index, of: first.parts }));
  return outcomes;
}

const NOTHING: UsageSummary = {
  contracts: 0,
  sent: 0,
  unchanged: 0,
  setAside: 0,
  held: 0,
  left: 0,
  unattributedSeconds: 0,
};

const WORST_FIRST = ['refused', 'retry', 'disconnected', 'done'] as const;

function concluded(outcomes: readonly UsageOutcome[]): Omit<ConnectionReport, 'connectionId' | 'entries'> {
  let sum = NOTHING;
  for (const outcome of outcomes) {
    if (!('summary' in outcome)) continue;
    const { summary } = outcome;
    const added = (Object.keys(NOTHING) as (keyof UsageSummary)[]).map((field) => [field, sum[field] + summary[field]]);
    sum = Object.fromEntries(added) as unknown as UsageSummary;
  }
  // A part that is itself too large was counted wrongly once; the next run of the same command has it.
  const kind = WORST_FIRST.find((one) => outcomes.some((outcome) => outcome.kind === one)) ?? 'retry';
  const reason = outcomes.flatMap((outcome) => ('reason' in outcome ? [outcome.reason] : []))[0] ?? null;
  return { ...sum, outcome: kind, reason };
}

const nameOf = ({ contractId, workDate }: Entry): string => `${contractId}\n${workDate}`;

function entriesOf({ contractId, trainerId, decision }: ContractProgress): Entry[] {
  return [...decision.send].map(([workDate, { seconds, tasks, labels }]) => ({
    contractId,
    trainerId: trainerId ?? null,
    workDate,
    seconds: seconds ?? null,
    tasks: tasks ?? null,
    labels: labels ?? null,
  }));
}

function worstOf(reports: readonly ConnectionReport[]): ExitCode {
  const outcomes = new Set(reports.map(({ outcome }) => outcome));
  if (outcomes.has('refused')) return EXIT.opentrainRefused;
  if (outcomes.has('retry')) return EXIT.failed;
  return reports.some(({ left }) => left > 0) ? EXIT.findings : EXIT.fine;
}

function reportTable(reports: readonly ConnectionReport[], style: Style): string {
  const { width, paint } = style;
  const listed = table(
    ['CONNECTION', 'OUTCOME', 'CONTRACTS', 'SENT', 'UNCHANGED', 'SET ASIDE', 'HELD', 'LEFT'],
    reports.map((one) => [
      one.connectionId,
      told(one, paint),
      ...[one.contracts, one.sent, one.unchanged, one.setAside, one.held, one.left].map(String),
    ]),
    width,
  );
  return [listed, ...leftOut(reports, style)].join('\n');
}

/** A contract whose project cannot be read is never reported in part. */
const leftOut = (reports: readonly ConnectionReport[], { paint }: Style): string[] =>
  reports
    .filter(({ left }) => left > 0)
    .map(({ connectionId, left }) => {
      const which = `${count(left, 'contract')} left out`;
      return paint('red', `${connectionId}: ${which}, since the work of a project cannot be read. See check.`);
    });

function told({ outcome, reason }: ConnectionReport, paint: Style['paint']): string {
  switch (outcome) {
    case 'done':
      return paint('green', 'done');
    case 'disconnected':
      return paint('dim', 'disconnected, nothing to report');
    case 'refused':
      return paint('red', `OpenTrain refuses (${reason}): see check`);
    case 'retry':
      return paint('yellow', `not finished (${reason}): run it again`);
  }
}

function entryTable(reports: readonly ConnectionReport[], style: Style): string {
  const rows = reports.flatMap(({ connectionId, entries }) =>
    entries.map((one) => [
      connectionId,
      one.contractId,
      one.trainerId ?? '-',
      one.workDate,
      ...[one.seconds, one.tasks, one.labels].map((measure) => (measure === null ? '-' : String(measure))),
    ]),
  );
  const unfinished = reports.filter(({ outcome }) => outcome !== 'done');
  const others = unfinished.map((one) => `${one.connectionId}: ${told(one, style.paint)}`);
  const listed =
    rows.length === 0
      ? `Nothing would be sent: OpenTrain has ${reports.every(({ left }) => left === 0) ? 'it all' : 'all that could be read'}.`
      : table(['CONNECTION', 'CONTRACT', 'TRAINER', 'DAY', 'SECONDS', 'TASKS', 'LABELS'], rows, style.width);
  return [listed, ...others, ...leftOut(reports, style), 'Nothing was done.'].join('\n');
}
