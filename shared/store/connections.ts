import type { ConnectionId, InstallId, WorkspaceId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** The workspace of a deployment, which its connections share. */
export const DEFAULT_WORKSPACE = 'default' as WorkspaceId;

/** One customer's install of the platform's app. Its token and secrets are in SSM, never here. */
export interface Connection {
  readonly id: ConnectionId;
  readonly status: 'active' | 'disconnected';
  readonly disconnectedReason?: DisconnectedReason;
  /** Milliseconds since the epoch. */
  readonly disconnectedAt?: number;
  /** Absent until the connection was made through the connector; from then on a revocation must name it to count. */
  readonly installId?: InstallId;
  /** Milliseconds since the epoch: when it was last connected, be it for the first time, anew, or by a refusal taken back. */
  readonly connectedAt?: number;
  /** Milliseconds since the epoch: when that install took the place of an earlier one. */
  readonly reconnectedAt?: number;
  /** Why a person should look: OpenTrain refuses the token. Deliveries that need the API wait meanwhile. */
  readonly attention?: string;
  /** Milliseconds since the epoch. */
  readonly attentionSince?: number;
  /** Milliseconds since the epoch: from then on, every reconciliation found that OpenTrain refuses the token. */
  readonly refusedSince?: number;
  /** `default` unless the connection has a workspace of its own. */
  readonly workspaceId: WorkspaceId;
  /** The customer, by OpenTrain's id: a token of another one is not taken by accident. */
  readonly organizationId?: string;
  /** The platform's app at OpenTrain, for the consent link. */
  readonly partnerSlug?: string;
  readonly scopes?: readonly string[];
  readonly piiConsent?: boolean;
  /** The webhook endpoint; it works if the secret with this fingerprint is among the stored ones. */
  readonly endpointId?: string;
  /** See `webhookSecret`. */
  readonly secretId?: string;
  readonly rotation?: Rotation;
  /** Its endpoint was to be healed, and OpenTrain was not yet asked for what it had failed to deliver. */
  readonly redeliveryDue?: boolean;
  /** The day (`YYYY-MM-DD`, UTC) on which its endpoint was last healed, and how often it was on that day. */
  readonly healingDay?: string;
  readonly healings?: number;
  /** Milliseconds since the epoch: when its usage was last reported to the end. */
  readonly usageReportedAt?: number;
}

export type DisconnectedReason =
  /** The customer disconnected at OpenTrain. */
  | 'install_revoked'
  | 'by_operator'
  /** OpenTrain has refused the token for a while, without a word of a revocation. */
  | 'token_refused';

/** A second endpoint, with a secret of its own, is about to take the place of the first. */
export interface Rotation {
  readonly newEndpointId: string;
  /** Fingerprint of its secret. */
  readonly newSecretId: string;
  /** Milliseconds since the epoch: from then on, whatever happens is told to both endpoints. */
  readonly startedAt: number;
  /** Milliseconds since the epoch: when the worker first saw a delivery that is signed with the new secret. */
  readonly deliveredAt?: number;
}

/** One endpoint with its secret's fingerprint. */
export type KnownEndpoint = Required<Pick<Connection, 'endpointId' | 'secretId'>>;

export interface Connections {
  get(id: ConnectionId): Promise<Connection>;
  /** @returns undefined when nothing was ever written of it, so that `get` would tell the defaults */
  find(id: ConnectionId): Promise<Connection | undefined>;
  /** Every connection that was ever made, disconnected ones too, page by page. */
  list(): AsyncIterable<ConnectionId>;
  /** The active connections that are made of an install: none, or one, unless two were made at the same time. */
  withInstall(install: InstallId): AsyncIterable<Connection>;
  /**
   * Writes what a fresh install is; whatever was wrong with an earlier one is over. Of endpoint, rotation and the redelivery that
   * is due only those stay that are given.
   */
  connect(connection: FreshConnection, now: number): Promise<void>;
  /** Notes the one endpoint of the connection, which ends a rotation. */
  noteEndpoint(id: ConnectionId, endpoint: KnownEndpoint, now: number): Promise<void>;
  forgetEndpoint(id: ConnectionId, now: number): Promise<void>;
  startRotation(id: ConnectionId, rotation: Rotation, now: number): Promise<void>;
  dropRotation(id: ConnectionId, now: number): Promise<void>;
  /** Notes the new endpoint's first delivery, unless that rotation is over by now. */
  noteRotationDelivered(id: ConnectionId, rotation: Rotation, now: number): Promise<void>;
  /** @returns false when the connection has moved on to a newer install (rule 3) */
  disconnect(id: ConnectionId, install: InstallId, now: number): Promise<boolean>;
  /** @param gone - whether its endpoint is known to be deleted; if not, its id stays, for whoever looks for it */
  disconnectByOperator(id: ConnectionId, { gone }: { readonly gone: boolean }, now: number): Promise<void>;
  markAttention(id: ConnectionId, reason: string, now: number): Promise<void>;
  clearAttention(id: ConnectionId, now: number): Promise<void>;
  /** Notes that all usage up to then was reported, or set aside with its reason. */
  noteUsageReported(id: ConnectionId, now: number): Promise<void>;
  /**
   * Notes that one part of a run that was split is reported.
   *
   * @returns whether it was the last of the run's parts
   */
  noteUsagePart(id: ConnectionId, part: UsagePart): Promise<boolean>;
  /** Notes that OpenTrain refuses the token. @returns since when, see `refusedSince` */
  noteRefused(id: ConnectionId, now: number): Promise<number>;
  /** @returns false when the connection is not active, or has moved on to another install */
  disconnectRefused(connection: Connection, now: number): Promise<boolean>;
  /** Takes a refusal back: OpenTrain takes the token again. */
  reactivate(id: ConnectionId, now: number): Promise<void>;
  /** What the install lets the connector do, where that is not what was noted. */
  noteInstall(id: ConnectionId, install: Pick<Connection, 'scopes' | 'piiConsent'>, now: number): Promise<void>;
  /** For right before its endpoint is healed, see `redeliveryDue`. */
  noteRedeliveryDue(id: ConnectionId): Promise<void>;
  /** Counts that its endpoint was healed once more today (UTC). */
  countHealing(id: ConnectionId, now: number): Promise<void>;
  noteRedelivered(id: ConnectionId): Promise<void>;
}

/** One of so many parts of a run, from 0. The run is told from others by when it was planned, milliseconds since the epoch. */
export interface UsagePart {
  readonly plannedAt: number;
  readonly index: number;
  readonly of: number;
}

export type FreshConnection = Pick<
  Connection,
  | 'id'
  | 'installId'
  | 'reconnectedAt'
  | 'workspaceId'
  | 'organizationId'
  | 'partnerSlug'
  | 'scopes'
  | 'piiConsent'
  | 'endpointId'
  | 'secretId'
  | 'rotation'
  | 'redeliveryDue'
>;

export const connectionKey = (id: ConnectionId): Key => ({ pk: `CONN#${id}`, sk: 'META' });

/** The directory: what is kept of a connection lies in a partition of its own, and the table is never scanned. */
const DIRECTORY = 'CONNECTIONS';
const directoryKey = (id: ConnectionId): Key => ({ pk: DIRECTORY, sk: `CONN#${id}` });

const dayOf = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 10);

