import type { ConnectionId, ContractId } from '../ids.ts';
import type { Item, Key, Table } from './table.ts';

/** What was done on one day. A measure that the platform does not have is left out. */
export interface DayTotals {
  readonly seconds?: number | undefined;
  readonly tasks?: number | undefined;
  readonly labels?: number | undefined;
}

/** What OpenTrain has of one day. */
export interface ReportedDay extends DayTotals {
  /** Set while it was sent but not yet confirmed: OpenTrain has these totals or those before, so they are sent again. */
  readonly unconfirmed?: boolean | undefined;
}

/** A day that is not reported, and why. */
export interface SetAsideDay extends DayTotals {
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** Why nothing of a contract is reported for now. */
export interface Hold {
  readonly reason: 'contract_unknown' | 'no_trainer';
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** What was reported of one contract, by work date (`YYYY-MM-DD`, UTC). */
export interface UsageRecord {
  readonly reported: ReadonlyMap<string, ReportedDay>;
  readonly setAside: ReadonlyMap<string, SetAsideDay>;
  readonly hold?: Hold | undefined;
  /** How many senders there were so far. */
  readonly revision: number;
}

export interface UsageOutcome {
  readonly reported: ReadonlyMap<string, ReportedDay | undefined>;
  /** What a day's state is now; undefined when it is no longer set aside. */
  readonly setAside: ReadonlyMap<string, SetAsideDay | undefined>;
  readonly hold?: Hold | undefined;
}

/** One sender's right to report a contract; two at once could put older totals over newer ones. */
export interface Turn {
  readonly connectionId: ConnectionId;
  readonly contractId: ContractId;
  readonly revision: number;
}

export interface Usage {
  /** The records of many contracts, in their order; a contract without one has an empty one. */
  getAll(connection: ConnectionId, contracts: readonly ContractId[]): Promise<UsageRecord[]>;
  /**
   * Notes what is about to be sent, so that a crash between sending and `finish` leads to sending it again.
   *
   * @param revision - of the record that was read before the work was: whoever sent since then may have read newer work
   * @returns undefined when another sender has the contract, or had it since
   */
  begin(
    connection: ConnectionId,
    contract: ContractId,
    revision: number,
    sending: ReadonlyMap<string, DayTotals>,
    now: number,
  ): Promise<Turn | undefined>;
  /** @returns false when the turn took so long that another sender has begun: what was sent stays unconfirmed */
  finish(turn: Turn, outcome: UsageOutcome, now: number): Promise<boolean>;
  /** Gives the turn back after a failure: what was sent stays unconfirmed. */
  giveUp(turn: Turn): Promise<void>;
  /** Notes which days are set aside, or no longer: for that there is nothing to send, and so no turn. At most 100 days. */
  noteSetAside(
    connection: ConnectionId,
    contract: ContractId,
    setAside: UsageOutcome['setAside'],
    now: number,
  ): Promise<void>;
}

/** Longer than the usage function runs (5 min), so that no request of a sender that died is still on its way. */
export const TURN_MILLISECONDS = 6 * 60_000;

/** Days that a record goes back: a month with room, for corrections and for a back-fill that is run twice. */
export const KEPT_DAYS = 35;

const DAY_MILLISECONDS = 24 * 3600_000;
const REPORTED = /^d(\d{4})(\d\d)(\d\d)$/;
const SET_ASIDE = /^a(\d{4})(\d\d)(\d\d)$/;

const usageKey = (connection: ConnectionId, contract: ContractId): Key => ({
  pk: `CONN#${connection}`,
  sk: `USAGE#${contract}`,
});

/** A field a day, so that a day is written without reading the others; short, since an expression has at most 4 kB. */
const dayField = (workDate: string): string => `d${workDate.replaceAll('-', '')}`;
const asideField = (workDate: string): string => `a${workDate.replaceAll('-', '')}`;

function readRecord(item: Item = {}): UsageRecord {
  const days = <Day>(pattern: RegExp) =>
    new Map(
      Object.entries(item).flatMap(([field, value]) => {
        const [, year, month, day] = pattern.exec(field) ?? [];
        return year === undefined ? [] : [[`${year}-${month}-${day}`, value as Day] as const];
      }),
    );
  return {
    reported: days<ReportedDay>(REPORTED),
    setAside: days<SetAsideDay>(SET_ASIDE),
    hold: item.hold as Hold | undefined,
    revision: item.revision ?? 0,
  };
}

/** Without the measures that are not there: DynamoDB knows no undefined. */
function defined<Fields extends object>(fields: Fields): Item {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function createUsage(table: Table): Usage {
  function changeFor({ reported, setAside }: Pick<UsageOutcome, 'reported' | 'setAside'>, now: number) {
    const fields = [
      ...[...reported].map(([date, day]) => [dayField(date), day] as const),
      ...[...setAside].map(([date, day]) => [asideField(date), day] as const),
    ];
    const set = fields.flatMap(([field, value]) => (value === undefined ? [] : [[field, defined(value)] as const]));
    return {
      set: { ...Object.fromEntries(set), updatedAt: now },
      remove: fields.flatMap(([field, value]) => (value === undefined ? [field] : [])),
    };
  }

  return {
    async getAll(connection, contracts) {
      const items = await table.getAll(contracts.map((contract) => usageKey(connection, contract)));
      return items.map(readRecord);
    },
    async begin(connectionId, contractId, revision, sending, now) {
      const days = [...sending].map(([date, totals]) => [
        dayField(date),
        defined<ReportedDay>({ ...totals, unconfirmed: true }),
      ]);
      const { kind, item } = await table.change(usageKey(connectionId, contractId), {
        set: { contractId, ...Object.fromEntries(days), sendingUntil: now + TURN_MILLISECONDS, updatedAt: now },
        add: { revision: 1 },
        onlyIf:
          '(attribute_not_exists(#sendingUntil) OR #sendingUntil < :now) AND ' +
          (revision === 0 ? 'attribute_not_exists(#revision)' : '#revision = :read'),
        values: revision === 0 ? { now } : { now, read: revision },
      });
      return kind === 'changed' ? { connectionId, contractId, revision: item.revision } : undefined;
    },
    async finish({ connectionId, contractId, revision }, { hold, ...days }, now) {
      const { set, remove } = changeFor(days, now);
      const { kind, item } = await table.change(usageKey(connectionId, contractId), {
        set: { ...set, hold: hold && { ...hold } },
        remove: [...remove, 'sendingUntil', ...(hold === undefined ? ['hold'] : [])],
        onlyIf: '#revision = :revision',
        values: { revision },
      });
      if (kind === 'changed') await forget(connectionId, contractId, item, now);
      return kind === 'changed';
    },
    async giveUp({ connectionId, contractId, revision }) {
      await table.change(usageKey(connectionId, contractId), {
        remove: ['sendingUntil'],
        onlyIf: '#revision = :revision',
        values: { revision },
      });
    },
    async noteSetAside(connectionId, contractId, setAside, now) {
      const days = changeFor({ reported: new Map(), setAside }, now);
      const { item = {} } = await table.change(usageKey(connectionId, contractId), days);
      await forget(connectionId, contractId, item, now);
    },
  };

  /** A contract that runs for years must not grow an item without end. Once a day's write, hardly ever two. */
  async function forget(connection: ConnectionId, contract: ContractId, item: Item, now: number): Promise<void> {
    const oldest = new Date(now - KEPT_DAYS * DAY_MILLISECONDS).toISOString().slice(0, 10);
    const { reported, setAside } = readRecord(item);
    const old = [
      ...[...reported.keys()].filter((date) => date < oldest).map(dayField),
      ...[...setAside.keys()].filter((date) => date < oldest).map(asideField),
    ];
    if (old.length > 0) await table.change(usageKey(connection, contract), { remove: old });
  }
}
