import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulators, startEmulators } from '../../local/aws/emulators.ts';
import type {
  ConnectionId,
  ContractId,
  DeliveryId,
  InstallId,
  LinkId,
  MemberId,
  ProjectId,
  TrainerId,
  WorkEmail,
} from '../../shared/ids.ts';
import type { BudgetCopy, BudgetNews } from '../../shared/store/budgets.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import type { GrantRef } from '../../shared/store/grants.ts';
import type { Seat, SeatRef } from '../../shared/store/seats.ts';
import { createStore, type Store } from '../../shared/store/store.ts';
import type { Table } from '../../shared/store/table.ts';
import type { Trainer } from '../../shared/workspace/port.ts';
import { countedTable } from '../support/worker.ts';

let emulators: Emulators;
let table: Table;
let store: Store;
let requests: { count: number };

beforeAll(async () => {
  emulators = await startEmulators();
  ({ table, requests } = countedTable(emulators));
  store = createStore(table);
});
afterAll(() => emulators.close());

/** Milliseconds since the epoch; the store asks for the time at every write. */
const NOW = Date.parse('2026-06-15T12:00:00Z');
let numbers = 0;
const unique = (name: string) => `${name}-${++numbers}`;
const newConnection = () => unique('connection') as ConnectionId;

function newGrant(given: Partial<GrantRef> = {}): GrantRef {
  const connectionId = newConnection();
  return { connectionId, contractId: unique('contract') as ContractId, linkId: unique('link') as LinkId, ...given };
}

function newSeat(): { seat: SeatRef; trainer: Trainer } {
  const trainerId = unique('user') as TrainerId;
  const workEmail = `${trainerId}@opentrain.work` as WorkEmail;
  return {
    seat: { workspaceId: DEFAULT_WORKSPACE, project: unique('project') as ProjectId, trainerId },
    trainer: { opentrainUserId: trainerId, workEmail, displayName: 'Maria S.' },
  };
}

async function collect<One>(all: AsyncIterable<One>): Promise<One[]> {
  const collected = [];
  for await (const one of all) collected.push(one);
  return collected;
}

async function countOf(act: () => Promise<unknown>): Promise<number> {
  const before = requests.count;
  await act();
  return requests.count - before;
}

