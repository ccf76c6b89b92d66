import pMap from 'p-map';
import { classify, type Meaning } from '../deliveries/classify.ts';
import type { Verdict } from '../events/event-context.ts';
import { grantName } from '../store/grants.ts';
import { applyRepair, type RepairContext } from './apply-repair.ts';
import { type Admission, type Repair, refOf, toRow } from './repairs.ts';

/** Repairs at once: each is a handful of requests. */
const LANES = 4;

/** What became of the repairs so far. */
export interface Repaired {
  /** By the reason, or by the kind where there is none. */
  readonly counts: Record<string, number>;
  /** Those that wait for consent or for a person. */
  waiting: number;
  /** Those that have waited for a person to act in the workspace for more than a day. */
  overdue: number;
  /** Names of the grants that a person must help with: trying again at once is of no use. */
  readonly stuck: Set<string>;
  /** Those who could not be let in, for whatever passes: the next attempt lets them in. */
  readonly outside: Admission[];
  failed: number;
  /** Of the failures, the one that says best when to come back. */
  failure: Meaning | undefined;
}

export const nothingRepaired = (): Repaired => ({
  counts: {},
  waiting: 0,
  overdue: 0,
  stuck: new Set(),
  outside: [],
  failed: 0,
  failure: undefined,
});

/**
 * Makes repairs, a few at once. Each stands on its own, unless the other side is away altogether.
 *
 * Links come first, then additions, and removals only after all of these: should time run out, somebody is let in late
 * rather than locked out early, and whoever moves from one claim to another never loses their place in between.
 */
export async function makeRepairs(
  repairs: readonly Repair[],
  repaired: Repaired,
  context: RepairContext,
): Promise<void> {
  const { connection, parts, signal } = context;
  for (const kinds of TURNS) {
    await pMap(
      repairs.filter(({ kind }) => kinds.includes(kind)),
      make,
      { concurrency: LANES },
    );
  }

  async function make(repair: Repair): Promise<void> {
    const askedAt = whenAsked(repair);
    const isOverdue = askedAt !== undefined && askedAt < parts.clock.now() - OVERDUE_MILLISECONDS;
    const away = signal.aborted ? ({ kind: 'out-of-time' } as const) : whoIsAway(repaired.failure, repair);
    if (away !== undefined) {
      if (isOverdue && isParkedForPerson(repair)) repaired.overdue += 1;
      if (repair.kind === 'admit') repaired.outside.push(repair);
      return noteFailure(repaired, away);
    }
    const { action, why, ...subject } = toRow(repair);
    const about = { connectionId: connection.id, ...subject, reason: why ?? repair.kind };
    try {
      const verdict = await applyRepair(repair, context);
      if (verdict.kind === 'parked') {
        repaired.waiting += 1;
        if (isOverdue && verdict.reason === 'action_required') repaired.overdue += 1;
        // It waited before, too: nothing has changed.
        if (why === 'was_parked') return;
        if (verdict.reason === 'action_required') {
          if (repair.kind === 'admit') repaired.stuck.add(grantName(refOf(repair, connection.id)));
          parts.logger.error({ event: 'reconcile.needs-person', ...about });
        }
      }
      await remember(repair, verdict, context);
      repaired.counts[about.reason] = (repaired.counts[about.reason] ?? 0) + 1;
      parts.logger.info({ event: 'reconcile.repaired', ...about, outcome: repair.kind });
    } catch (error) {
      const meaning = classify(error, signal);
      if (meaning.kind === 'needs-person') {
        repaired.waiting += 1;
        if (isOverdue) repaired.overdue += 1;
        // Of those that were parked for it, somebody was told when they were.
        if (why !== 'was_parked') parts.logger.error({ event: 'reconcile.needs-person', ...about, error });
        return;
      }
      if (isOverdue && isParkedForPerson(repair)) repaired.overdue += 1;
      noteFailure(repaired, meaning);
      if (repair.kind === 'admit') repaired.outside.push(repair);
      const level = meaning.kind === 'busy' || meaning.kind === 'out-of-time' ? 'warn' : 'error';
      parts.logger[level]({ event: 'reconcile.repair-failed', ...about, outcome: repair.kind, error });
    }
  }
}

/** For whoever asks about the trainer: that a link was noted is about nobody. */
async function remember(repair: Repair, verdict: Verdict, { runId, connection, parts }: RepairContext): Promise<void> {
  if (repair.kind === 'record-link' || repair.kind === 'remove-link') return;
  const { why, trainerId, contractId, linkId, projectId } = toRow(repair);
  const reason = verdict.kind === 'done' ? verdict.note : verdict.reason;
  const subjects = { trainerId, contractId, linkId, projectId };
  const record = { runId, repair: repair.kind, why, ...subjects, status: verdict.kind, reason };
  await parts.store.repairs.record(connection.id, record, parts.clock.now());
}

const TURNS: readonly (readonly Repair['kind'][])[] = [
  ['record-link', 'restore-link', 'remove-link'],
  ['admit', 'let-in'],
  ['dismiss', 'suspend', 'release', 'take-out', 'settle'],
];

/** For so long a person may take before others are told. */
const OVERDUE_MILLISECONDS = 24 * 3600_000;

const isParkedForPerson = (repair: Repair): boolean =>
  repair.kind === 'admit' && repair.grant?.state === 'parked' && repair.grant.reason === 'action_required';

/**
 * Since when a person may have been asked, milliseconds since the epoch: since the grant was parked for it, or since the last
 * claim of the seat was taken back. Reconciliation writes neither as long as nothing changes.
 */
function whenAsked(repair: Repair): number | undefined {
  if (repair.kind === 'admit') return isParkedForPerson(repair) ? repair.grant?.updatedAt : undefined;
  return repair.kind === 'take-out' ? repair.seat.updatedAt : undefined;
}

/** The workspace is needed for everything, OpenTrain only to find out who a newcomer is. */
function whoIsAway(failure: Meaning | undefined, { kind }: Repair): Meaning | undefined {
  if (failure?.kind !== 'busy') return undefined;
  return failure.reason === 'workspace_unavailable' || kind === 'admit' ? failure : undefined;
}

/** One thing more that could not be done. Of several failures, that of a side that is busy says best when to come back. */
export function noteFailure(repaired: Repaired, meaning: Meaning): void {
  repaired.failed += 1;
  const isWorse = repaired.failure === undefined || RANK[meaning.kind] > RANK[repaired.failure.kind];
  if (isWorse) repaired.failure = meaning;
}

const RANK: Readonly<Record<Meaning['kind'], number>> = {
  'opentrain-refuses': 0,
  'needs-person': 1,
  unforeseen: 1,
  'workspace-refuses': 1,
  'out-of-time': 2,
  busy: 3,
};
