import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import type { ConnectionId, ContractId } from '../../shared/ids.ts';
import type { Table } from '../../shared/store/table.ts';
import { createUsage, type DayTotals, TURN_MILLISECONDS, type Turn, type Usage } from '../../shared/store/usage.ts';
import { createMemoryTable } from '../property/memory-table.ts';
import { countedTable } from '../support/worker.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const DAY = 24 * 3_600_000;
const MINUTE = 60_000;
const ACME = 'acme' as ConnectionId;

let numbers = 0;
const newContract = () => `contract-${++numbers}` as ContractId;
/** So many days before now. */
const dateOf = (days: number): string => new Date(NOW - days * DAY).toISOString().slice(0, 10);
const TODAY = dateOf(0);
const NOTHING = { reported: new Map(), setAside: new Map() };

let emulators: Emulators;
beforeAll(async () => {
  emulators = await startEmulators();
});
afterAll(() => emulators.close());

// The property test has its table in memory: it must be as strict as the emulated one.
describe.each<[string, () => Table]>([
  ['DynamoDB', () => countedTable(emulators).table],
  ['the table in memory', createMemoryTable],
])('on %s', (_, open) => {
  let usage: Usage;
  beforeAll(() => {
    usage = createUsage(open());
  });

  const recordOf = async (contract: ContractId) => {
    const [record] = await usage.getAll(ACME, [contract]);
    if (record === undefined) throw new Error('Every contract has a record.');
    return record;
  };
  const begin = (contract: ContractId, revision: number, day: DayTotals, now = NOW) =>
    usage.begin(ACME, contract, revision, new Map([[TODAY, day]]), now);
  /** A sender that is known to get its turn. */
  async function turnOf(contract: ContractId, revision = 0, day: DayTotals = { seconds: 60 }): Promise<Turn> {
    const turn = await begin(contract, revision, day);
    if (turn === undefined) throw new Error('The turn was taken.');
    return turn;
  }
  const accepted = (...days: [string, DayTotals][]) => ({ ...NOTHING, reported: new Map(days) });

  test('a contract of which nothing was reported has an empty record', async () => {
    expect(await recordOf(newContract())).toEqual({ ...NOTHING, revision: 0, hold: undefined });
  });

  test('records come in the order of the contracts, also more than one request can ask for', async () => {
    const contracts = Array.from({ length: 101 }, newContract);
    const last = contracts.at(-1) as ContractId;
    await usage.finish(await turnOf(last), accepted([TODAY, { seconds: 7 }]), NOW);
    const records = await usage.getAll(ACME, contracts);
    expect(records.map(({ reported }) => reported.get(TODAY)?.seconds)).toEqual([...Array(100).fill(undefined), 7]);
  });

  describe('a sender', () => {
    test('notes what it is about to send as unconfirmed, and what was accepted as it is', async () => {
      const contract = newContract();
      const turn = await turnOf(contract, 0, { seconds: 60, tasks: 2 });
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 60, tasks: 2, unconfirmed: true });
      expect(await usage.finish(turn, accepted([TODAY, { seconds: 60, tasks: 2 }]), NOW)).toBe(true);
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 60, tasks: 2 });
    });

    test('puts back what was there before when nothing of it was accepted', async () => {
      const contract = newContract();
      await usage.finish(await turnOf(contract), accepted([TODAY, { seconds: 60 }]), NOW);
      const again = await turnOf(contract, 1, { seconds: 90 });
      await usage.finish(again, { ...NOTHING, reported: new Map([[TODAY, { seconds: 60 }]]) }, NOW);
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 60 });
      const first = await turnOf(newContract());
      await usage.finish(first, { ...NOTHING, reported: new Map([[TODAY, undefined]]) }, NOW);
      expect((await recordOf(first.contractId)).reported).toEqual(new Map());
    });

    test('has the contract to itself until it has finished', async () => {
      const contract = newContract();
      const turn = await turnOf(contract);
      expect(await begin(contract, 0, { seconds: 90 })).toBeUndefined();
      expect(await begin(contract, turn.revision, { seconds: 90 })).toBeUndefined();
      await usage.finish(turn, accepted([TODAY, { seconds: 60 }]), NOW);
      expect(await begin(contract, turn.revision, { seconds: 90 })).toBeDefined();
    });

    test('that read the record before another one sent does not get its turn: what it read of the work is older', async () => {
      const contract = newContract();
      await usage.finish(await turnOf(contract), accepted([TODAY, { seconds: 60 }]), NOW);
      expect(await begin(contract, 0, { seconds: 50 })).toBeUndefined();
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 60 });
    });

    test('that died leaves the contract after six minutes, when no request of it can be on its way any more', async () => {
      const contract = newContract();
      const dead = await turnOf(contract);
      expect(await begin(contract, 1, { seconds: 90 }, NOW + TURN_MILLISECONDS)).toBeUndefined();
      const heir = await begin(contract, 1, { seconds: 90 }, NOW + TURN_MILLISECONDS + 1);
      expect(heir?.revision).toBe(2);
      expect(TURN_MILLISECONDS).toBe(6 * MINUTE);

      expect(await usage.finish(dead, accepted([TODAY, { seconds: 60 }]), NOW), 'it was not dead').toBe(false);
      await usage.giveUp(dead);
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 90, unconfirmed: true });
      expect(await begin(contract, 2, { seconds: 99 }, NOW + TURN_MILLISECONDS + 2), 'the heir has it').toBeUndefined();
    });

    test('that gives up leaves it at once, with what it sent unconfirmed', async () => {
      const contract = newContract();
      await usage.giveUp(await turnOf(contract));
      expect((await recordOf(contract)).reported.get(TODAY)).toEqual({ seconds: 60, unconfirmed: true });
      expect(await begin(contract, 1, { seconds: 60 })).toBeDefined();
    });
  });

  test('a hold stays until the contract is reported', async () => {
    const contract = newContract();
    const hold = { reason: 'contract_unknown', since: NOW } as const;
    await usage.finish(await turnOf(contract), { ...NOTHING, hold }, NOW);
    await usage.noteSetAside(ACME, contract, new Map([[TODAY, { reason: 'negative_count', since: NOW }]]), NOW);
    expect((await recordOf(contract)).hold).toEqual(hold);
    await usage.finish(await turnOf(contract, 1), accepted([TODAY, { seconds: 60 }]), NOW);
    expect((await recordOf(contract)).hold).toBeUndefined();
  });

  test('a day is set aside, with what is known of it, and no longer; nobody’s turn is touched', async () => {
    const contract = newContract();
    const turn = await turnOf(contract);
    const aside = { seconds: 90_000, tasks: undefined, reason: 'seconds_out_of_range', since: NOW };
    await usage.noteSetAside(ACME, contract, new Map([[TODAY, aside]]), NOW);
    expect((await recordOf(contract)).setAside).toEqual(
      new Map([[TODAY, { seconds: 90_000, reason: 'seconds_out_of_range', since: NOW }]]),
    );
    await usage.noteSetAside(ACME, contract, new Map([[TODAY, undefined]]), NOW);
    expect((await recordOf(contract)).setAside).toEqual(new Map());
    expect(await usage.finish(turn, accepted([TODAY, { seconds: 60 }]), NOW)).toBe(true);
  });

  test('a hundred days fit into one change, also when all of them were set aside before', async () => {
    const contract = newContract();
    const days = Array.from({ length: 100 }, (_, day) => dateOf(day - 65));
    const aside = (reason: string) => new Map(days.map((date) => [date, { seconds: 1, reason, since: NOW }]));
    await usage.noteSetAside(ACME, contract, aside('negative_count'), NOW);
    expect((await recordOf(contract)).setAside.size).toBe(100);
    const sending = new Map(days.map((date) => [date, { seconds: 86_400, tasks: 999_999, labels: 999_999 }]));
    const turn = await usage.begin(ACME, contract, 0, sending, NOW);
    if (turn === undefined) throw new Error('The turn was taken.');
    const outcome = { reported: sending, setAside: new Map(days.map((date) => [date, undefined])) };
    expect(await usage.finish(turn, outcome, NOW)).toBe(true);
    expect((await recordOf(contract)).reported.size).toBe(100);
    expect((await recordOf(contract)).setAside.size).toBe(0);
  });

  describe('after 35 days', () => {
    test('what was reported and set aside is forgotten, with the next report', async () => {
      const contract = newContract();
      const old = new Map([[dateOf(36), { reason: 'negative_count', since: NOW }]]);
      await usage.finish(await turnOf(contract), accepted([TODAY, { seconds: 60 }]), NOW);
      await usage.noteSetAside(ACME, contract, old, NOW - 30 * DAY);
      const outcome = accepted([dateOf(35), { seconds: 5 }], [dateOf(36), { seconds: 6 }], [TODAY, { seconds: 61 }]);
      expect(await usage.finish(await turnOf(contract, 1), outcome, NOW)).toBe(true);
      const { reported, setAside } = await recordOf(contract);
      expect([...reported.keys()].sort()).toEqual([dateOf(35), TODAY]);
      expect(setAside).toEqual(new Map());
    });

    test('also where there is only what is set aside', async () => {
      const contract = newContract();
      await usage.noteSetAside(ACME, contract, new Map([[dateOf(36), { reason: 'x', since: 1 }]]), NOW - 30 * DAY);
      await usage.noteSetAside(ACME, contract, new Map([[TODAY, { reason: 'x', since: 1 }]]), NOW);
      expect([...(await recordOf(contract)).setAside.keys()]).toEqual([TODAY]);
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%s is not a number that it takes', async (seconds) => {
    await expect(begin(newContract(), 0, { seconds })).rejects.toThrow();
  });
});