describe('grants: ended is final', () => {
  const details = { trainerId: 'maria' as TrainerId, projectId: 'p1' as ProjectId, title: 'Draw boxes' };

  test('an open grant cannot be opened any more once it has ended', async () => {
    const grant = newGrant();
    expect(await store.grants.open(grant, details, NOW)).toBe(true);
    await store.grants.end(grant, { endDate: '2026-06-30' }, NOW + 1);
    expect(await store.grants.open(grant, { ...details, title: 'Again' }, NOW + 2)).toBe(false);
    expect(await store.grants.get(grant)).toMatchObject({ state: 'ended', title: 'Draw boxes', endDate: '2026-06-30' });
  });

  test('nor one that ended before it was ever known', async () => {
    const grant = newGrant();
    await store.grants.end(grant, {}, NOW);
    expect(await store.grants.open(grant, details, NOW + 1)).toBe(false);
    expect(await store.grants.park(grant, details, { reason: 'waiting_for_consent' }, NOW + 1)).toBe('ended');
    expect((await store.grants.get(grant))?.state).toBe('ended');
  });

  test('a parked grant can be opened, and forgets why it was parked', async () => {
    const grant = newGrant();
    const why = { reason: 'action_required', steps: ['Restore member 42.'] } as const;
    expect(await store.grants.park(grant, details, why, NOW)).toBe('parked');
    expect(await store.grants.get(grant)).toMatchObject({ state: 'parked', ...why });
    expect(await store.grants.open(grant, {}, NOW + 1)).toBe(true);
    const { state, reason, steps, trainerId } = (await store.grants.get(grant)) ?? {};
    expect({ state, reason, steps, trainerId }).toEqual({
      state: 'open',
      reason: undefined,
      steps: undefined,
      trainerId: 'maria',
    });
  });

  test.each(['waiting_for_consent', 'trainer_unclear'] as const)(
    '%s does not overrule an open grant',
    async (reason) => {
      const grant = newGrant();
      await store.grants.open(grant, details, NOW);
      expect(await store.grants.park(grant, { title: 'Less is known' }, { reason }, NOW + 1)).toBe('open');
      const { state, title, reason: noted } = (await store.grants.get(grant)) ?? {};
      expect({ state, title, noted }).toEqual({ state: 'open', title: 'Draw boxes', noted: undefined });
    },
  );

  test('action_required does, for a person must help; and waiting may follow waiting', async () => {
    const grant = newGrant();
    const why = { reason: 'action_required', steps: ['Restore member 42.'] } as const;
    await store.grants.open(grant, details, NOW);
    expect(await store.grants.park(grant, details, why, NOW + 1)).toBe('parked');
    expect(await store.grants.get(grant)).toMatchObject({ state: 'parked', ...why });
    expect(await store.grants.park(grant, details, { reason: 'waiting_for_consent' }, NOW + 2)).toBe('parked');
    expect(await store.grants.get(grant)).toMatchObject({ state: 'parked', reason: 'waiting_for_consent', steps: [] });
  });

  test('ending tells who it was about: what was known stays, what was not is added', async () => {
    const known = newGrant();
    await store.grants.open(known, details, NOW);
    const other = { trainerId: 'joao' as TrainerId, projectId: 'p2' as ProjectId };
    expect(await store.grants.end(known, other, NOW + 1)).toMatchObject({ trainerId: 'maria', projectId: 'p1' });
    expect(await store.grants.end(newGrant(), other, NOW + 1)).toMatchObject({ trainerId: 'joao', projectId: 'p2' });
  });

  test('ending twice changes nothing about when it ended', async () => {
    const grant = newGrant();
    await store.grants.end(grant, details, NOW);
    expect(await store.grants.end(grant, details, NOW + 5)).toMatchObject({ state: 'ended', endedAt: NOW });
  });

  test('one that was warned of stays so, also when it ends; the mark makes none, and is no news of it', async () => {
    const grant = newGrant();
    await store.grants.markWarned(grant);
    expect(await store.grants.get(grant)).toBeUndefined();
    await store.grants.open(grant, details, NOW);
    await store.grants.markWarned(grant);
    expect(await store.grants.get(grant)).toMatchObject({ state: 'open', warned: true, updatedAt: NOW });
    expect(await store.grants.end(grant, {}, NOW + 1)).toMatchObject({ state: 'ended', warned: true });
  });

  test('many are read at once, each once; those that do not exist are left out', async () => {
    const [one, two] = [newGrant(), newGrant()];
    for (const grant of [one, two]) await store.grants.open(grant, details, NOW);
    const found = await store.grants.getAll([two, newGrant(), one, two]);
    expect(found.map(({ contractId }) => contractId)).toEqual([two.contractId, one.contractId]);
  });

  test("are listed by connection or by contract, a contract's name not taken for another's", async () => {
    const connectionId = newConnection();
    for (const contract of ['c1', 'c1', 'c10']) {
      await store.grants.open(newGrant({ connectionId, contractId: contract as ContractId }), {}, NOW);
    }
    await store.grants.open(newGrant(), {}, NOW);
    expect((await collect(store.grants.list(connectionId))).map(({ contractId }) => contractId).sort()).toEqual([
      'c1',
      'c1',
      'c10',
    ]);
    expect(await collect(store.grants.list(connectionId, 'c1' as ContractId))).toHaveLength(2);
  });

  test('are all listed, however many pages DynamoDB makes of them', async () => {
    const connectionId = newConnection();
    const title = 'x'.repeat(200_000);
    for (let index = 0; index < 12; index += 1) await store.grants.open(newGrant({ connectionId }), { title }, NOW);
    let found = 0;
    const pages = await countOf(async () => {
      found = (await collect(store.grants.list(connectionId))).length;
    });
    expect(found).toBe(12);
    expect(pages).toBeGreaterThan(1);
  });
});

