import { missingScopes, type NeededScope } from '../connections/needed-scopes.ts';
import type { ConnectionId, WorkspaceId } from '../ids.ts';
import type { Connection } from '../store/connections.ts';
import type { Grant } from '../store/grants.ts';
import type { Store } from '../store/store.ts';
import type { Table } from '../store/table.ts';
import { budgetStates } from './budget-states.ts';
import { collect } from './collect.ts';
import { type DeliveryCounts, deliveryCounts } from './kept-deliveries.ts';

/** How one connection stands, as far as the connector remembers it: nobody else is asked. */
export interface ConnectionStatus {
  readonly connectionId: ConnectionId;
  readonly status: Connection['status'];
  /** Null unless it is disconnected. */
  readonly disconnectedReason: Connection['disconnectedReason'] | null;
  readonly attention: string | null;
  readonly installId: string | null;
  /** Whether a second webhook secret is about to take the first one's place. */
  readonly rotating: boolean;
  readonly workspaceId: WorkspaceId;
  /** Of those that the connector needs; as they were when the customer was connected. */
  readonly missingScopes: readonly NeededScope[];
  readonly piiConsent: boolean;
  readonly trainers: TrainerCounts;
  /** Contracts by the state of their funds. */
  readonly budgets: Readonly<Record<string, number>>;
  readonly deliveries: DeliveryCounts;
  /** ISO 8601; null when nothing was reported yet. */
  readonly usageReportedAt: string | null;
  /** Seconds since then. */
  readonly usageLagSeconds: number | null;
  /** ISO 8601: the last reconciliation that compared everything; null when none did yet. */
  readonly reconciledAt: string | null;
  /** Seconds since then. */
  readonly reconcileLagSeconds: number | null;
}

/** People, not contracts: somebody with two contracts counts once, as the better off of the two. */
export interface TrainerCounts {
  /** With an open contract. */
  readonly working: number;
  /**
   * Not in, by reason: `waiting_for_consent`, `trainer_unclear`, `action_required`; `suspended` while the connection is
   * away for longer than the grace period.
   */
  readonly waiting: Readonly<Record<string, number>>;
  readonly gone: number;
}

export interface StatusParts {
  readonly store: Store;
  readonly table: Table;
}

export async function connectionStatus(
  id: ConnectionId,
  { store, table }: StatusParts,
  now: number,
): Promise<ConnectionStatus> {
  const connection = await store.connections.get(id);
  const { status, disconnectedReason, attention, installId, workspaceId, scopes, piiConsent, usageReportedAt } =
    connection;
  const completeAt = (await store.reconciliations.get(id))?.completeAt;
  const grants = await collect(store.grants.list(id));
  const budgets: Record<string, number> = {};
  for (const state of (await budgetStates(id, table)).values()) budgets[state] = (budgets[state] ?? 0) + 1;
  return {
    connectionId: id,
    status,
    disconnectedReason: disconnectedReason ?? null,
    attention: attention ?? null,
    installId: installId ?? null,
    rotating: connection.rotation !== undefined,
    workspaceId,
    missingScopes: scopes === undefined ? [] : missingScopes(scopes),
    piiConsent: piiConsent === true,
    trainers: trainerCounts(grants),
    budgets,
    deliveries: await deliveryCounts(store.deliveries.list(id)),
    usageReportedAt: dateOf(usageReportedAt),
    usageLagSeconds: secondsSince(usageReportedAt, now),
    reconciledAt: dateOf(completeAt),
    reconcileLagSeconds: secondsSince(completeAt, now),
  };
}

const dateOf = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString());

/** Two machines' clocks differ by a little. */
const secondsSince = (at: number | undefined, now: number): number | null =>
  at === undefined ? null : Math.max(0, Math.round((now - at) / 1000));

const RANK = { open: 0, parked: 1, suspended: 2, ended: 3 } as const satisfies Record<Grant['state'], number>;

/** @param grants - of one connection */
export function trainerCounts(grants: readonly Grant[]): TrainerCounts {
  const best = new Map<string, Grant>();
  for (const grant of grants) {
    // Who waits without a name is told apart by the contract.
    const person = grant.trainerId ?? `contract ${grant.contractId}`;
    const known = best.get(person);
    if (known === undefined || RANK[grant.state] < RANK[known.state]) best.set(person, grant);
  }
  const people = [...best.values()];
  const waiting: Record<string, number> = {};
  for (const { state, reason = 'unknown' } of people) {
    if (state !== 'parked' && state !== 'suspended') continue;
    const why = state === 'suspended' ? state : reason;
    waiting[why] = (waiting[why] ?? 0) + 1;
  }
  return {
    working: people.filter(({ state }) => state === 'open').length,
    waiting,
    gone: people.filter(({ state }) => state === 'ended').length,
  };
}
