import type { ConnectionId, ProjectId, TrainerId, WorkspaceId } from '../ids.ts';
import type { DeliveryAttempt, DeliverySubjects, KeptDelivery } from '../store/deliveries.ts';
import type { Grant } from '../store/grants.ts';
import type { KeptRepair, RepairRecord } from '../store/repairs.ts';
import type { Seat } from '../store/seats.ts';
import type { Store } from '../store/store.ts';
import type { Table } from '../store/table.ts';
import { budgetStates } from './budget-states.ts';
import { collect } from './collect.ts';

/** One trainer as the connector knows them, over all connections. No address: who has the id can ask OpenTrain for it. */
export interface TrainerHistory {
  readonly trainerId: TrainerId;
  /** Masked by OpenTrain ("Maria S."). */
  readonly displayName: string | null;
  readonly contracts: readonly TrainerContract[];
  readonly seats: readonly TrainerSeat[];
  /** Oldest first. */
  readonly moments: readonly TrainerMoment[];
}

export interface TrainerContract
  extends Pick<Grant, 'connectionId' | 'contractId' | 'linkId' | 'state' | 'reason' | 'steps' | 'projectId'> {
  readonly workspaceId: WorkspaceId | undefined;
  readonly title: string | undefined;
  readonly startDate: string | undefined;
  readonly endDate: string | undefined;
  /** Of the contract's funds; undefined when nothing was told yet. */
  readonly budget: string | undefined;
}

/** A place in a project: what should be, and what was last made so. */
export interface TrainerSeat {
  readonly workspaceId: WorkspaceId;
  readonly project: ProjectId | '*';
  readonly openContracts: number;
  readonly applied: Seat['applied'];
  /** Whether what was made so is what should be. */
  readonly settled: boolean;
  readonly memberId: string | undefined;
}

/** One attempt at one delivery that had to do with the trainer, or one repair that a reconciliation made. */
export interface TrainerMoment
  extends Pick<DeliveryAttempt, 'at' | 'status' | 'reason' | 'calls'>,
    Partial<Pick<RepairRecord, 'runId' | 'repair' | 'why'>> {
  readonly connectionId: ConnectionId;
  readonly deliveryId?: string | undefined;
  readonly eventType?: string | undefined;
  readonly attempt?: number | undefined;
  readonly contractId: string | undefined;
  readonly linkId: string | undefined;
}

export interface HistoryParts {
  readonly store: Store;
  readonly table: Table;
}

/** @returns undefined when no connection knows the trainer */
export async function trainerHistory(
  trainerId: TrainerId,
  { store, table }: HistoryParts,
): Promise<TrainerHistory | undefined> {
  const grants: Grant[] = [];
  const contracts: TrainerContract[] = [];
  const moments: TrainerMoment[] = [];
  for await (const connectionId of store.connections.list()) {
    const own = (await collect(store.grants.list(connectionId))).filter((one) => one.trainerId === trainerId);
    grants.push(...own);
    contracts.push(...(await withBudgets(connectionId, own, table)));
    for await (const delivery of store.deliveries.list(connectionId)) {
      if (concerns(delivery, trainerId, own)) moments.push(...momentsOf(delivery));
    }
    for await (const repair of store.repairs.list(connectionId)) {
      if (concerns(repair, trainerId, own)) moments.push(momentOf(repair));
    }
  }
  if (grants.length === 0 && moments.length === 0) return undefined;
  return {
    trainerId,
    displayName: grants.findLast(({ displayName }) => displayName !== undefined)?.displayName ?? null,
    contracts,
    seats: await seatsOf(trainerId, grants, store),
    moments: moments.toSorted((one, other) => one.at - other.at),
  };
}

async function withBudgets(
  connectionId: ConnectionId,
  grants: readonly Grant[],
  table: Table,
): Promise<TrainerContract[]> {
  if (grants.length === 0) return [];
  const states = await budgetStates(connectionId, table);
  return grants.map((grant) => {
    const { contractId, linkId, state, reason, steps, projectId, workspaceId, title, startDate, endDate } = grant;
    const about = { contractId, linkId, state, reason, steps, projectId, workspaceId, title, startDate, endDate };
    return { connectionId, ...about, budget: states.get(contractId) };
  });
}

/** Told by its own record, by a contract of the trainer's, or by a link whose end ends such a contract. */
function concerns(delivery: DeliverySubjects, trainerId: TrainerId, grants: readonly Grant[]): boolean {
  if (delivery.trainerId !== undefined) return delivery.trainerId === trainerId;
  if (delivery.contractId !== undefined) return grants.some(({ contractId }) => contractId === delivery.contractId);
  return delivery.linkId !== undefined && grants.some(({ linkId }) => linkId === delivery.linkId);
}

function momentsOf(delivery: KeptDelivery): TrainerMoment[] {
  const { connectionId, deliveryId, eventType, contractId, linkId, status, reason, attempts, updatedAt } = delivery;
  // Records of an older version have no history, only where they stand.
  const history = delivery.history ?? [{ at: updatedAt, attempt: attempts, status, reason }];
  return history.map((attempt) => ({ ...attempt, connectionId, deliveryId, eventType, contractId, linkId }));
}

function momentOf({
  connectionId,
  at,
  status,
  reason,
  runId,
  repair,
  why,
  contractId,
  linkId,
}: KeptRepair): TrainerMoment {
  return { at, status, reason, connectionId, runId, repair, why, contractId, linkId };
}

/** A seat is one in a project or one in the whole workspace; both are looked for, since only the adapter knows which. */
async function seatsOf(trainerId: TrainerId, grants: readonly Grant[], { seats }: Store): Promise<TrainerSeat[]> {
  const places = new Map<string, { workspaceId: WorkspaceId; project: ProjectId | '*' }>();
  for (const { workspaceId, projectId } of grants) {
    if (workspaceId === undefined || projectId === undefined) continue;
    for (const project of [projectId, '*'] as const) {
      places.set(JSON.stringify([workspaceId, project]), { workspaceId, project });
    }
  }
  const found: TrainerSeat[] = [];
  for (const place of places.values()) {
    const seat = await seats.get({ ...place, trainerId });
    if (seat === undefined) continue;
    const { openGrants, applied, settled, memberId } = seat;
    found.push({ ...place, openContracts: openGrants.size, applied, settled, memberId });
  }
  return found;
}
