import type { ConnectionId, ProjectId, TrainerId } from '../ids.ts';
import type { Table } from './table.ts';

/** What the last run of a connection came to. Times are milliseconds since the epoch. */
export interface Reconciliation {
  readonly runId: string;
  readonly at: number;
  readonly durationMs: number;
  /** Contracts that were compared. */
  readonly checked: number;
  /** Repairs by their kind. */
  readonly repaired: Readonly<Record<string, number>>;
  /** Grants that wait for consent or for a person. */
  readonly waiting: number;
  readonly failed: number;
  /** Links with more running contracts than OpenTrain tells of. */
  readonly fullLinks: number;
  readonly outcome: string;
  /** When a run last compared everything and left nothing undone; absent until one has. */
  readonly completeAt?: number | undefined;
  /** Removals that wait for a person's approval. */
  readonly hold?: Hold | undefined;
}

export interface Hold {
  /** What is approved: the run that held them first. */
  readonly runId: string;
  readonly since: number;
  /** How many there are. */
  readonly count: number;
  /** Their names, as many as `namesToKeep` lets through. */
  readonly removals: readonly string[];
}

/** An item has at most 400 kB. */
const BYTES_KEPT = 300_000;

/** As many of the names as can be kept; what is beyond them is approved in another go. */
export function namesToKeep(names: readonly string[]): readonly string[] {
  let bytes = 0;
  return names.filter((name) => {
    bytes += Buffer.byteLength(name) + 3;
    return bytes <= BYTES_KEPT;
  });
}

/** The summary of one run. */
export type Summary = Omit<Reconciliation, 'completeAt' | 'hold'>;

/** That of the last run over a part of a connection. */
export interface PartReconciliation extends Summary {
  readonly only: { readonly projectId?: ProjectId | undefined; readonly trainerId?: TrainerId | undefined };
}

export interface Reconciliations {
  get(connection: ConnectionId): Promise<Reconciliation | undefined>;
  /** Without `completeAt`, the one that is there stays. */
  put(connection: ConnectionId, reconciliation: Reconciliation): Promise<void>;
  /** Of a run that came to nothing: what was held before stays so. */
  putUnfinished(connection: ConnectionId, summary: Summary): Promise<void>;
  getPart(connection: ConnectionId): Promise<PartReconciliation | undefined>;
  putPart(connection: ConnectionId, reconciliation: PartReconciliation): Promise<void>;
}

export function createReconciliations(table: Table): Reconciliations {
  const key = (connection: ConnectionId) => ({ pk: `CONN#${connection}`, sk: 'RECONCILIATION' });
  const keyOfPart = (connection: ConnectionId) => ({ pk: `CONN#${connection}`, sk: 'RECONCILIATION#PART' });
  return {
    async get(connection) {
      return (await table.get(key(connection))) as Reconciliation | undefined;
    },
    async put(connection, { hold, ...fields }) {
      await table.change(key(connection), {
        set: { ...fields, ...(hold && { hold: { ...hold } }) },
        remove: hold === undefined ? ['hold'] : [],
      });
    },
    async putUnfinished(connection, summary) {
      await table.change(key(connection), { set: { ...summary } });
    },
    async getPart(connection) {
      return (await table.get(keyOfPart(connection))) as PartReconciliation | undefined;
    },
    async putPart(connection, { only, ...fields }) {
      await table.change(keyOfPart(connection), { set: { ...fields, only: { ...only } } });
    },
  };
}
