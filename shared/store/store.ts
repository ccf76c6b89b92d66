import type { ConnectionId, ContractId, DeliveryId, LinkId } from '../ids.ts';
import { type Budgets, createBudgets } from './budgets.ts';
import { type Connection, type Connections, connectionKey, createConnections, readConnection } from './connections.ts';
import { createDeliveries, type Deliveries, type DeliveryRecord, deliveryKey, readDelivery } from './deliveries.ts';
import { createGrants, type Grant, type GrantRef, type Grants, grantKey, readGrant } from './grants.ts';
import { createLinks, type Link, type Links, linkKey, readLink } from './links.ts';
import { createNotices, type Notices } from './notices.ts';
import { createReconciliations, type Reconciliations } from './reconciliations.ts';
import { createRepairs, type Repairs } from './repairs.ts';
import { createSeats, type Seats } from './seats.ts';
import type { Table } from './table.ts';
import { createUsage, type Usage } from './usage.ts';
import { createWorkspaces, type Workspaces } from './workspaces.ts';

/** All that the connector remembers. */
export interface Store {
  readonly connections: Connections;
  readonly links: Links;
  readonly grants: Grants;
  readonly seats: Seats;
  readonly deliveries: Deliveries;
  readonly budgets: Budgets;
  readonly notices: Notices;
  readonly workspaces: Workspaces;
  readonly usage: Usage;
  readonly reconciliations: Reconciliations;
  readonly repairs: Repairs;
  /** Whether a claim still stands: its grant and its link, in one strongly consistent request. */
  standing(ref: GrantRef): Promise<Pick<Situation, 'grant' | 'link'>>;
  /** What a worker must know before it acts on a delivery, in one strongly consistent request. */
  situation(about: DeliverySubject): Promise<Situation>;
}

export interface DeliverySubject {
  readonly connectionId: ConnectionId;
  readonly deliveryId: DeliveryId;
  readonly contractId?: ContractId | undefined;
  readonly linkId?: LinkId | undefined;
}

export interface Situation {
  readonly connection: Connection;
  readonly delivery: DeliveryRecord | undefined;
  readonly link: Link | undefined;
  readonly grant: Grant | undefined;
}

export function createStore(table: Table): Store {
  return {
    connections: createConnections(table),
    links: createLinks(table),
    grants: createGrants(table),
    seats: createSeats(table),
    deliveries: createDeliveries(table),
    budgets: createBudgets(table),
    notices: createNotices(table),
    workspaces: createWorkspaces(table),
    usage: createUsage(table),
    reconciliations: createReconciliations(table),
    repairs: createRepairs(table),
    async standing(ref) {
      const [grant, link] = await table.getAll([grantKey(ref), linkKey(ref.connectionId, ref.linkId)]);
      return { grant: readGrant(grant), link: readLink(ref.linkId, link) };
    },
    async situation({ connectionId, deliveryId, contractId, linkId }) {
      const keys = [connectionKey(connectionId), deliveryKey(connectionId, deliveryId)];
      if (linkId !== undefined) keys.push(linkKey(connectionId, linkId));
      if (linkId !== undefined && contractId !== undefined) keys.push(grantKey({ connectionId, contractId, linkId }));
      const [connection, delivery, link, grant] = await table.getAll(keys);
      return {
        connection: readConnection(connectionId, connection),
        delivery: readDelivery(delivery),
        link: linkId === undefined ? undefined : readLink(linkId, link),
        grant: readGrant(grant),
      };
    },
  };
}
