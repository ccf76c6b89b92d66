import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RepairRow } from '../../shared/reconcile/repairs.ts';
import { runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

/** What is shown is what is done; and showing it does nothing. */

const HOUR = 3_600_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type Customer = Awaited<ReturnType<Story['newCustomer']>>;
type Options = NonNullable<Parameters<typeof runReconcile>[2]>;

/** The whole table as text, the same for the same items. */
async function dumpTable(): Promise<string[]> {
  const { TABLE_NAME: TableName } = story.connector.emulators.environment;
  const items: string[] = [];
  for await (const page of paginateScan({ client: new DynamoDBClient() }, { TableName })) {
    for (const item of page.Items ?? []) items.push(JSON.stringify(Object.entries(item).sort()));
  }
  return items.sort();
}

/** A dry run, and the proof that it has only read. */
async function dryRun({ id, installId }: Customer, options: Options = {}) {
  const look = async () => ({
    table: await dumpTable(),
    workspace: story.workspace.state().projects,
    endpoints: story.opentrain.endpointsOf(installId),
  });
  const before = await look();
  const run = await runReconcile(story, id, { ...options, isDryRun: true });
  expect(await look()).toEqual(before);
  expect(before.table.length).toBeGreaterThan(2);
  expect(run.calls.workspace.filter((operation) => operation !== 'listMembers')).toEqual([]);
  expect(run.calls.opentrain.filter((operation) => !/^(get|list)/.test(operation ?? ''))).toEqual([]);
  return run;
}

/** Rows in an order of their own; whose an unheard-of contract is, is asked for only where that is to be shown. */
const comparable = (rows: readonly RepairRow[]) =>
  rows
    .map(({ trainerId, ...row }) => (row.why === 'contract_unheard_of' ? row : { ...row, trainerId }))
    .map((row) => JSON.stringify(Object.entries(row).sort()))
    .sort();

/** OpenTrain, which leaves those contracts out of its lists. */
const without =
  (contracts: readonly string[]): typeof fetch =>
  async (input) => {
    const response = await fetch(input);
    if (!new URL(input instanceof Request ? input.url : input).pathname.endsWith('/contracts')) return response;
    const body = (await response.json()) as { readonly contracts: readonly { readonly id: string }[] };
    return Response.json({ ...body, contracts: body.contracts.filter(({ id }) => !contracts.includes(id)) });
  };

/** A customer for whom there is one of everything to be set right. */
async function withOneOfEach() {
  const customer = await story.newCustomer();
  const job = customer.postJob();
  const link = customer.link(job);
  const old = { job: customer.postJob() };
  const oldLink = customer.link(old.job);
  const unlinked = customer.hire(old.job);
  // Enough that the brake lets six go.
  const crew = Array.from({ length: 29 }, () => customer.hire(job));
  await runReconcile(story, customer.id);
  const [ended, untold, suspended, lost, leftBehind, missing, still, unsettled] = crew;
  if (!ended || !untold || !suspended || !lost || !leftBehind || !missing || !still || !unsettled) throw new Error();

  story.opentrain.setPiiConsent(customer.installId, false);
  const parked = customer.hire(job);
  story.opentrain.endContract(still.id);
  const first = await runReconcile(story, customer.id, { opentrainFetch: without([suspended.id]) });
  expect(first).toMatchObject({ waiting: 1, held: [], repaired: { contract_ended: 1, contract_untold: 1 } });
  story.opentrain.setPiiConsent(customer.installId, true);

  const trainerOf = ({ trainer }: typeof ended) => trainer ?? { opentrainUserId: '', workEmail: '', displayName: '' };
  const placeOf = async (contract: typeof ended) => {
    const seat = await story.seatOf(link.project, trainerOf(contract));
    const grant = await customer.grant(contract, link);
    if (seat === undefined || grant === undefined) throw new Error('They were never let in.');
    return { seat, grant };
  };
  const now = story.opentrain.clock.now();
  const [one, other, third] = [await placeOf(lost), await placeOf(leftBehind), await placeOf(unsettled)];
  await story.store.seats.release(one.seat, one.grant, now);
  await story.store.grants.end(other.grant, {}, now);
  await story.store.seats.claim(third.seat, third.grant, third.seat.trainer, now);
  story.workspace.removeMemberByHand(link.project, trainerOf(missing).opentrainUserId);
  story.workspace.addMemberByHand(link.project, trainerOf(still));
  story.opentrain.endContract(ended.id);
  story.opentrain.unlinkProject(customer.installId, oldLink.id);
  const newJob = customer.postJob();
  const newLink = customer.link(newJob);
  const unheard = customer.hire(newJob);
  return {
    customer,
    link,
    newLink,
    contracts: { ended, untold, suspended, lost, leftBehind, missing, still, unsettled, parked, unheard, unlinked },
    options: { opentrainFetch: without([untold.id]) } satisfies Options,
  };
}

test('shows one of everything exactly as the run that follows does it, and changes nothing', async () => {
  const { customer, link, newLink, contracts, options } = await withOneOfEach();
  const { unheard, parked, suspended } = contracts;
  const dry = await dryRun(customer, options);
  expect(dry.repairs.map(({ action, why }) => `${action}: ${why}`).sort()).toEqual([
    'add: claim_lost',
    'add: contract_unheard_of',
    'add: missing_in_workspace',
    'add: reconnected',
    'add: was_parked',
    'forget link: undefined',
    'note link: undefined',
    'note: unsettled',
    'remove: claim_left_behind',
    'remove: contract_ended',
    'remove: contract_untold',
    'remove: link_removed',
    'remove: still_in_workspace',
  ]);
  expect(dry).toMatchObject({ held: [], failed: 0, holdRunId: undefined });
  expect(dry.repaired).toEqual({});
  expect(dry.repairs).toContainEqual({
    action: 'add',
    why: 'contract_unheard_of',
    trainerId: unheard.trainer?.opentrainUserId,
    projectId: newLink.project,
    contractId: unheard.id,
    linkId: newLink.id,
  });

  const before = story.membersOf(link.project);
  const real = await runReconcile(story, customer.id, options);
  expect(comparable(real.repairs)).toEqual(comparable(dry.repairs));
  expect(real).toMatchObject({ kind: 'done', failed: 0, waiting: 0, held: [] });
  const after = story.membersOf(link.project);
  const emailsOf = (...some: readonly (typeof unheard)[]) => some.map(({ trainer }) => trainer?.workEmail).sort();
  expect(after.filter((address) => !before.includes(address))).toEqual(emailsOf(contracts.missing, parked, suspended));
  expect(before.filter((address) => !after.includes(address))).toEqual(
    emailsOf(contracts.ended, contracts.untold, contracts.leftBehind, contracts.still),
  );
  expect(story.membersOf(newLink.project)).toEqual(emailsOf(unheard));
  expect(await dryRun(customer, options)).toMatchObject({ repairs: [], held: [] });
});

test('shows what would be held, too, and holds nothing', async () => {
  const { customer, contracts, options } = await withOneOfEach();
  // One more than may go.
  for (const { id } of [contracts.missing, contracts.unsettled]) story.opentrain.endContract(id);
  const dry = await dryRun(customer, options);
  expect(dry.held).toHaveLength(8);
  expect((await story.store.reconciliations.get(customer.id))?.hold).toBeUndefined();
  const real = await runReconcile(story, customer.id, options);
  expect(comparable(real.held)).toEqual(comparable(dry.held));
  expect(comparable(real.repairs)).toEqual(comparable(dry.repairs));
});

test('shows nobody of the whole workspace as to be taken out whose claim is to be made good', async () => {
  const everywhere = { workspace: { accessScope: 'workspace' } } as const;
  const { customer, contract, link, trainer } = await story.newHire();
  await runReconcile(story, customer.id, everywhere);
  const grant = await customer.grant(contract, link);
  const seat = await story.seatOf('*', trainer);
  if (grant === undefined || seat === undefined) throw new Error('They were never let in.');
  await story.store.seats.release(seat, grant, story.opentrain.clock.now());
  const dry = await dryRun(customer, everywhere);
  expect(dry.repairs).toMatchObject([{ action: 'add', why: 'claim_lost' }]);
  const real = await runReconcile(story, customer.id, everywhere);
  expect(comparable(real.repairs)).toEqual(comparable(dry.repairs));
});

describe('changes nothing', () => {
  test('about an endpoint that is disabled, and says that it would be healed', async () => {
    const { customer, jobId } = await story.newHire({ delivered: true });
    await story.idle();
    await runReconcile(story, customer.id);
    await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
    customer.hire(jobId);
    const dry = await dryRun(customer);
    expect(dry).toMatchObject({ endpoint: 'to-heal', repairs: { length: 1 } });
    expect(story.opentrain.endpointsOf(customer.installId)).toMatchObject([{ status: 'DISABLED' }]);
    expect(await runReconcile(story, customer.id)).toMatchObject({ endpoint: 'healed', repairs: { length: 1 } });
  });

  test('about a token that is refused, however often, for however long', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await runReconcile(story, customer.id);
    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    for (const hours of [0, 2, 30]) {
      await story.opentrain.clock.advance(hours * HOUR);
      expect(await dryRun(customer)).toMatchObject({ install: 'refused', repairs: [], held: [] });
    }
    expect(await customer.connection()).not.toHaveProperty('refusedSince');

    await runReconcile(story, customer.id);
    await story.opentrain.clock.advance(HOUR);
    expect(await dryRun(customer)).toMatchObject({ install: 'refused', repairs: [] });
    await runReconcile(story, customer.id);
    story.opentrain.setFeatureEnabled(customer.organizationId, true);
    expect(await dryRun(customer)).toMatchObject({ install: 'back', repairs: [] });
    expect((await customer.connection()).status).toBe('disconnected');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('about a connection that is past its grace, and shows who would go', async () => {
    const { customer, jobId } = await story.newHire();
    for (let more = 0; more < 4; more += 1) customer.hire(jobId);
    await runReconcile(story, customer.id);
    story.opentrain.revoke(customer.installId);
    await customer.deliver(customer.event('install.revoked'));
    await story.opentrain.clock.advance(25 * HOUR);
    const dry = await dryRun(customer);
    expect(dry).toMatchObject({ install: 'disconnected', repairs: { length: 5 }, held: [] });
    const real = await runReconcile(story, customer.id);
    expect(comparable(real.repairs)).toEqual(comparable(dry.repairs));
  });

  test('about consent that was given, a budget that was never told, and a connection that was never looked at', async () => {
    const { customer, contract, trainer } = await story.newHire({ piiConsent: false });
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    story.opentrain.setPiiConsent(customer.installId, true);
    const dry = await dryRun(customer);
    expect(dry.repairs).toContainEqual(expect.objectContaining({ trainerId: trainer.opentrainUserId }));
    expect((await customer.connection()).piiConsent).toBe(false);
    expect(await customer.budget(contract)).toBeUndefined();
    expect(await story.store.reconciliations.get(customer.id)).toBeUndefined();
    await runReconcile(story, customer.id);
    await story.opentrain.clock.advance(24 * HOUR);
    await dryRun(customer);
  });
});
