import type { ProjectId } from '../ids.ts';
import type { Seat } from '../store/seats.ts';
import type { Member } from '../workspace/port.ts';
import type { ObservedPlace } from './observe-seats.ts';
import type { Repair } from './repairs.ts';

export type Drift = Extract<Repair, { readonly kind: 'let-in' | 'take-out' | 'settle' }>;

/**
 * Compares one project's seats with who is really in it. People without a seat are nobody that the connector let in, and
 * are never touched.
 *
 * @param isWaiting - whether a person must help with the seat: trying again is the grant's business
 */
export async function findDrift(
  { place, project, seats }: ObservedPlace,
  isWaiting: (seat: Seat) => boolean,
  signal: AbortSignal,
): Promise<Drift[]> {
  if (seats.length === 0) return [];
  const seatOf = finderOf(seats);
  const present = new Set<Seat>();
  for await (const member of place.workspace.listAccess({ projectId: project as ProjectId }, signal)) {
    const seat = seatOf(member);
    if (seat !== undefined) present.add(seat);
  }
  return seats.flatMap((seat): Drift[] => {
    const shouldBeIn = seat.openGrants.size > 0;
    if (shouldBeIn === present.has(seat)) {
      if (seat.settled || isWaiting(seat)) return [];
      return [{ kind: 'settle', why: 'unsettled', seat }];
    }
    if (!shouldBeIn) return [{ kind: 'take-out', why: 'still_in_workspace', seat }];
    return isWaiting(seat) ? [] : [{ kind: 'let-in', why: 'missing_in_workspace', seat }];
  });
}

/** By what the platform tells of a person; the noted member id last, for a rebuilt workspace may have given it to another. */
function finderOf(seats: readonly Seat[]): (member: Member) => Seat | undefined {
  const byTrainer = new Map<string, Seat>();
  const byMember = new Map<string, Seat>();
  const byAddress = new Map<string, Seat>();
  for (const seat of seats) {
    byTrainer.set(seat.trainerId, seat);
    if (seat.memberId !== undefined) byMember.set(seat.memberId, seat);
    byAddress.set(seat.trainer.workEmail, seat);
  }
  return ({ opentrainUserId, memberId, workEmail }) =>
    byTrainer.get(opentrainUserId ?? '') ?? byAddress.get(workEmail ?? '') ?? byMember.get(memberId ?? '');
}
