import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { reconcileConnection } from '../../shared/reconcile/reconcile-connection.ts';
import { createStore } from '../../shared/store/store.ts';
import type { Table } from '../../shared/store/table.ts';
import { reconcileParts, runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';
import { countedTable } from '../support/worker.ts';

/** A day on which OpenTrain's deliveries are all lost, and one reconciliation. */

const MINUTE = 60_000;

let story: Story;

beforeEach(async () => {
  story = await startStory();
});
afterEach(() => story.close());

type Customer = Awaited<ReturnType<Story['newCustomer']>>;
type Contract = ReturnType<Customer['hire']>;

/** Customers in one workspace, of whom the last two have not consented to addresses, and everybody whom they ever hired. */
async function startWorld() {
  const customers = [
    await story.newCustomer({ delivered: true }),
    await story.newCustomer({ delivered: true }),
    await story.newCustomer({ delivered: true, piiConsent: false }),
    await story.newCustomer({ delivered: true, piiConsent: false }),
  ];
  const contracts: Contract[] = [];
  const projects = new Set<string>();
  const consenting = new Set(customers.slice(0, 2));

  /** Of contracts whose funds are told of: the state of each, in its project. */
  const funds = new Map<string, { readonly customer: Customer; readonly contract: Contract }>();

  const world = {
    customers,
    hire(customer: Customer, job: string, name?: string): Contract {
      const contract = customer.hire(job, name);
      contracts.push(contract);
      return contract;
    },
    rehire: (customer: Customer, { jobId, trainer }: Contract) =>
      world.hire(customer, jobId, (trainer?.workEmail ?? '').replace('@opentrain.work', '').replaceAll('.', ' ')),
    link(customer: Customer, job: string, options: Parameters<Customer['link']>[1] = {}) {
      const link = customer.link(job, options);
      projects.add(link.project);
      return link;
    },
    /** A contract with an hour of funds, in a project of its own. */
    hireFunded(customer: Customer): Contract {
      const job = customer.postJob();
      const { project } = world.link(customer, job);
      const contract = world.hire(customer, job);
      story.opentrain.fundMilestone(contract.id, { volume: 1 });
      if (consenting.has(customer)) funds.set(project, { customer, contract });
      return contract;
    },
    /** The trainer works for an hour, and OpenTrain hears of it. */
    async useUp({ client }: Customer, { id, trainer }: Contract) {
      const workDate = new Date(story.opentrain.clock.now()).toISOString().slice(0, 10);
      const entry = { workDate, totalSeconds: 3_600, workerOpentrainUserId: trainer?.opentrainUserId ?? '' };
      await client.reportContractUsage(id as never, [entry]);
    },
    topUp: ({ id }: Contract) => story.opentrain.fundMilestone(id, { volume: 100 }),
    /** What people are told of the funds in each project. */
    notices: () => [...funds.keys()].map((project) => story.workspace.noticeOf(project)?.state ?? 'OK'),
    /** What OpenTrain says of them. */
    budgets: () =>
      Promise.all(
        [...funds.values()].map(
          async ({ customer, contract }) => (await customer.client.getContractBudget(contract.id as never)).state,
        ),
      ),
    hasConsented: (customer: Customer) => consenting.has(customer),
    consent(customer: Customer) {
      story.opentrain.setPiiConsent(customer.installId, true);
      consenting.add(customer);
    },
    end: ({ id }: Contract) => story.opentrain.endContract(id),
    /** Who should be in each project: OpenTrain's own word, without a look at what the connector knows. */
    truth(): Record<string, string[]> {
      const wanted = new Map([...projects].map((project) => [project, new Set<string>()]));
      for (const customer of consenting) {
        for (const { externalProjectId, jobId } of story.opentrain.linksOf(customer.installId)) {
          for (const { endDate, trainer, ...contract } of contracts) {
            if (contract.jobId !== jobId || story.opentrain.contract(contract.id).endDate !== null) continue;
            if (trainer !== null) wanted.get(externalProjectId)?.add(trainer.workEmail);
          }
        }
      }
      return Object.fromEntries([...wanted].map(([project, members]) => [project, [...members].sort()]));
    },
    members: (): Record<string, string[]> =>
      Object.fromEntries([...projects].map((project) => [project, story.membersOf(project)])),
  };
  return world;
}

type World = Awaited<ReturnType<typeof startWorld>>;

/** What one customer has in the morning: two jobs with a project each, a small one, thirteen trainers, and two with funds. */
async function openShop(world: World, customer: Customer, shared: string) {
  const [job, other, small] = [customer.postJob(), customer.postJob(), customer.postJob()];
  const { project } = world.link(customer, job);
  world.link(customer, other, { project: shared });
  const smallLink = world.link(customer, small);
  const crew = Array.from({ length: 7 }, () => world.hire(customer, job));
  const shift = Array.from({ length: 4 }, (_, index) => world.hire(customer, other, `Shared Trainer ${'ABCD'[index]}`));
  world.hire(customer, small);
  const former = world.hire(customer, job);
  const [funded, usedUp] = [world.hireFunded(customer), world.hireFunded(customer)];
  await world.useUp(customer, usedUp);
  return { customer, job, project, other, small, smallLink, crew, shift, former, funded, usedUp };
}

type Shop = Awaited<ReturnType<typeof openShop>>;

/** What happens in one of them on the day. Three lose their place at most, which is no mass. */
async function aDay(world: World, { customer, job, project, other, small, smallLink, crew, ...shop }: Shop) {
  const { shift, former, funded, usedUp } = shop;
  const [leaver, again, still, missing, moved] = crew;
  if (!leaver || !again || !still || !missing || !moved) throw new Error('The crew is too small.');
  const hour = () => story.opentrain.clock.advance(60 * MINUTE);
  world.end(leaver);
  for (let more = 0; more < 6; more += 1) world.hire(customer, job);
  await hour();
  // Ended and hired anew, twice in a day.
  world.end(again);
  world.end(world.rehire(customer, again));
  world.rehire(customer, again);
  // A second contract keeps in whose first one ends.
  world.rehire(customer, still);
  world.end(still);
  await hour();
  world.link(customer, job);
  world.hire(customer, small);
  world.end(world.hire(customer, other));
  await hour();
  // The small project is no longer linked; another is linked to its job, and one of both for a moment only.
  story.opentrain.unlinkProject(customer.installId, smallLink.id);
  world.link(customer, small);
  story.opentrain.unlinkProject(customer.installId, world.link(customer, other).id);
  // Of those whom the customers share, each gives up another.
  const given = shift[world.customers.indexOf(customer)];
  if (given !== undefined) world.end(given);
  await hour();
  // Without consent nobody is in, and whom the connector has not let in before, it does not take out again.
  if (world.hasConsented(customer) && former.trainer !== null) {
    for (const { trainer } of [missing, moved]) {
      expect(story.workspace.removeMemberByHand(project, trainer?.opentrainUserId ?? '')).toBe(true);
    }
    story.workspace.addMemberByHand(project, former.trainer);
  }
  await world.useUp(customer, funded);
  world.topUp(usedUp);
  await story.opentrain.clock.advance(12 * 60 * MINUTE);
}

/** A morning on which all is as it should be, and then a day of which the connector hears nothing. */
async function loseADay() {
  const world = await startWorld();
  // They are held back for good.
  story.opentrain.holdDeliveries();
  const shared = story.unique('shared');
  const shops: Shop[] = [];
  for (const customer of world.customers) shops.push(await openShop(world, customer, shared));
  await story.connector.reconcile();
  for (const { former } of shops) world.end(former);
  await story.connector.reconcile();
  expect(world.members()).toEqual(world.truth());
  expect(world.notices()).toEqual(['OK', 'DEPLETED', 'OK', 'DEPLETED']);
  for (const shop of shops) await aDay(world, shop);
  const [, , third] = world.customers;
  if (third !== undefined) world.consent(third);
  return { world, shops };
}

/** The table's items as text, by their keys. */
async function dumpTable(): Promise<Map<string, string>> {
  const { TABLE_NAME: TableName } = story.connector.emulators.environment;
  const items = new Map<string, string>();
  for await (const page of paginateScan({ client: new DynamoDBClient() }, { TableName })) {
    for (const item of page.Items ?? []) {
      items.set(`${item.pk?.S} ${item.sk?.S}`, JSON.stringify(Object.entries(item).sort()));
    }
  }
  return items;
}

/** A run over all, and what it has moved. */
async function nextRun() {
  await story.opentrain.clock.advance(30 * MINUTE);
  const before = { table: await dumpTable(), requests: story.workspace.requests.log.length };
  await story.connector.reconcile();
  const after = await dumpTable();
  return {
    changed: [...after].filter(([key, item]) => before.table.get(key) !== item).map(([key]) => key),
    vanished: [...before.table.keys()].filter((key) => !after.has(key)),
    calls: new Set(story.workspace.requests.log.slice(before.requests).map(({ operationId }) => operationId)),
  };
}

const summariesOf = ({ customers }: World) => customers.map(({ id }) => `CONN#${id} RECONCILIATION`).sort();

test('one reconciliation makes good a day of lost deliveries for all customers; the next finds nothing', {
  timeout: 120_000,
}, async () => {
  const { world } = await loseADay();
  expect(world.members()).not.toEqual(world.truth());
  expect(world.notices()).toEqual(['OK', 'DEPLETED', 'OK', 'DEPLETED']);
  await story.connector.reconcile();
  expect(world.notices()).toEqual(['DEPLETED', 'OK', 'DEPLETED', 'OK']);
  expect(world.notices()).toEqual(await world.budgets());
  const truth = world.truth();
  expect(world.members()).toEqual(truth);
  expect(Object.values(truth).flat().length).toBeGreaterThan(60);
  const summaries = await Promise.all(world.customers.map(({ id }) => story.store.reconciliations.get(id)));
  expect(summaries).toMatchObject(summaries.map(() => ({ failed: 0, outcome: 'active' })));
  expect(summaries.map((summary) => summary?.hold)).toEqual([undefined, undefined, undefined, undefined]);
  // Those of the one who has not consented.
  expect(summaries.map((summary) => summary?.waiting)).toEqual([0, 0, 0, expect.any(Number)]);
  expect(summaries[3]?.waiting).toBeGreaterThan(10);

  const { changed, vanished, calls } = await nextRun();
  expect(changed.sort()).toEqual(summariesOf(world));
  expect({ vanished, calls: [...calls] }).toEqual({ vanished: [], calls: ['listMembers'] });
  expect(world.members()).toEqual(truth);
});

test('where more have ended than may go at once, all else is made good, and approval completes it', {
  timeout: 120_000,
}, async () => {
  const { world, shops } = await loseADay();
  const [shop] = shops;
  for (const contract of shop?.crew.slice(3) ?? []) world.end(contract);
  await story.connector.reconcile();
  const truth = world.truth();
  const reached = world.members();
  // Nobody is missing; but in one customer's projects those who should go are still in.
  for (const [project, members] of Object.entries(truth)) {
    expect(reached[project]).toEqual(expect.arrayContaining(members));
  }
  const late = Object.entries(truth).filter(([project, members]) => reached[project]?.length !== members.length);
  expect(late.length).toBeGreaterThan(0);
  const holds = await Promise.all(
    world.customers.map(async ({ id }) => (await story.store.reconciliations.get(id))?.hold?.runId),
  );
  expect(holds).toEqual([expect.any(String), undefined, undefined, undefined]);

  const { id } = shop?.customer ?? world.customers[0] ?? { id: '' as never };
  await runReconcile(story, id, { approve: holds[0] });
  expect(world.members()).toEqual(truth);
  const { changed, calls } = await nextRun();
  expect(changed.sort()).toEqual(summariesOf(world));
  expect([...calls]).toEqual(['listMembers']);
});

test('a quiet run reads, lists each project once, and writes one item', async () => {
  const { customer, jobId } = await story.newHire({ delivered: true });
  for (let more = 0; more < 5; more += 1) customer.hire(jobId);
  customer.link(jobId);
  await story.idle();
  await runReconcile(story, customer.id);

  const requests = { get: 0, getAll: 0, list: 0, change: 0 };
  const counted = (table: Table): Table => ({
    get: (key) => count('get', () => table.get(key)),
    getAll: (keys) => count('getAll', () => table.getAll(keys)),
    change: (key, change) => count('change', () => table.change(key, change)),
    list: (pk, prefix) => count('list', () => table.list(pk, prefix)),
  });
  function count<Answer>(operation: keyof typeof requests, ask: () => Answer): Answer {
    requests[operation] += 1;
    return ask();
  }
  const store = createStore(counted(countedTable(story.connector.emulators).table));
  const { parts } = reconcileParts(story, { store: () => store });
  const before = story.workspace.requests.log.length;
  const request = { connectionId: customer.id, runId: 'quiet' };
  const outcome = await reconcileConnection(request, parts, new AbortController().signal);
  expect(outcome).toMatchObject({ kind: 'done', report: { repairs: [], checked: 12 } });
  expect(requests.change).toBe(1);
  const calls = story.workspace.requests.log.slice(before).map(({ operationId }) => operationId);
  expect(calls).toEqual(['listMembers', 'listMembers']);
});