describe('seats: the set of open grants', () => {
  test('a claim makes the seat, a second one joins it, a third of the same grant changes nothing', async () => {
    const { seat, trainer } = newSeat();
    const [first, second] = [newGrant(), newGrant()];
    await store.seats.claim(seat, first, trainer, NOW);
    await store.seats.claim(seat, second, trainer, NOW);
    const { openGrants } = await store.seats.claim(seat, second, trainer, NOW);
    const name = ({ connectionId, contractId, linkId }: GrantRef) => `${connectionId}/${contractId}/${linkId}`;
    expect(openGrants).toEqual(new Set([name(first), name(second)]));
  });

  test('a release takes out its own grant only, the last one leaves the set empty', async () => {
    const { seat, trainer } = newSeat();
    const [first, second] = [newGrant(), newGrant()];
    await store.seats.claim(seat, first, trainer, NOW);
    await store.seats.claim(seat, second, trainer, NOW);
    expect((await store.seats.release(seat, first, NOW))?.openGrants.size).toBe(1);
    expect((await store.seats.release(seat, first, NOW))?.openGrants.size, 'twice is as good as once').toBe(1);
    expect((await store.seats.release(seat, second, NOW))?.openGrants.size).toBe(0);
    expect((await store.seats.get(seat))?.openGrants).toEqual(new Set());
  });

  test('there is nothing to release where nobody ever sat, and no seat comes of it', async () => {
    const { seat } = newSeat();
    expect(await store.seats.release(seat, newGrant(), NOW)).toBeUndefined();
    expect(await store.seats.get(seat)).toBeUndefined();
  });

  test('claims and releases at the same time lose nothing', async () => {
    const { seat, trainer } = newSeat();
    const grants = Array.from({ length: 12 }, () => newGrant());
    await Promise.all(grants.map((grant) => store.seats.claim(seat, grant, trainer, NOW)));
    expect((await store.seats.get(seat))?.openGrants.size).toBe(12);
    await Promise.all(grants.slice(0, 11).map((grant) => store.seats.release(seat, grant, NOW)));
    const { openGrants, revision } = (await store.seats.get(seat)) as Seat;
    expect([openGrants.size, revision]).toEqual([1, 23]);
  });

  test('settling is refused when the seat has moved since it was read, and tells how it is now', async () => {
    const { seat, trainer } = newSeat();
    const grant = newGrant();
    const read = await store.seats.claim(seat, grant, trainer, NOW);
    await store.seats.release(seat, grant, NOW);
    const memberId = 'member-1' as MemberId;
    const settled = await store.seats.settle(read, { applied: 'in', memberId }, NOW);
    expect(settled).toMatchObject({ kind: 'moved', seat: { openGrants: new Set(), revision: 2, trainer } });
    expect((await store.seats.get(seat))?.applied, 'nothing was noted').toBeUndefined();

    const now = settled.kind === 'moved' ? settled.seat : read;
    expect(await store.seats.settle(now, { applied: 'out' }, NOW)).toEqual({ kind: 'settled' });
  });

  test('the same set after a release and a claim is another revision all the same', async () => {
    const { seat, trainer } = newSeat();
    const grant = newGrant();
    const read = await store.seats.claim(seat, grant, trainer, NOW);
    await store.seats.release(seat, grant, NOW);
    const again = await store.seats.claim(seat, grant, trainer, NOW);
    expect(again.openGrants).toEqual(read.openGrants);
    expect((await store.seats.settle(read, { applied: 'in' }, NOW)).kind).toBe('moved');
    expect((await store.seats.settle(again, { applied: 'in' }, NOW)).kind).toBe('settled');
  });

  test("the workspace's own member id is kept for good once it is known", async () => {
    const { seat, trainer } = newSeat();
    const grant = newGrant();
    const taken = await store.seats.claim(seat, grant, trainer, NOW);
    await store.seats.settle(taken, { applied: 'in', memberId: 'member-1' as MemberId }, NOW);
    const left = (await store.seats.release(seat, grant, NOW)) as Seat;
    await store.seats.settle(left, { applied: 'out', memberId: undefined }, NOW);
    expect(await store.seats.claim(seat, grant, trainer, NOW)).toMatchObject({ memberId: 'member-1', applied: 'out' });
  });
});

