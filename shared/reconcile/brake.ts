import type { LinkId } from '../ids.ts';
import { type GrantRef, grantName } from '../store/grants.ts';
import type { Seat, SeatRef } from '../store/seats.ts';
import type { Repair } from './repairs.ts';

/** Rule 10: as many removals pass in one run, however few seats there are; and a fifth of the seats, where that is more. */
const ALWAYS_ALLOWED = 3;
const SHARE_ALLOWED = 0.2;

export interface Braked {
  readonly go: readonly Repair[];
  /** Repairs by which somebody would lose their place, or a link all of its people: they wait for a person. */
  readonly held: readonly Repair[];
  /** Names of the seats that would be lost with them. */
  readonly heldRemovals: readonly string[];
}

export interface BrakeLimits {
  /** How many seats the connection holds. */
  readonly seats: number;
  /** The seat that a grant's claim is in. */
  readonly seatWith: (grant: GrantRef) => Seat | undefined;
  /** Names of removals that a person has approved: they pass, and do not count. */
  readonly approved: ReadonlySet<string>;
  /** Whether somebody has disconnected on purpose, so that the seat is meant to be given up. */
  readonly isMeant: (seat: SeatRef) => boolean;
}

/**
 * Holds the removals of a run that has too many of them: what OpenTrain or the workspace says may be wrong, and a mistake
 * must not lock a whole workforce out. What counts is who would lose their place: a claim may go where another one stays.
 */
export function brake(repairs: readonly Repair[], limits: BrakeLimits): Braked {
  const { seats, seatWith, approved, isMeant } = limits;
  const leaving = new Map<string, { readonly seat: Seat; readonly repairs: Repair[]; readonly claims: Set<string> }>();
  for (const repair of repairs) {
    const seat = seatLeft(repair, seatWith);
    if (seat === undefined) continue;
    const name = seatName(seat);
    const one = leaving.get(name) ?? { seat, repairs: [], claims: new Set() };
    leaving.set(name, one);
    one.repairs.push(repair);
    if ('grant' in repair && repair.grant !== undefined) one.claims.add(grantName(repair.grant));
  }

  const lost = [...leaving].filter(
    ([name, { seat, claims }]) =>
      !approved.has(name) && !isMeant(seat) && [...seat.openGrants].every((claim) => claims.has(claim)),
  );
  if (lost.length <= Math.max(ALWAYS_ALLOWED, Math.floor(SHARE_ALLOWED * seats))) {
    return { go: repairs, held: [], heldRemovals: [] };
  }
  const ofSeats = lost.flatMap(([, { repairs }]) => repairs);
  // A link is given up as a whole or not at all: a gravestone would let nobody in whom a person may find to belong there.
  const links = new Set(ofSeats.flatMap((repair) => linkGivenUp(repair) ?? []));
  const isOfLink = (repair: Repair) => {
    const [link, seat] = [linkGivenUp(repair), seatLeft(repair, seatWith)];
    const isApproved = seat !== undefined && approved.has(seatName(seat));
    return link !== undefined && links.has(link) && !isApproved;
  };
  const held = new Set([...ofSeats, ...repairs.filter(isOfLink)]);
  return {
    go: repairs.filter((repair) => !held.has(repair)),
    held: [...held],
    heldRemovals: lost.map(([name]) => name).sort(),
  };
}

/** Names a seat, and so the loss of it, the same from run to run. */
export const seatName = ({ workspaceId, project, trainerId }: SeatRef): string =>
  JSON.stringify([workspaceId, project, trainerId]);

export const isRemoval = ({ kind }: Repair): boolean => REMOVALS.includes(kind);

const REMOVALS: readonly Repair['kind'][] = ['remove-link', 'dismiss', 'suspend', 'release', 'take-out'];

/** The link that a repair takes for removed. */
function linkGivenUp(repair: Repair): LinkId | undefined {
  if (repair.kind === 'remove-link') return repair.linkId;
  return repair.kind === 'dismiss' && repair.why === 'link_removed' ? repair.grant.linkId : undefined;
}

/** Where a repair takes a claim or a person away. */
export function seatLeft(repair: Repair, seatWith: BrakeLimits['seatWith']): Seat | undefined {
  switch (repair.kind) {
    case 'dismiss':
    case 'suspend':
      return seatWith(repair.grant);
    case 'release':
    case 'take-out':
      return repair.seat;
    default:
      return undefined;
  }
}
