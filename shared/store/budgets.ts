import type { ConnectionId, ContractId } from '../ids.ts';
import { eventOrder } from '../opentrain/events.ts';
import type { Table } from './table.ts';

/** A budget as the latest milestone event told it. */
export interface BudgetNews {
  readonly eventId: string;
  /** `milestone.funded`, `milestone.budget_low` or `milestone.budget_depleted`. */
  readonly eventType: string;
  readonly state?: string | undefined;
  /** Share of the funds that is used; 1 is all of them, more is possible. */
  readonly consumedFraction?: number | undefined;
  readonly milestoneId?: string | undefined;
}

export interface Budgets {
  /** @returns false when a later event was recorded before (rule 3: ordered by event id) */
  record(connection: ConnectionId, contract: ContractId, news: BudgetNews, now: number): Promise<boolean>;
}

export function createBudgets(table: Table): Budgets {
  return {
    async record(connection, contract, { eventId, eventType, ...told }, now) {
      const { kind } = await table.change(
        { pk: `CONN#${connection}`, sk: `BUDGET#${contract}` },
        {
          set: {
            contractId: contract,
            order: eventOrder(eventId),
            lastEventId: eventId,
            eventType,
            ...told,
            updatedAt: now,
          },
          // What the latest event does not tell is not taken over from an earlier one.
          remove: Object.keys(told).filter((field) => told[field as keyof typeof told] === undefined),
          onlyIf: 'attribute_not_exists(#order) OR #order < :order',
        },
      );
      return kind === 'changed';
    },
  };
}