describe('connections: a revocation names an install', () => {
  const connect = (id: ConnectionId, install: string) =>
    store.connections.connect({ id, installId: install as InstallId, workspaceId: DEFAULT_WORKSPACE }, NOW);
  const disconnect = (id: ConnectionId, install: string) => store.connections.disconnect(id, install as InstallId, NOW);

  test('one that was never written is an active one on the defaults', async () => {
    const id = newConnection();
    expect(await store.connections.get(id)).toEqual({ id, status: 'active', workspaceId: DEFAULT_WORKSPACE });
  });

  test('its own disconnects it', async () => {
    const id = newConnection();
    await connect(id, 'install-1');
    expect(await disconnect(id, 'install-1')).toBe(true);
    expect(await store.connections.get(id)).toMatchObject({ status: 'disconnected', installId: 'install-1' });
  });

  test('an older one changes nothing', async () => {
    const id = newConnection();
    await connect(id, 'install-1');
    await connect(id, 'install-2');
    expect(await disconnect(id, 'install-1')).toBe(false);
    expect(await store.connections.get(id)).toMatchObject({ status: 'active', installId: 'install-2' });
  });

  test('connecting anew heals a disconnected one and whatever needed attention', async () => {
    const id = newConnection();
    await connect(id, 'install-1');
    await store.connections.markAttention(id, 'opentrain_forbidden', NOW);
    await disconnect(id, 'install-1');
    await connect(id, 'install-2');
    const { status, attention } = await store.connections.get(id);
    expect({ status, attention }).toEqual({ status: 'active', attention: undefined });
  });

  test('attention is dated by when it began, and can be cleared', async () => {
    const id = newConnection();
    await store.connections.markAttention(id, 'opentrain_forbidden', NOW);
    await store.connections.markAttention(id, 'opentrain_forbidden', NOW + 9);
    expect(await store.connections.get(id)).toMatchObject({ attention: 'opentrain_forbidden', attentionSince: NOW });
    await store.connections.clearAttention(id, NOW + 10);
    expect((await store.connections.get(id)).attention).toBeUndefined();
  });
});

describe('deliveries: done is not overruled', () => {
  const statusOf = async (connectionId: ConnectionId, deliveryId: DeliveryId) =>
    (await store.situation({ connectionId, deliveryId })).delivery;

  test('the steps of a delivery that waited for a person are gone once it is done', async () => {
    const [connection, delivery] = [newConnection(), unique('delivery') as DeliveryId];
    const waited = { status: 'parked', reason: 'action_required', steps: ['Restore member 42.'], attempts: 1 } as const;
    await store.deliveries.record(connection, delivery, waited, NOW);
    expect((await statusOf(connection, delivery))?.steps).toEqual(['Restore member 42.']);
    await store.deliveries.record(connection, delivery, { status: 'done', attempts: 2 }, NOW + 1);
    expect(await statusOf(connection, delivery)).toMatchObject({ status: 'done' });
    expect((await statusOf(connection, delivery))?.steps).toBeUndefined();
  });

  test.each(['waiting', 'parked'] as const)('by one that is %s', async (status) => {
    const [connection, delivery] = [newConnection(), unique('delivery') as DeliveryId];
    await store.deliveries.record(connection, delivery, { status: 'done', reason: 'provisioned', attempts: 1 }, NOW);
    await store.deliveries.record(connection, delivery, { status, reason: 'late', attempts: 2 }, NOW + 1);
    expect(await statusOf(connection, delivery)).toMatchObject({ status: 'done', reason: 'provisioned', attempts: 1 });
  });

  test('one that waits may be parked, and one that is parked may be done', async () => {
    const [connection, delivery] = [newConnection(), unique('delivery') as DeliveryId];
    for (const status of ['waiting', 'parked', 'waiting', 'done'] as const) {
      await store.deliveries.record(connection, delivery, { status, attempts: 1 }, NOW);
      expect(await statusOf(connection, delivery)).toMatchObject({ status });
    }
  });

  test('it is forgotten 35 days after it was last touched', async () => {
    const [connection, delivery] = [newConnection(), unique('delivery') as DeliveryId];
    await store.deliveries.record(connection, delivery, { status: 'waiting', attempts: 1 }, NOW);
    await store.deliveries.record(connection, delivery, { status: 'done', attempts: 2 }, NOW + 60_000);
    const item = await table.get({ pk: `CONN#${connection}`, sk: `DELIVERY#${delivery}` });
    expect(item).toMatchObject({ firstSeenAt: NOW, expiresAt: NOW / 1000 + 60 + 35 * 86_400 });
  });
});

