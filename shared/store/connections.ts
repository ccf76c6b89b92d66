import type { ConnectionId, InstallId, WorkspaceId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** The workspace of a deployment, which its connections share. */
export const DEFAULT_WORKSPACE = 'default' as WorkspaceId;

/** One customer's install of the platform's app. Its token and secrets are in SSM, never here. */
export interface Connection {
  readonly id: ConnectionId;
  readonly status: 'active' | 'disconnected';
  /** Absent until the connection was made through the connector; from then on a revocation must name it to count. */
  readonly installId?: InstallId;
  /** Why a person should look: OpenTrain refuses the token. Deliveries that need the API wait meanwhile. */
  readonly attention?: string;
  /** `default` unless the connection has a workspace of its own. */
  readonly workspaceId: WorkspaceId;
  readonly scopes?: readonly string[];
  readonly piiConsent?: boolean;
  readonly endpointId?: string;
}

export interface Connections {
  get(id: ConnectionId): Promise<Connection>;
  /** Writes what a fresh install is; whatever was wrong with an earlier one is over. */
  connect(connection: Omit<Connection, 'status' | 'attention'>, now: number): Promise<void>;
  /** @returns false when the connection has moved on to a newer install (rule 3) */
  disconnect(id: ConnectionId, install: InstallId, now: number): Promise<boolean>;
  markAttention(id: ConnectionId, reason: string, now: number): Promise<void>;
  clearAttention(id: ConnectionId, now: number): Promise<void>;
}

export const connectionKey = (id: ConnectionId): Key => ({ pk: `CONN#${id}`, sk: 'META' });

/** A connection whose secrets are in the store but which was never written here is an active one on the defaults. */
export function readConnection(id: ConnectionId, item: Item | undefined): Connection {
  return { status: 'active', workspaceId: DEFAULT_WORKSPACE, ...(item as Partial<Connection> | undefined), id };
}

export function createConnections(table: Table): Connections {
  return {
    async get(id) {
      return readConnection(id, await table.get(connectionKey(id)));
    },
    async connect({ id, ...fields }, now) {
      await table.change(connectionKey(id), {
        set: { ...fields, status: 'active', updatedAt: now },
        remove: [
          'attention',
          'attentionSince',
          'disconnectedAt',
          ...(fields.endpointId === undefined ? ['endpointId'] : []),
        ],
      });
    },
    async disconnect(id, install, now) {
      const { kind } = await table.change(connectionKey(id), {
        set: { status: 'disconnected', installId: install, disconnectedAt: now, updatedAt: now },
        onlyIf: 'attribute_not_exists(#installId) OR #installId = :installId',
      });
      return kind === 'changed';
    },
    async markAttention(id, reason, now) {
      await table.change(connectionKey(id), {
        set: { attention: reason, updatedAt: now },
        setIfAbsent: { attentionSince: now },
      });
    },
    async clearAttention(id, now) {
      await table.change(connectionKey(id), { set: { updatedAt: now }, remove: ['attention', 'attentionSince'] });
    },
  };
}
