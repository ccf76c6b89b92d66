import type { BudgetState } from '../budget/project-budget.ts';
import type { ConnectionId, ContractId, LinkId } from '../ids.ts';
import { eventOrder } from '../opentrain/events.ts';
import { type WorkspaceProject, workspaceProjectKey } from './notices.ts';
import type { Item, Key, Table } from './table.ts';

/** How the funds of a contract stand. What OpenTrain did not tell is undefined. */
export interface BudgetFacts {
  /** Never LOW or DEPLETED where the payment type is FIXED_PRICE. */
  readonly state: BudgetState;
  /** `PAY_PER_HOUR`, `PAY_PER_LABEL` or `FIXED_PRICE`; others may come. A contract keeps the one that it has. */
  readonly paymentType?: string | undefined;
  /** Share of the funds that is used; 1 is all of them, more is possible. */
  readonly consumedFraction?: number | undefined;
  /** Hours or labels, by the payment type; so are the two below. */
  readonly fundedVolume?: number | undefined;
  readonly consumedVolume?: number | undefined;
  readonly remainingVolume?: number | undefined;
  readonly milestoneId?: string | undefined;
}

/** What a milestone event tells, or OpenTrain's answer to a report or a question. */
export interface BudgetNews extends BudgetFacts {
  /** Milliseconds since the epoch: when the event was created, or when OpenTrain was asked. */
  readonly asOf: number;
  /** Absent in an answer. */
  readonly event?: { readonly id: string; readonly type: string } | undefined;
}

export interface BudgetRef {
  readonly connectionId: ConnectionId;
  readonly contractId: ContractId;
}

/** A contract's budget as the latest news told it. */
export interface KnownBudget extends BudgetRef, BudgetFacts {
  /** Milliseconds since the epoch; see `BudgetNews`. */
  readonly asOf: number;
  /** Grows with all news that count. */
  readonly revision: number;
}

export interface Recorded {
  /** `older`: later news were recorded before, and nothing was changed. */
  readonly kind: 'recorded' | 'older';
  readonly budget: KnownBudget;
}

/** A contract's budget within one project, with what people there are told of it. */
export interface BudgetCopy extends KnownBudget {
  readonly title?: string | undefined;
  /** Where to top up. */
  readonly url: string;
  /** By which the contract was in the project when this was written; whether it still is, its grants tell. */
  readonly links: readonly LinkId[];
  /** Seconds since the epoch: the contract is over here, and DynamoDB forgets the copy then. */
  readonly expiresAt?: number | undefined;
}

export interface Budgets {
  /**
   * Events count in the order of their ids (rule 3), answers by when they were asked for; of an event and an answer the
   * later one counts.
   */
  record(connection: ConnectionId, contract: ContractId, news: BudgetNews, now: number): Promise<Recorded>;
  /** Many contracts, in their order; undefined for one of which nothing is known. */
  getAll(connection: ConnectionId, contracts: readonly ContractId[]): Promise<(KnownBudget | undefined)[]>;
  /** Writes a contract's budget into a project, unless a later one is there. */
  putCopy(project: WorkspaceProject, copy: Omit<BudgetCopy, 'expiresAt'>, now: number): Promise<void>;
  /** The contract is over in the project: its copy, if there is one, is forgotten after 35 days. */
  expireCopy(project: WorkspaceProject, ref: BudgetRef, now: number): Promise<void>;
  /** The copies in a project, of all connections or of one, page by page. */
  listCopies(project: WorkspaceProject, connection?: ConnectionId): AsyncIterable<BudgetCopy>;
}

/** As long as deliveries: whoever asks why a notice went away finds both. */
const KEPT_SECONDS = 35 * 24 * 3600;

const budgetKey = (connection: ConnectionId, contract: ContractId): Key => ({
  pk: `CONN#${connection}`,
  sk: `BUDGET#${contract}`,
});

const copyKey = (project: WorkspaceProject, { connectionId, contractId }: BudgetRef): Key =>
  workspaceProjectKey(project, `BUDGET#${connectionId}#${contractId}`);

function readFacts(item: Item): BudgetFacts & Pick<KnownBudget, 'asOf' | 'revision'> {
  const { paymentType, consumedFraction, fundedVolume, consumedVolume, remainingVolume, milestoneId } = item;
  return {
    state: paymentType === 'FIXED_PRICE' ? 'OK' : (item.state ?? 'OK'),
    paymentType,
    consumedFraction,
    fundedVolume,
    consumedVolume,
    remainingVolume,
    milestoneId,
    asOf: item.asOf ?? 0,
    revision: item.revision ?? 0,
  };
}

/** Refuses the change unless these news are the latest; the fields are those of `record`. */
const AFTER_ALL_KNOWN = '(attribute_not_exists(#asOf) OR #asOf <= :asOf)';
const AFTER_ALL_EVENTS = '(attribute_not_exists(#order) OR #order < :order)';

/** What the latest news do not tell is not taken over from earlier ones. */
const untold = (facts: object, names: readonly (keyof BudgetFacts)[]): string[] =>
  names.filter((name) => (facts as BudgetFacts)[name] === undefined);

const NUMBERS = ['consumedFraction', 'fundedVolume', 'consumedVolume', 'remainingVolume', 'milestoneId'] as const;

export function createBudgets(table: Table): Budgets {
  return {
    async record(connectionId, contractId, { event, ...news }, now) {
      const ofEvent = event && { order: eventOrder(event.id), lastEventId: event.id, eventType: event.type };
      const { kind, item = {} } = await table.change(budgetKey(connectionId, contractId), {
        set: { contractId, ...news, ...ofEvent, updatedAt: now },
        add: { revision: 1 },
        remove: untold(news, NUMBERS),
        onlyIf: event === undefined ? AFTER_ALL_KNOWN : `${AFTER_ALL_EVENTS} AND ${AFTER_ALL_KNOWN}`,
      });
      const budget = { connectionId, contractId, ...readFacts(item) };
      return { kind: kind === 'changed' ? 'recorded' : 'older', budget };
    },
    async getAll(connectionId, contracts) {
      const items = await table.getAll(contracts.map((contract) => budgetKey(connectionId, contract)));
      return contracts.map((contractId, index) => {
        const item = items[index];
        return item === undefined ? undefined : { connectionId, contractId, ...readFacts(item) };
      });
    },
    async putCopy(project, { links, ...copy }, now) {
      await table.change(copyKey(project, copy), {
        set: { ...copy, links: [...links], updatedAt: now },
        remove: [
          ...untold(copy, [...NUMBERS, 'paymentType']),
          ...(copy.title === undefined ? ['title'] : []),
          'expiresAt',
        ],
        onlyIf: 'attribute_not_exists(#revision) OR #revision <= :revision',
      });
    },
    async expireCopy(project, ref, now) {
      await table.change(copyKey(project, ref), {
        setIfAbsent: { expiresAt: Math.floor(now / 1000) + KEPT_SECONDS },
        onlyIf: 'attribute_exists(#pk)',
      });
    },
    async *listCopies(project, connection) {
      const { pk, sk } = workspaceProjectKey(project, connection === undefined ? 'BUDGET#' : `BUDGET#${connection}#`);
      for await (const item of table.list(pk, sk)) {
        const { connectionId, contractId, title, url, links, expiresAt } = item as BudgetCopy;
        yield { connectionId, contractId, ...readFacts(item), title, url, links, expiresAt };
      }
    },
  };
}