describe('links: removed is final', () => {
  test('a link that was removed is not recorded any more', async () => {
    const [connection, id] = [newConnection(), unique('link') as LinkId];
    const link = { id, projectId: 'p1' as ProjectId };
    expect(await store.links.record(connection, link, NOW)).toBe(true);
    await store.links.remove(connection, id, NOW + 1);
    await store.links.remove(connection, id, NOW + 2);
    expect(await store.links.record(connection, link, NOW + 3)).toBe(false);
    expect(await store.links.get(connection, id)).toMatchObject({ projectId: 'p1', removedAt: NOW + 1 });
  });

  test('nor one whose removal was told first', async () => {
    const [connection, id] = [newConnection(), unique('link') as LinkId];
    await store.links.remove(connection, id, NOW);
    expect(await store.links.record(connection, { id }, NOW + 1)).toBe(false);
  });
});

describe('connections: found once anything was written of them', () => {
  test.each<[string, (id: ConnectionId) => Promise<unknown>]>([
    ['the connection itself', (id) => store.connections.markAttention(id, 'opentrain_forbidden', NOW)],
    [
      'its place in the directory, before a crash',
      (id) => table.change({ pk: 'CONNECTIONS', sk: `CONN#${id}` }, { set: { connectionId: id } }),
    ],
  ])('%s', async (_, write) => {
    const id = newConnection();
    expect(await store.connections.find(id)).toBeUndefined();
    await write(id);
    expect(await store.connections.find(id)).toMatchObject({ id, status: 'active', workspaceId: DEFAULT_WORKSPACE });
  });
});

