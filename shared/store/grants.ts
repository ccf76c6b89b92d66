import type { ConnectionId, ContractId, JobId, LinkId, ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** Which claim: one contract's, on one link's project. */
export interface GrantRef {
  readonly connectionId: ConnectionId;
  readonly contractId: ContractId;
  readonly linkId: LinkId;
}

/** Why a grant is waiting. */
export type ParkedReason =
  /** No Work Email to be had: the customer's PII consent or the token's `participants:email` scope is missing. */
  | 'waiting_for_consent'
  /** OpenTrain names no participant, or several where one was expected. */
  | 'trainer_unclear'
  /** The workspace's API cannot do it; `steps` says what a person does. */
  | 'action_required';

export interface GrantDetails {
  readonly trainerId?: TrainerId | undefined;
  readonly displayName?: string | undefined;
  readonly workEmail?: WorkEmail | undefined;
  readonly projectId?: ProjectId | undefined;
  readonly workspaceId?: WorkspaceId | undefined;
  readonly jobId?: JobId | undefined;
  readonly title?: string | undefined;
  /** As OpenTrain wrote them. */
  readonly startDate?: string | undefined;
  readonly endDate?: string | undefined;
  readonly lastEventId?: string | undefined;
}

/** One contract's claim that its trainer may work in one link's project. */
export interface Grant extends GrantRef, GrantDetails {
  /**
   * `ended` is final. `suspended` is not: its connection was away for longer than the grace period, or OpenTrain told of its
   * contract neither as running nor as ended; it is opened again when that is over.
   */
  readonly state: 'open' | 'ended' | 'parked' | 'suspended';
  readonly reason?: ParkedReason | undefined;
  readonly steps?: readonly string[] | undefined;
  /** Milliseconds since the epoch: when the connector first opened it. */
  readonly openedAt?: number | undefined;
  /** Milliseconds since the epoch: when the connector took the claim for over, be it for the contract or for its link. */
  readonly endedAt?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly updatedAt?: number | undefined;
  /** Whether its project was ever to be warned of its budget: then whoever ends it looks after the project's notice. */
  readonly warned?: boolean | undefined;
}

export interface Grants {
  get(ref: GrantRef): Promise<Grant | undefined>;
  /** Many at once; those that do not exist are left out. */
  getAll(refs: readonly GrantRef[]): Promise<Grant[]>;
  /** @returns false when the grant has ended, which is final (rule 3) */
  open(ref: GrantRef, details: GrantDetails, now: number): Promise<boolean>;
  /**
   * Notes that the grant waits, and for what. Waiting for a Work Email or a name overrules no open grant, which has them.
   *
   * @returns the state that the grant is in now
   */
  park(
    ref: GrantRef,
    details: GrantDetails,
    why: { reason: ParkedReason; steps?: readonly string[] },
    now: number,
  ): Promise<Grant['state']>;
  /** Takes the claim back until it is opened again. @returns undefined when it has ended, or was never there */
  suspend(ref: GrantRef, now: number): Promise<Grant | undefined>;
  /** Ends it for good, known before or not. What is known of its trainer and project stays. */
  end(ref: GrantRef, details: GrantDetails, now: number): Promise<Grant>;
  /** See `warned`. */
  markWarned(ref: GrantRef): Promise<void>;
  /** Every grant of a connection, or of one of its contracts, page by page. */
  list(connection: ConnectionId, contract?: ContractId): AsyncIterable<Grant>;
}

export const grantKey = ({ connectionId, contractId, linkId }: GrantRef): Key => ({
  pk: `CONN#${connectionId}`,
  sk: `GRANT#${contractId}#${linkId}`,
});

/** The grant's name within a seat. */
export const grantName = ({ connectionId, contractId, linkId }: GrantRef): string =>
  `${connectionId}/${contractId}/${linkId}`;

/** A grant is a `GrantRef` too; only what names it is written. */
const named = ({ connectionId, contractId, linkId }: GrantRef): GrantRef => ({ connectionId, contractId, linkId });

export function readGrant(item: Item | undefined): Grant | undefined {
  return item as Grant | undefined;
}

const UNLESS_ENDED = 'attribute_not_exists(#state) OR #state <> :ended';

export function createGrants(table: Table): Grants {
  return {
    async get(ref) {
      return readGrant(await table.get(grantKey(ref)));
    },
    async getAll(refs) {
      // DynamoDB refuses to be asked for the same item twice at once.
      const once = new Map(refs.map((ref) => [grantName(ref), ref]));
      return (await table.getAll([...once.values()].map(grantKey))).flatMap((item) => readGrant(item) ?? []);
    },
    async open(ref, details, now) {
      const { kind } = await table.change(grantKey(ref), {
        set: { ...named(ref), ...details, state: 'open', updatedAt: now },
        setIfAbsent: { openedAt: now },
        remove: ['reason', 'steps'],
        onlyIf: UNLESS_ENDED,
        values: { ended: 'ended' },
      });
      return kind === 'changed';
    },
    async park(ref, details, { reason, steps = [] }, now) {
      const { item } = await table.change(grantKey(ref), {
        set: { ...named(ref), ...details, state: 'parked', reason, steps, updatedAt: now },
        onlyIf:
          reason === 'action_required'
            ? UNLESS_ENDED
            : 'attribute_not_exists(#state) OR #state IN (:parked, :suspended)',
        values: reason === 'action_required' ? { ended: 'ended' } : { parked: 'parked', suspended: 'suspended' },
      });
      return readGrant(item)?.state ?? 'parked';
    },
    async suspend(ref, now) {
      const changed = await table.change(grantKey(ref), {
        set: { state: 'suspended', updatedAt: now },
        remove: ['reason', 'steps'],
        onlyIf: 'attribute_exists(#state) AND #state <> :ended',
        values: { ended: 'ended' },
      });
      return changed.kind === 'changed' ? (changed.item as Grant) : undefined;
    },
    async end(ref, { endDate, lastEventId, ...details }, now) {
      const { item } = await table.change(grantKey(ref), {
        set: { ...named(ref), state: 'ended', endDate, lastEventId, updatedAt: now },
        setIfAbsent: { ...details, endedAt: now },
        remove: ['reason', 'steps'],
      });
      return item as Grant;
    },
    async markWarned(ref) {
      await table.change(grantKey(ref), { set: { warned: true }, onlyIf: 'attribute_exists(#pk)' });
    },
    async *list(connection, contract) {
      const prefix = contract === undefined ? 'GRANT#' : `GRANT#${contract}#`;
      for await (const item of table.list(`CONN#${connection}`, prefix)) yield item as Grant;
    },
  };
}
