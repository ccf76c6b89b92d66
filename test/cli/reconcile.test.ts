import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionId } from '../../shared/ids.ts';
import { type Story, startStory } from '../support/story.ts';
import { type BuiltCli, buildCliForTests } from './built-cli.ts';

/** `reconcile`. What is compared, and how it is set right, is tested in test/reconcile. */

let cli: BuiltCli;
let story: Story;

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory();
});
afterAll(async () => {
  await story.close();
  cli.remove();
});

const local = () => ['--local', story.connector.url];

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

/** Nobody delivers anything, and nobody is missed: as where the connection was made without an endpoint. */
async function withoutEndpoint<One extends Pick<Customer, 'id'>>(customer: One): Promise<One> {
  await story.store.connections.forgetEndpoint(customer.id, Date.now());
  return customer;
}

async function newHire() {
  const hire = await story.newHire();
  await withoutEndpoint(hire.customer);
  return hire;
}

interface Shown {
  readonly dryRun: boolean;
  readonly connections: readonly {
    readonly connectionId: string;
    readonly repairs: readonly { readonly action: string; readonly why?: string; readonly trainerId?: string }[];
    readonly held: readonly object[];
    readonly holdRunId?: string;
  }[];
}

test('--dry-run shows who would be let in, where and why, and does nothing', async () => {
  const { customer, contract, project } = await newHire();
  const shown = await cli.json<Shown>(['reconcile', customer.id, '--dry-run', ...local()]);
  expect(shown).toMatchObject({ dryRun: true, connections: [{ connectionId: customer.id, held: [] }] });
  expect(shown.connections[0]?.repairs).toContainEqual(
    expect.objectContaining({ action: 'add', why: 'contract_unheard_of', contractId: contract.id, projectId: project }),
  );
  const { output } = await cli.run(['reconcile', customer.id, '--dry-run', ...local()]);
  expect(output).toMatch(new RegExp(`^${customer.id} +add +\\S+ +${project} +${contract.id} +runs at OpenTrain`, 'm'));
  expect(output).toContain('Nothing was done.');
  expect(story.membersOf(project)).toEqual([]);
});

test('what could not be looked at does not agree: 1 while the workspace is away, 3 where it knows no such project', async () => {
  const { customer } = await story.newHire({ delivered: true });
  await story.idle();
  const look = () => cli.run(['reconcile', customer.id, '--dry-run', ...local()]);
  expect(await look()).toMatchObject({ code: 0, output: expect.stringMatching(/^OpenTrain, .* agree\.\n/) });

  story.workspace.outage(true);
  const away = await look();
  story.workspace.outage(false);
  story.workspace.respondNext(404);
  const unknown = await look();
  for (const { output } of [away, unknown]) {
    expect(output).toMatch(/agree, as far as they could be looked at\.$/m);
    expect(output).toMatch(new RegExp(`^${customer.id}: 1 project could not be looked at`, 'm'));
    expect(output).not.toContain('failed');
  }
  expect([away.code, unknown.code]).toEqual([1, 3]);
  expect((await look()).code).toBe(0);
});

test('asks first, then does it; afterwards all agree', async () => {
  const { customer, project, workEmail } = await newHire();
  expect((await cli.run(['reconcile', customer.id, ...local()])).code).toBe(7);
  expect(story.membersOf(project)).toEqual([]);

  expect((await cli.run(['reconcile', customer.id, '--yes', ...local()])).code).toBe(0);
  expect(story.membersOf(project)).toEqual([workEmail]);
  const { code, output } = await cli.run(['reconcile', customer.id, '--yes', ...local()]);
  expect([code, output]).toEqual([0, expect.stringContaining('agree')]);
});

test('one project, or one trainer, and nobody else', async () => {
  const { customer, jobId, project, trainer } = await newHire();
  const other = customer.link(jobId);
  await cli.run(['reconcile', customer.id, '--project', project, '--yes', ...local()]);
  expect([story.membersOf(project).length, story.membersOf(other.project).length]).toEqual([1, 0]);

  await cli.run(['reconcile', customer.id, '--yes', ...local()]);
  story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
  await cli.run(['reconcile', customer.id, '--trainer', 'somebody-else', '--yes', ...local()]);
  expect(story.membersOf(project)).toEqual([]);
  await cli.run(['reconcile', customer.id, '--trainer', trainer.opentrainUserId, '--yes', ...local()]);
  expect(story.membersOf(project)).toHaveLength(1);
});