describe('budgets: the latest news count', () => {
  const told = (id: string, asOf = NOW) =>
    ({ state: 'LOW', asOf, event: { id, type: 'milestone.budget_low' } }) as const;
  const answered = (asOf: number) => ({ state: 'OK', asOf }) as const;
  const record = async (connection: ConnectionId, contract: string, news: BudgetNews) =>
    (await store.budgets.record(connection, contract as ContractId, news, NOW)).kind;
  const itemOf = (connection: ConnectionId, contract: string) =>
    table.get({ pk: `CONN#${connection}`, sk: `BUDGET#${contract}` });

  test.each([
    ['a later one replaces an earlier one', ['9', '10'], '10'],
    ['an earlier one that comes late changes nothing', ['10', '9'], '10'],
    ['neighbours beyond 2^53 are told apart', ['9007199254740993', '9007199254740992'], '9007199254740993'],
    ['the same one twice counts once', ['7', '7'], '7'],
    ['an id that is not digits is later than all that are', ['99999999999999999999', 'evt_1'], 'evt_1'],
  ])('events in the order of their ids: %s', async (_, ids, last) => {
    const connection = newConnection();
    const kinds = [];
    for (const id of ids) kinds.push(await record(connection, 'c1', told(id)));
    expect((await itemOf(connection, 'c1'))?.lastEventId).toBe(last);
    expect(kinds).toEqual(['recorded', ids.at(-1) === last && new Set(ids).size === ids.length ? 'recorded' : 'older']);
  });

  test.each<[string, BudgetNews[], string[]]>([
    ['an event before an answer', [answered(NOW), told('9', NOW - 1)], ['recorded', 'older']],
    ['an event of the very moment of an answer', [answered(NOW), told('9', NOW)], ['recorded', 'recorded']],
    ['an answer before an event', [told('9', NOW), answered(NOW - 1)], ['recorded', 'older']],
    ['an answer before an answer', [answered(NOW), answered(NOW - 1)], ['recorded', 'older']],
    ['an answer after an event', [told('9', NOW), answered(NOW + 1)], ['recorded', 'recorded']],
    [
      'a later event by its id from before an answer',
      [told('9', NOW), answered(NOW + 2), told('10', NOW + 1)],
      ['recorded', 'recorded', 'older'],
    ],
    [
      'an older event by its id, whatever its time',
      [told('9', NOW), answered(NOW + 1), told('8', NOW + 2)],
      ['recorded', 'recorded', 'older'],
    ],
  ])('events and answers by their times: %s', async (_, news, expected) => {
    const connection = newConnection();
    const kinds = [];
    for (const one of news) kinds.push(await record(connection, 'c1', one));
    expect(kinds).toEqual(expected);
  });

  test('what is told last is known in full, and nothing of what was told before', async () => {
    const connection = newConnection();
    const numbers = { consumedFraction: 0.9, fundedVolume: 40, consumedVolume: 36, remainingVolume: 4 };
    const full = { ...told('9'), ...numbers, milestoneId: 'm1', paymentType: 'PAY_PER_HOUR' };
    const first = await store.budgets.record(connection, 'c1' as ContractId, full, NOW);
    const { event: _, ...facts } = full;
    expect(first.budget).toEqual({ connectionId: connection, contractId: 'c1', ...facts, revision: 1 });
    const second = await store.budgets.record(connection, 'c1' as ContractId, answered(NOW + 1), NOW);
    const bare = { state: 'OK', paymentType: 'PAY_PER_HOUR', asOf: NOW + 1, revision: 2 };
    expect(second.budget).toEqual({ connectionId: connection, contractId: 'c1', ...bare });
    expect((await store.budgets.record(connection, 'c1' as ContractId, full, NOW)).budget).toEqual(second.budget);
  });

  test('a contract at a fixed price never warns, even when its price is not told again', async () => {
    const connection = newConnection();
    await record(connection, 'c1', { ...answered(NOW), paymentType: 'FIXED_PRICE' });
    await record(connection, 'c1', told('9'));
    expect(await store.budgets.getAll(connection, ['c1' as ContractId])).toMatchObject([{ state: 'OK' }]);
  });

  test('many are read at once, a hundred a request, in their order', async () => {
    const connection = newConnection();
    await record(connection, 'c7', told('9'));
    await record(connection, 'c150', answered(NOW));
    const contracts = Array.from({ length: 201 }, (_, index) => `c${index}` as ContractId);
    let found: readonly unknown[] = [];
    const requested = await countOf(async () => {
      found = await store.budgets.getAll(connection, contracts);
    });
    expect(requested).toBe(3);
    expect(found).toHaveLength(201);
    expect(found[7]).toMatchObject({ contractId: 'c7', state: 'LOW' });
    expect(found[150]).toMatchObject({ contractId: 'c150', state: 'OK' });
    expect(found.filter((one) => one !== undefined)).toHaveLength(2);
  });

  test('contracts do not meet, nor do connections', async () => {
    const [one, other] = [newConnection(), newConnection()];
    await record(one, 'c1', told('9'));
    expect(await record(one, 'c2', told('8'))).toBe('recorded');
    expect(await record(other, 'c1', told('8'))).toBe('recorded');
  });
});

