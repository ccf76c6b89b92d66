import { classify } from '../deliveries/classify.ts';
import { lagOf } from '../jobs/lag.ts';
import type { Connection } from '../store/connections.ts';
import { type Hold, namesToKeep } from '../store/reconciliations.ts';
import type { EndpointHealth } from './heal-endpoint.ts';
import type { InstallState } from './install-state.ts';
import type { ReconcileOutcome, ReconcileReport } from './reconcile-connection.ts';
import type { Found, Run } from './repair-all.ts';
import { toRow } from './repairs.ts';

/** What was compared, see `ReconcileReport`. */
export type Checked = Pick<ReconcileReport, 'checked' | 'fullLinks' | 'untold' | 'unlinked' | 'lockedOut'>;

export interface Finding extends Found, Checked {
  readonly install: InstallState['kind'];
  readonly endpoint: EndpointHealth['kind'];
}

/** Leaves a run's summary in the table and in the log, and says what becomes of the run. */
export async function conclude(run: Run, finding: Finding): Promise<ReconcileOutcome> {
  const { request, last, parts, startedAt, repaired } = run;
  const { connectionId, runId, only, isDryRun = false } = request;
  const { checked, fullLinks, untold, unlinked, lockedOut, install, endpoint } = finding;
  const durationMs = parts.clock.now() - startedAt;
  const { counts, waiting, failed, failure } = repaired;
  const isComplete = failure === undefined && install !== 'refused';
  const hold = holdOf(finding.heldRemovals, last?.hold, { runId, since: startedAt, isComplete });
  const report: ReconcileReport = {
    connectionId,
    runId,
    install,
    endpoint,
    checked,
    fullLinks,
    untold,
    unlinked,
    lockedOut,
    repairs: finding.repairs.map(toRow),
    repaired: counts,
    waiting,
    failed,
    held: finding.held.map(toRow),
    unread: finding.unread,
    // A part of the removals cannot be approved: it would say nothing about the rest.
    holdRunId: only === undefined ? hold?.runId : undefined,
    durationMs,
  };
  if (isDryRun) return { kind: 'done', report };

  const outcome = failure?.kind ?? install;
  const summary = { runId, at: startedAt, durationMs, checked, fullLinks, repaired: counts, waiting, failed, outcome };
  const isOfAll = only === undefined && isComplete && (install === 'active' || install === 'back');
  const completeAt = isOfAll ? startedAt : undefined;
  // A part says nothing about the rest: neither when all was complete, nor what is held.
  if (only !== undefined) await parts.store.reconciliations.putPart(connectionId, { ...summary, only });
  else {
    await parts.store.reconciliations.put(connectionId, { ...summary, completeAt, hold });
  }
  await noteTrust(run, finding);
  const lagSeconds = lagOf(connectionNow(run, install), completeAt ?? last?.completeAt, parts.clock.now());
  log(run, finding, { holdRunId: hold?.runId, durationMs, lagSeconds, outcome });
  // A person must look at a refusal: trying again soon is of no use.
  if (failure === undefined || failure.kind === 'opentrain-refuses') return { kind: 'done', report };
  const retryAfterSeconds = failure.kind === 'busy' ? failure.retryAfterSeconds : undefined;
  return { kind: 'retry', reason: failure.kind, retryAfterSeconds, report };
}

/** What a run began with may have changed in it. */
function connectionNow({ connection, startedAt }: Run, install: InstallState['kind']): Connection {
  if (install === 'back') return { ...connection, status: 'active', connectedAt: startedAt };
  return { ...connection, status: install === 'disconnected' ? install : 'active' };
}

/**
 * Leaves the summary of a run that came to nothing, for whatever reason; only where the table is away, there is none but the
 * line in the log. A dry run leaves none.
 */
export async function concludeUnfinished(
  { request, parts, signal, startedAt, repaired }: Pick<Run, 'request' | 'parts' | 'signal' | 'startedAt' | 'repaired'>,
  error: unknown,
): Promise<void> {
  const { connectionId, runId, only, isDryRun = false } = request;
  if (isDryRun) return;
  const { store, clock, logger } = parts;
  const { counts, waiting } = repaired;
  const durationMs = clock.now() - startedAt;
  const failed = repaired.failed + 1;
  const outcome = classify(error, signal).kind;
  const summary = {
    runId,
    at: startedAt,
    durationMs,
    checked: 0,
    fullLinks: 0,
    repaired: counts,
    waiting,
    failed,
    outcome,
  };
  await (only === undefined
    ? store.reconciliations.putUnfinished(connectionId, summary)
    : store.reconciliations.putPart(connectionId, { ...summary, only })
  ).catch(() => undefined);
  const line = { connectionId, runId, count: 0, ...repairsOf(counts), failed, durationMs, outcome };
  logger.warn({ event: 'reconcile.connection-unfinished', ...line });
}

/** How many, and of which kind. */
function repairsOf(counts: Readonly<Record<string, number>>) {
  const repaired = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { repaired, ...(repaired > 0 && { repairedBy: { ...counts } }) };
}

/** Whether OpenTrain takes the token for all that was asked. */
async function noteTrust({ connection, parts, repaired }: Run, { install }: Finding): Promise<void> {
  const { store, clock, logger } = parts;
  const { id: connectionId, attention, refusedSince } = connection;
  if (repaired.failure?.kind === 'opentrain-refuses') {
    await store.connections.markAttention(connectionId, 'opentrain_forbidden', clock.now());
    logger.error({ event: 'connection.needs-attention', connectionId, reason: 'opentrain_forbidden' });
  } else if (install === 'active' && (attention === 'opentrain_forbidden' || refusedSince !== undefined)) {
    await store.connections.clearAttention(connectionId, clock.now());
  }
}

function log(
  { request, parts, repaired }: Run,
  { held, checked }: Finding,
  told: {
    readonly holdRunId: string | undefined;
    readonly durationMs: number;
    readonly lagSeconds: number | undefined;
    readonly outcome: string;
  },
): void {
  const { connectionId, runId } = request;
  const { logger } = parts;
  const { counts, failed, overdue } = repaired;
  const { holdRunId, durationMs, lagSeconds, outcome } = told;
  const line = { connectionId, runId, count: checked, ...repairsOf(counts), held: held.length, failed, durationMs };
  for (const { action: _, why, ...subject } of held.map(toRow)) {
    logger.warn({ event: 'reconcile.removal-held', connectionId, runId, ...subject, reason: why });
  }
  if (held.length > 0) logger.error({ event: 'reconcile.held', ...line, reason: holdRunId });
  logger[failed > 0 ? 'warn' : 'info']({ event: 'reconcile.connection-done', ...line, overdue, lagSeconds, outcome });
}

/**
 * The same removals keep the name of the run that held them first, so that what a person approves is what they saw. A run
 * that could not look at everything forgets none of them.
 */
function holdOf(
  removals: readonly string[],
  known: Hold | undefined,
  { runId, since, isComplete }: { readonly runId: string; readonly since: number; readonly isComplete: boolean },
): Hold | undefined {
  const kept = namesToKeep(removals.toSorted());
  const isKnown =
    known !== undefined &&
    kept.every((name) => known.removals.includes(name)) &&
    (!isComplete || kept.length === known.removals.length);
  if (isKnown) return known;
  return kept.length === 0 ? undefined : { runId, since, count: removals.length, removals: kept };
}
