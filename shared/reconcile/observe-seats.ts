import { type Place, seatOf } from '../access/access.ts';
import { isStanding } from '../budget/open-contracts.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import { type GrantRef, grantName } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import type { Seat, SeatRef } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { Observation } from './observe.ts';

/** A project, or a whole workspace where that is the finest that the platform can do. */
export interface ObservedPlace {
  readonly place: Place;
  readonly project: SeatRef['project'];
  /**
   * Those that the connection has a claim in, and those that nobody has: who should be out is everybody's business. Other
   * customers look after their own.
   */
  readonly seats: readonly Seat[];
}

/** A claim in a seat whose grant is over. */
export interface LeftBehind {
  readonly seat: Seat;
  readonly grant: GrantRef;
}

export interface ObservedSeats {
  readonly places: readonly ObservedPlace[];
  /** The seat that the grant's claim is in. */
  seatWith(grant: GrantRef): Seat | undefined;
  readonly leftBehind: readonly LeftBehind[];
  /** How many seats the connection holds: what rule 10 takes its share of. */
  readonly held: number;
}

export interface SeatParts {
  readonly store: Pick<Store, 'seats' | 'grants'>;
  readonly placeOf: (workspace: WorkspaceId) => Promise<Place>;
}

/** @param projects - where to look, besides those that grants are in */
export async function observeSeats(
  { connectionId, grants, projects: ofGrants }: Observation,
  projects: readonly WorkspaceProject[],
  { store, placeOf }: SeatParts,
): Promise<ObservedSeats> {
  const wanted = new Map<string, Omit<ObservedPlace, 'seats'>>();
  for (const { workspaceId, projectId } of [...projects, ...ofGrants]) {
    const place = await placeOf(workspaceId);
    const project = projectOf(place, projectId);
    wanted.set(JSON.stringify([workspaceId, project]), { place, project });
  }

  const places: ObservedPlace[] = [];
  const claims = new Map<string, Seat>();
  const suspects: LeftBehind[] = [];
  let held = 0;
  for (const { place, project } of wanted.values()) {
    const seats: Seat[] = [];
    for await (const seat of store.seats.list(place.workspaceId, project)) {
      const own = claimsOf(connectionId, seat);
      if (own.length === 0 && seat.openGrants.size > 0) continue;
      seats.push(seat);
      if (own.length > 0) held += 1;
      for (const ref of own) {
        claims.set(grantName(ref), seat);
        const grant = grants.get(grantName(ref));
        if (grant === undefined || !isStanding(grant)) suspects.push({ seat, grant: ref });
      }
    }
    places.push({ place, project, seats });
  }
  return {
    places,
    held,
    seatWith: (grant) => claims.get(grantName(grant)),
    leftBehind: await whoseGrantIsOver(suspects, store),
  };
}

/** Any trainer's seat will do: what counts is how finely the workspace can tell. */
const projectOf = (place: Place, projectId: ProjectId): SeatRef['project'] =>
  seatOf(place, projectId, '' as TrainerId).project;

/** A grant may have been opened, or ended, since the others were read. */
async function whoseGrantIsOver(suspects: readonly LeftBehind[], { grants }: Pick<Store, 'grants'>) {
  const found = await grants.getAll(suspects.map(({ grant }) => grant));
  const standing = new Set(found.filter(isStanding).map(grantName));
  return suspects.filter(({ grant }) => !standing.has(grantName(grant)));
}

/** A connection's own claims in a seat. */
export const claimsOf = (connectionId: ConnectionId, { openGrants }: Seat): GrantRef[] =>
  [...openGrants].filter((name) => name.startsWith(`${connectionId}/`)).map((name) => toRef(connectionId, name));

/** The reverse of `grantName`. */
function toRef(connectionId: ConnectionId, name: string): GrantRef {
  const rest = name.slice(connectionId.length + 1);
  const split = rest.lastIndexOf('/');
  return { connectionId, contractId: rest.slice(0, split) as ContractId, linkId: rest.slice(split + 1) as LinkId };
}