describe('copies of budgets, in the projects', () => {
  const newProject = () => ({ workspaceId: DEFAULT_WORKSPACE, projectId: unique('project') as ProjectId });
  const newCopy = (given: Partial<BudgetCopy> = {}): BudgetCopy => ({
    connectionId: newConnection(),
    contractId: 'c1' as ContractId,
    url: 'https://opentrain.example',
    links: ['link-1' as LinkId],
    state: 'LOW',
    consumedFraction: 0.9,
    asOf: NOW,
    revision: 2,
    ...given,
  });

  test('an older one does not replace a newer one; the same one again may be in other places', async () => {
    const project = newProject();
    const copy = newCopy({ title: 'Draw boxes' });
    await store.budgets.putCopy(project, copy, NOW);
    await store.budgets.putCopy(project, { ...copy, revision: 1, state: 'OK' }, NOW);
    expect(await collect(store.budgets.listCopies(project))).toEqual([copy]);
    const moved = { ...copy, links: ['link-2' as LinkId] };
    await store.budgets.putCopy(project, moved, NOW);
    expect(await collect(store.budgets.listCopies(project))).toEqual([moved]);
  });

  test('a newer one leaves nothing of the older one', async () => {
    const project = newProject();
    const { connectionId } = newCopy();
    await store.budgets.putCopy(project, newCopy({ connectionId, title: 'Draw boxes', milestoneId: 'm1' }), NOW);
    const { consumedFraction: _, ...bare } = newCopy({ connectionId, revision: 3 });
    await store.budgets.putCopy(project, bare, NOW);
    expect(await collect(store.budgets.listCopies(project))).toEqual([bare]);
  });

  test('one whose contract is over is forgotten after 35 days, unless it is written again', async () => {
    const project = newProject();
    const copy = newCopy();
    await store.budgets.expireCopy(project, copy, NOW);
    expect(await collect(store.budgets.listCopies(project)), 'none was there').toEqual([]);
    await store.budgets.putCopy(project, copy, NOW);
    await store.budgets.expireCopy(project, copy, NOW);
    await store.budgets.expireCopy(project, copy, NOW + 86_400_000);
    const expiresAt = NOW / 1000 + 35 * 86_400;
    expect(await collect(store.budgets.listCopies(project))).toEqual([{ ...copy, expiresAt }]);
    await store.budgets.putCopy(project, copy, NOW);
    expect(await collect(store.budgets.listCopies(project))).toEqual([copy]);
  });

  test('are listed by project, of all connections or of one, whose name is not taken for another’s', async () => {
    const project = newProject();
    const [one, two] = ['acme', 'acme-2'].map((name) => newCopy({ connectionId: name as ConnectionId }));
    for (const copy of [one, two]) if (copy !== undefined) await store.budgets.putCopy(project, copy, NOW);
    await store.budgets.putCopy(newProject(), newCopy(), NOW);
    expect(await collect(store.budgets.listCopies(project))).toEqual([one, two]);
    expect(await collect(store.budgets.listCopies(project, 'acme' as ConnectionId))).toEqual([one]);
  });
});

describe('notices', () => {
  const newProject = () => ({ workspaceId: DEFAULT_WORKSPACE, projectId: unique('project') as ProjectId });
  const low = { state: 'LOW', text: 'One fifth is left.', url: 'https://opentrain.example' } as const;

  test('a project that was never shown one has none', async () => {
    expect(await store.notices.get(newProject())).toBeUndefined();
  });

  test('one is settled once it is shown, and not any more when somebody begins to change it', async () => {
    const project = newProject();
    const revision = await store.notices.begin(project, NOW);
    expect(await store.notices.get(project)).toEqual({ notice: null, settled: false, revision });
    expect(await store.notices.settle(project, revision, low, NOW)).toBe(true);
    expect(await store.notices.get(project)).toEqual({ notice: low, settled: true, revision });
    const next = await store.notices.begin(project, NOW);
    expect(await store.notices.get(project)).toEqual({ notice: low, settled: false, revision: next });
  });

  test('of two who begin, only the second may settle', async () => {
    const project = newProject();
    const first = await store.notices.begin(project, NOW);
    const second = await store.notices.begin(project, NOW);
    expect(await store.notices.settle(project, first, low, NOW)).toBe(false);
    expect(await store.notices.settle(project, second, null, NOW)).toBe(true);
    expect(await store.notices.get(project)).toEqual({ notice: null, settled: true, revision: second });
  });
});

