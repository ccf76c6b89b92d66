import type { ConnectionId } from '../ids.ts';
import { type DeliverySubjects, KEPT_SECONDS } from './deliveries.ts';
import type { Table } from './table.ts';

/** What a reconciliation set right about a trainer, for people who ask why somebody is in or out. */
export interface RepairRecord extends DeliverySubjects {
  readonly runId: string;
  /** `admit`, `dismiss`, `take-out`, …: see `Repair`. */
  readonly repair: string;
  readonly why?: string | undefined;
  readonly projectId?: string | undefined;
  readonly status: 'done' | 'parked';
  /** How it ended, or why it waits. */
  readonly reason?: string | undefined;
}

/** @property at - milliseconds since the epoch */
export interface KeptRepair extends RepairRecord {
  readonly connectionId: ConnectionId;
  readonly at: number;
}

export interface Repairs {
  /** A run that is tried again writes the same one again. */
  record(connection: ConnectionId, record: RepairRecord, now: number): Promise<void>;
  /** Those of the last 35 days, by run, page by page. */
  list(connection: ConnectionId): AsyncIterable<KeptRepair>;
}

const REPAIR = 'REPAIR#';

export function createRepairs(table: Table): Repairs {
  return {
    async record(connection, record, now) {
      const { runId, repair, trainerId = '', contractId = '', linkId = '', projectId = '' } = record;
      const sk = `${REPAIR}${[runId, repair, trainerId, contractId, linkId, projectId].join('#')}`;
      const expiresAt = Math.floor(now / 1000) + KEPT_SECONDS;
      await table.change({ pk: `CONN#${connection}`, sk }, { set: { ...record, at: now, expiresAt } });
    },
    async *list(connection) {
      for await (const { at = 0, ...record } of table.list(`CONN#${connection}`, REPAIR)) {
        yield { ...(record as RepairRecord), connectionId: connection, at };
      }
    },
  };
}
