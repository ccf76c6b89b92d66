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
  readonly state: 'open' | 'ended' | 'parked';
  readonly reason?: ParkedReason | undefined;
  readonly steps?: readonly string[] | undefined;
}

export interface Grants {
  get(ref: GrantRef): Promise<Grant | undefined>;
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
  /** Ends it for good, known before or not. What is known of its trainer and project stays. */
  end(ref: GrantRef, details: GrantDetails, now: number): Promise<Grant>;
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
    async open(ref, details, now) {
      const { kind } = await table.change(grantKey(ref), {
        set: { ...named(ref), ...details, state: 'open', updatedAt: now },
        remove: ['reason', 'steps'],
        onlyIf: UNLESS_ENDED,
        values: { ended: 'ended' },
      });
      return kind === 'changed';
    },
    async park(ref, details, { reason, steps = [] }, now) {
      const { item } = await table.change(grantKey(ref), {
        set: { ...named(ref), ...details, state: 'parked', reason, steps, updatedAt: now },
        onlyIf: reason === 'action_required' ? UNLESS_ENDED : 'attribute_not_exists(#state) OR #state = :parked',
        values: reason === 'action_required' ? { ended: 'ended' } : { parked: 'parked' },
      });
      return readGrant(item)?.state ?? 'parked';
    },
    async end(ref, { endDate, lastEventId, ...details }, now) {
      const { item } = await table.change(grantKey(ref), {
        set: { ...named(ref), state: 'ended', endDate, lastEventId, updatedAt: now },
        setIfAbsent: { ...details, endedAt: now },
        remove: ['reason', 'steps'],
      });
      return item as Grant;
    },
    async *list(connection, contract) {
      const prefix = contract === undefined ? 'GRANT#' : `GRANT#${contract}#`;
      for await (const item of table.list(`CONN#${connection}`, prefix)) yield item as Grant;
    },
  };
}
