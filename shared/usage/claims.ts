import type { ContractId, ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../ids.ts';
import type { Grant } from '../store/grants.ts';
import { DAY_MILLISECONDS, midnightOf, parseWorkDate } from './work-days.ts';

/** Time, [from, to): milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A contract's claim to its trainer's work in one project, for as long as the contract and the link last. */
export interface Claim extends Span {
  readonly contractId: ContractId;
  readonly trainerId: TrainerId;
  readonly workEmail: WorkEmail;
  readonly workspaceId: WorkspaceId;
  readonly projectId: ProjectId;
}

/**
 * The time that a grant stands for: its contract's own start and end, but not longer than its link.
 *
 * A start or an end that is a date only counts as the whole day, and as no longer than the connector let it be: somebody
 * who was hired again on the day of the end has each contract's share. A start that was never told is when the connector
 * let its trainer in, so that it takes nothing from a contract before it.
 */
export function spanOf({ state, startDate, endDate, openedAt, endedAt }: Grant): Span {
  const to = Math.min(
    endOf(endDate),
    state === 'ended' ? (endedAt ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
  );
  return { from: timeOf(startDate) ?? openedAt ?? Number.NEGATIVE_INFINITY, to };
}

function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}

/** When the contract is over by what OpenTrain wrote of its end: infinity while it wrote nothing. */
export function endOf(text: string | undefined): number {
  const day = text === undefined ? undefined : parseWorkDate(text);
  return day === undefined ? (timeOf(text) ?? Number.POSITIVE_INFINITY) : day + DAY_MILLISECONDS;
}

/**
 * A grant has a Work Email from when it first tried to let its trainer in: one that has waited for consent all the time,
 * or whose end was told before its beginning, stands for no work, and takes none from a contract that did let them in.
 *
 * @returns undefined for a grant that never let anybody in
 */
export function claimOf(grant: Grant): Claim | undefined {
  const { contractId, trainerId, workEmail, workspaceId, projectId } = grant;
  if (trainerId === undefined || workEmail === undefined) return undefined;
  if (workspaceId === undefined || projectId === undefined) return undefined;
  return { contractId, trainerId, workEmail, workspaceId, projectId, ...spanOf(grant) };
}

/**
 * Whether the grant's work may still change: it is open, or ended since the look-back. The end counts when the connector
 * heard of it, since work may have been reported until then.
 *
 * @param since - the look-back, milliseconds since the epoch
 */
export function isCurrent({ state, endedAt }: Grant, since: number): boolean {
  return state !== 'ended' || endedAt === undefined || endedAt >= since;
}

/**
 * Sees to it that no work counts twice: where two claims of one trainer on one project overlap (contracts that end and
 * begin on one day, of which OpenTrain told the date only, or a link that was made again), the earlier one has the time.
 */
export function withoutOverlaps(claims: readonly Claim[]): Claim[] {
  const reached = new Map<string, number>();
  return claims.toSorted(byStart).flatMap((claim) => {
    const place = JSON.stringify([claim.workspaceId, claim.projectId, claim.trainerId]);
    const from = Math.max(claim.from, reached.get(place) ?? Number.NEGATIVE_INFINITY);
    if (from >= claim.to) return [];
    reached.set(place, claim.to);
    return [{ ...claim, from }];
  });
}

function byStart(one: Claim, other: Claim): number {
  if (one.from !== other.from) return one.from < other.from ? -1 : 1;
  if (one.to !== other.to) return one.to < other.to ? -1 : 1;
  return one.contractId < other.contractId ? -1 : 1;
}

/** The days of a window that a claim has as a whole, and those of which it has a part only. */
export interface ClaimedDays {
  readonly whole: Span | undefined;
  /** At most two: the day of the start and the day of the end. */
  readonly parts: readonly Span[];
}

/** @param window - from a midnight to now: now is the end of its day as far as work is concerned */
export function claimedDays(claim: Span, window: Span): ClaimedDays {
  const from = Math.max(claim.from, window.from);
  const to = Math.min(claim.to, window.to);
  if (from >= to) return { whole: undefined, parts: [] };
  const firstWhole = from === midnightOf(from) ? from : midnightOf(from) + DAY_MILLISECONDS;
  const lastWhole = to === window.to ? to : midnightOf(to);
  if (firstWhole > lastWhole) return { whole: undefined, parts: [{ from, to }] };
  return {
    whole: firstWhole < lastWhole ? { from: firstWhole, to: lastWhole } : undefined,
    parts: [
      { from, to: Math.min(firstWhole, to) },
      { from: Math.max(lastWhole, from), to },
    ].filter((part) => part.from < part.to),
  };
}
