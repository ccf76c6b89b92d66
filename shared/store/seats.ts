import type { MemberId, ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import type { Trainer } from '../workspace/port.ts';
import { type GrantRef, grantName } from './grants.ts';
import type { Item, Key, Table } from './table.ts';

/** Which seat: one trainer in one project of one workspace, or in all of it (`*`) where the platform cannot tell. */
export interface SeatRef {
  readonly workspaceId: WorkspaceId;
  readonly project: ProjectId | '*';
  readonly trainerId: TrainerId;
}

/** One trainer's place in a project. They belong there exactly while some grant is open (rule 4). */
export interface Seat extends SeatRef {
  readonly trainer: Trainer;
  /** Names of the open grants, of whatever connection. */
  readonly openGrants: ReadonlySet<string>;
  /** Grows with every claim and release, so that whoever acts can tell whether the seat has moved meanwhile. */
  readonly revision: number;
  /** Kept for good once known: after a removal some platforms no longer find the person by address. */
  readonly memberId?: MemberId | undefined;
  /** What was last made so in the workspace. `converge` does not trust it and looks at the workspace itself. */
  readonly applied?: 'in' | 'out' | undefined;
  /** Whether nobody has claimed or released since that was made so. */
  readonly settled: boolean;
  /** Milliseconds since the epoch: the last claim or release. */
  readonly updatedAt?: number | undefined;
}

export type Settled = { readonly kind: 'settled' } | { readonly kind: 'moved'; readonly seat: Seat };

export interface Seats {
  get(ref: SeatRef): Promise<Seat | undefined>;
  /** Many at once; those that do not exist are left out. */
  getAll(refs: readonly SeatRef[]): Promise<Seat[]>;
  /** Everybody who ever had a seat in the project, page by page. */
  list(workspaceId: WorkspaceId, project: SeatRef['project']): AsyncIterable<Seat>;
  /** Adds an open grant, making the seat if there is none. */
  claim(ref: SeatRef, grant: GrantRef, trainer: Trainer, now: number): Promise<Seat>;
  /** Takes an open grant out. @returns undefined when there is no such seat, and so nothing to take away */
  release(ref: SeatRef, grant: GrantRef, now: number): Promise<Seat | undefined>;
  /** Writes what was made so, unless the seat has moved since it was read. */
  settle(seat: Seat, made: { applied: 'in' | 'out'; memberId?: MemberId | undefined }, now: number): Promise<Settled>;
}

const SEAT = 'SEAT#';

const seatKey = ({ workspaceId, project, trainerId }: SeatRef): Key => ({
  pk: `WS#${workspaceId}#${project}`,
  sk: `${SEAT}${trainerId}`,
});

/** Source of the set that is absent: DynamoDB keeps no empty sets. */
function readSeat(ref: SeatRef, item: Item): Seat {
  const { workEmail, displayName, openGrants, revision, memberId, applied, settledRevision, updatedAt } = item;
  const trainer = { opentrainUserId: ref.trainerId, workEmail, displayName };
  const settled = settledRevision === revision;
  return { ...ref, trainer, openGrants: openGrants ?? new Set(), revision, memberId, applied, settled, updatedAt };
}

export function createSeats(table: Table): Seats {
  return {
    async get(ref) {
      const item = await table.get(seatKey(ref));
      return item === undefined ? undefined : readSeat(ref, item);
    },
    async getAll(refs) {
      const items = await table.getAll(refs.map(seatKey));
      return refs.flatMap((ref, index) => {
        const item = items[index];
        return item === undefined ? [] : [readSeat(ref, item)];
      });
    },
    async *list(workspaceId, project) {
      for await (const item of table.list(`WS#${workspaceId}#${project}`, SEAT)) {
        const trainerId = String(item.sk).slice(SEAT.length) as TrainerId;
        yield readSeat({ workspaceId, project, trainerId }, item);
      }
    },
    async claim(ref, grant, { workEmail, displayName }, now) {
      const { item = {} } = await table.change(seatKey(ref), {
        set: { workEmail, displayName, updatedAt: now },
        add: { openGrants: new Set([grantName(grant)]), revision: 1 },
      });
      return readSeat(ref, item);
    },
    async release(ref, grant, now) {
      const changed = await table.change(seatKey(ref), {
        set: { updatedAt: now },
        add: { revision: 1 },
        takeOut: { openGrants: new Set([grantName(grant)]) },
        onlyIf: 'attribute_exists(#pk)',
      });
      return changed.kind === 'changed' ? readSeat(ref, changed.item) : undefined;
    },
    async settle(seat, { applied, memberId }, now) {
      const changed = await table.change(seatKey(seat), {
        set: { applied, memberId, settledRevision: seat.revision, appliedAt: now },
        onlyIf: '#revision = :revision',
        values: { revision: seat.revision },
      });
      if (changed.kind === 'changed') return { kind: 'settled' };
      return { kind: 'moved', seat: readSeat(seat, changed.item ?? {}) };
    },
  };
}