describe('the situation of a delivery', () => {
  test('is one request, whatever it asks for', async () => {
    const { connectionId, contractId, linkId } = newGrant();
    const deliveryId = unique('delivery') as DeliveryId;
    const asked = [{}, { contractId }, { linkId }, { contractId, linkId }];
    for (const about of asked) {
      expect(await countOf(() => store.situation({ connectionId, deliveryId, ...about }))).toBe(1);
    }
  });

  test('holds connection, delivery, link and grant, each read as by itself', async () => {
    const ref = newGrant();
    const { connectionId, contractId, linkId } = ref;
    const deliveryId = unique('delivery') as DeliveryId;
    await store.connections.connect(
      { id: connectionId, workspaceId: DEFAULT_WORKSPACE, scopes: ['contracts:read'] },
      NOW,
    );
    await store.deliveries.record(connectionId, deliveryId, { status: 'waiting', attempts: 3 }, NOW);
    await store.links.record(connectionId, { id: linkId, projectId: 'p1' as ProjectId }, NOW);
    await store.grants.open(ref, { trainerId: 'maria' as TrainerId }, NOW);
    const situation = await store.situation({ connectionId, deliveryId, contractId, linkId });
    expect(situation.connection).toEqual(await store.connections.get(connectionId));
    expect(situation.delivery).toMatchObject({ status: 'waiting', attempts: 3 });
    expect(situation.link).toEqual(await store.links.get(connectionId, linkId));
    expect(situation.grant).toEqual(await store.grants.get(ref));
  });

  test('of a stranger is empty but for the connection, which is on the defaults', async () => {
    const { connectionId, contractId, linkId } = newGrant();
    const deliveryId = unique('delivery') as DeliveryId;
    expect(await store.situation({ connectionId, deliveryId, contractId, linkId })).toEqual({
      connection: { id: connectionId, status: 'active', workspaceId: DEFAULT_WORKSPACE },
      delivery: undefined,
      link: undefined,
      grant: undefined,
    });
  });
});

describe('the table', () => {
  test('a change whose condition fails changes nothing and tells what stands there', async () => {
    const key = { pk: unique('pk'), sk: 'A' };
    await table.change(key, { set: { status: 'first', name: 'reserved words do not matter' } });
    const refused = await table.change(key, {
      set: { status: 'second' },
      onlyIf: '#status = :old',
      values: { old: 'other' },
    });
    expect(refused).toMatchObject({ kind: 'refused', item: { status: 'first' } });
    expect(await table.get(key)).toMatchObject({ status: 'first' });
  });

  test('a condition on something that is not there is refused with nothing', async () => {
    const refused = await table.change(
      { pk: unique('pk'), sk: 'A' },
      { set: { x: 1 }, onlyIf: 'attribute_exists(#pk)' },
    );
    expect(refused).toEqual({ kind: 'refused', item: undefined });
  });

  test('an undefined field stays as it is', async () => {
    const key = { pk: unique('pk'), sk: 'A' };
    await table.change(key, { set: { one: 1, two: 2 } });
    await table.change(key, { set: { one: undefined, two: 3 } });
    expect(await table.get(key)).toMatchObject({ one: 1, two: 3 });
  });

  test('gives several items in the order in which they were asked for', async () => {
    const pk = unique('pk');
    for (const sk of ['A', 'B']) await table.change({ pk, sk }, { set: { is: sk } });
    const items = await table.getAll(['B', 'C', 'A'].map((sk) => ({ pk, sk })));
    expect(items.map((item) => item?.is)).toEqual(['B', undefined, 'A']);
  });
});