test('many removals at once are held and listed: 3; --approve lets them through', async () => {
  const customer = await withoutEndpoint(await story.newCustomer());
  const job = customer.postJob();
  const { project } = customer.link(job);
  const contracts = Array.from({ length: 4 }, () => customer.hire(job));
  await cli.run(['reconcile', customer.id, '--yes', ...local()]);
  expect(story.membersOf(project)).toHaveLength(4);

  for (const { id } of contracts) story.opentrain.endContract(id);
  const held = await cli.run(['reconcile', customer.id, '--yes', ...local()]);
  expect(held.code).toBe(3);
  expect(held.output).toContain('4 removals held');
  expect(story.membersOf(project)).toHaveLength(4);

  const [, runId = ''] = /--approve (\S+)/.exec(held.output) ?? [];
  const wrong = await cli.run(['reconcile', customer.id, '--approve', 'reconcile-of-yesterday', '--yes', ...local()]);
  expect(wrong).toMatchObject({ code: 2, error: expect.stringContaining(runId) });
  expect((await cli.run(['reconcile', customer.id, '--approve', runId, '--yes', ...local()])).code).toBe(0);
  expect(story.membersOf(project)).toEqual([]);
});

test.each([
  ['points elsewhere', (it: Customer) => it.client.updateWebhookEndpoint(it.endpointId, { url: 'https://a.example' })],
  ['is gone', (it: Customer) => it.client.deleteWebhookEndpoint(it.endpointId)],
  [
    'is down again after it was healed three times today',
    async (it: Customer) => {
      await it.client.updateWebhookEndpoint(it.endpointId, { status: 'DISABLED' });
      for (let healing = 0; healing < 3; healing += 1) await story.store.connections.countHealing(it.id, Date.now());
    },
  ],
])('an endpoint that %s is for a person to look at: 3', async (_what, change) => {
  const customer = await story.newCustomer({ delivered: true });
  expect((await cli.run(['reconcile', customer.id, '--yes', ...local()])).code).toBe(0);
  await change(customer);
  const { code, output } = await cli.run(['reconcile', customer.id, '--yes', ...local()]);
  expect(output).toContain(`${customer.id}: The webhook endpoint`);
  expect(code).toBe(3);
});

test('a connection that OpenTrain refuses is told, and the others are done: 5', async () => {
  const [refused, well] = [await newHire(), await newHire()];
  story.opentrain.setFeatureEnabled(refused.customer.organizationId, false);
  const { code, output } = await cli.run(['reconcile', '--yes', ...local()]);
  story.opentrain.setFeatureEnabled(refused.customer.organizationId, true);
  expect([code, output]).toEqual([5, expect.stringContaining(`${refused.customer.id}: OpenTrain refuses the token`)]);
  expect(story.membersOf(well.project)).toHaveLength(1);
});

test('a connection whose run comes to nothing is told as failed, and the others are done: 1', async () => {
  const [first, sick, last] = [await story.newHire(), await story.newHire(), await story.newHire()];
  // It has reconnected, and its new token was stored without a word.
  const { token } = story.opentrain.reconnect(sick.customer.installId);
  await story.connector.parameters.put(story.connector.names.token(sick.customer.id), token);
  const { code, output } = await cli.run(['reconcile', '--yes', ...local()]);
  expect([code, output]).toEqual([1, expect.stringContaining(`${sick.customer.id}: It could not be compared.`)]);
  expect(output).toContain('different installs');
  for (const { project, workEmail } of [first, last]) expect(story.membersOf(project)).toEqual([workEmail]);

  const shown = await cli.run(['reconcile', '--dry-run', '--json', ...local()]);
  expect((JSON.parse(shown.output) as Shown).connections).toContainEqual(
    expect.objectContaining({ connectionId: sick.customer.id, outcome: 'failed' }),
  );
  const named = await cli.run(['reconcile', sick.customer.id, '--yes', ...local()]);
  expect(named).toMatchObject({ code: 1, error: expect.stringContaining('different installs') });
});

test('--approve without a connection, or with a part only, is no command: 2', async () => {
  const id = 'acme' as ConnectionId;
  expect((await cli.run(['reconcile', '--approve', 'run', ...local()])).code).toBe(2);
  expect((await cli.run(['reconcile', id, '--approve', 'run', '--project', 'p', ...local()])).code).toBe(2);
});