/** How often the connection's endpoint was healed today (UTC). */
export const healingsToday = ({ healingDay, healings = 0 }: Connection, now: number): number =>
  healingDay === dayOf(now) ? healings : 0;

/** A connection whose secrets are in the store but which was never written here is an active one on the defaults. */
export function readConnection(id: ConnectionId, item: Item | undefined): Connection {
  return { status: 'active', workspaceId: DEFAULT_WORKSPACE, ...(item as Partial<Connection> | undefined), id };
}

export function createConnections(table: Table): Connections {
  return {
    async get(id) {
      return readConnection(id, await table.get(connectionKey(id)));
    },
    async find(id) {
      const [item, listed] = await table.getAll([connectionKey(id), directoryKey(id)]);
      return item === undefined && listed === undefined ? undefined : readConnection(id, item);
    },
    async *list() {
      for await (const { connectionId } of table.list(DIRECTORY, 'CONN#')) yield connectionId as ConnectionId;
    },
    async *withInstall(install) {
      for await (const { connectionId, installId = install } of table.list(DIRECTORY, 'CONN#')) {
        // What was listed before the directory told installs has to be looked at.
        if (installId !== install) continue;
        const id = connectionId as ConnectionId;
        const connection = readConnection(id, await table.get(connectionKey(id)));
        if (connection.status === 'active' && connection.installId === install) yield connection;
      }
    },
    async connect({ id, ...fields }, now) {
      const { installId } = fields;
      // First, so that there is no connection that schedules never hear of.
      await table.change(directoryKey(id), {
        set: { connectionId: id, ...(installId !== undefined && { installId }) },
        setIfAbsent: { connectedAt: now },
      });
      await table.change(connectionKey(id), {
        set: { ...fields, status: 'active', connectedAt: now, updatedAt: now },
        remove: [
          'attention',
          'attentionSince',
          'refusedSince',
          'disconnectedAt',
          'disconnectedReason',
          ...(['endpointId', 'secretId', 'rotation', 'redeliveryDue'] as const).filter(
            (field) => fields[field] === undefined,
          ),
        ],
      });
    },
    async noteEndpoint(id, { endpointId, secretId }, now) {
      await table.change(connectionKey(id), { set: { endpointId, secretId, updatedAt: now }, remove: ['rotation'] });
    },
    async forgetEndpoint(id, now) {
      await table.change(connectionKey(id), {
        set: { updatedAt: now },
        remove: ['endpointId', 'secretId', 'rotation'],
      });
    },
    async startRotation(id, rotation, now) {
      await table.change(connectionKey(id), { set: { rotation: { ...rotation }, updatedAt: now } });
    },
    async dropRotation(id, now) {
      await table.change(connectionKey(id), { set: { updatedAt: now }, remove: ['rotation'] });
    },
    async noteRotationDelivered(id, rotation, now) {
      await table.change(connectionKey(id), {
        set: { rotation: { ...rotation, deliveredAt: now }, updatedAt: now },
        onlyIf: '#rotation.#newSecretId = :newSecretId AND #rotation.#startedAt = :startedAt',
        values: { newSecretId: rotation.newSecretId, startedAt: rotation.startedAt },
      });
    },
    async disconnect(id, install, now) {
      const { kind } = await table.change(connectionKey(id), {
        set: {
          status: 'disconnected',
          disconnectedReason: 'install_revoked',
          installId: install,
          updatedAt: now,
        },
        // Told once more, or after the token was refused for a while, it is over no later.
        setIfAbsent: { disconnectedAt: now },
        onlyIf: 'attribute_not_exists(#installId) OR #installId = :installId',
      });
      return kind === 'changed';
    },
    async disconnectByOperator(id, { gone }, now) {
      await table.change(connectionKey(id), {
        set: { status: 'disconnected', disconnectedReason: 'by_operator', updatedAt: now },
        setIfAbsent: { disconnectedAt: now },
        remove: ['attention', 'attentionSince', 'rotation', ...(gone ? ['endpointId', 'secretId'] : [])],
      });
    },
    async markAttention(id, reason, now) {
      await table.change(connectionKey(id), {
        set: { attention: reason, updatedAt: now },
        setIfAbsent: { attentionSince: now },
      });
    },
    async clearAttention(id, now) {
      await table.change(connectionKey(id), {
        set: { updatedAt: now },
        remove: ['attention', 'attentionSince', 'refusedSince'],
      });
    },
    async noteUsageReported(id, now) {
      // A back-fill of old days is no news.
      await table.change(connectionKey(id), {
        set: { usageReportedAt: now },
        onlyIf: 'attribute_not_exists(#usageReportedAt) OR #usageReportedAt < :usageReportedAt',
      });
    },
    async noteUsagePart(id, { plannedAt, index, of }) {
      const parts = new Set([`${index}`]);
      const first = await table.change(connectionKey(id), {
        set: { usageRunAt: plannedAt, usageParts: parts },
        onlyIf: 'attribute_not_exists(#usageRunAt) OR #usageRunAt < :usageRunAt',
      });
      if (first.kind === 'changed') return false;
      const next = await table.change(connectionKey(id), {
        add: { usageParts: parts },
        onlyIf: '#usageRunAt = :run',
        values: { run: plannedAt },
      });
      return next.kind === 'changed' && next.item.usageParts.size >= of;
    },
    async noteRefused(id, now) {
      const { item } = await table.change(connectionKey(id), {
        set: { attention: 'opentrain_forbidden', updatedAt: now },
        setIfAbsent: { attentionSince: now, refusedSince: now },
      });
      return item?.refusedSince ?? now;
    },
    async disconnectRefused({ id, installId }, now) {
      const { kind } = await table.change(connectionKey(id), {
        set: {
          status: 'disconnected',
          disconnectedReason: 'token_refused',
          disconnectedAt: now,
          updatedAt: now,
        },
        onlyIf:
          '(attribute_not_exists(#status) OR #status = :active) AND ' +
          (installId === undefined ? 'attribute_not_exists(#installId)' : '#installId = :read'),
        values: { active: 'active', ...(installId === undefined ? {} : { read: installId }) },
      });
      return kind === 'changed';
    },
    async reactivate(id, now) {
      await table.change(connectionKey(id), {
        set: { status: 'active', connectedAt: now, updatedAt: now },
        remove: ['attention', 'attentionSince', 'refusedSince', 'disconnectedAt', 'disconnectedReason'],
        onlyIf: '#disconnectedReason = :refused',
        values: { refused: 'token_refused' },
      });
    },
    async noteInstall(id, { scopes, piiConsent }, now) {
      await table.change(connectionKey(id), { set: { scopes, piiConsent, updatedAt: now } });
    },
    async noteRedeliveryDue(id) {
      await table.change(connectionKey(id), { set: { redeliveryDue: true } });
    },
    async countHealing(id, now) {
      const first = await table.change(connectionKey(id), {
        set: { healingDay: dayOf(now), healings: 1 },
        onlyIf: 'attribute_not_exists(#healingDay) OR #healingDay <> :healingDay',
      });
      if (first.kind === 'refused') await table.change(connectionKey(id), { add: { healings: 1 } });
    },
    async noteRedelivered(id) {
      await table.change(connectionKey(id), { remove: ['redeliveryDue'] });
    },
  };
}
