import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Scope } from '../../local/opentrain/state.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import type { ConnectionStatus } from '../../shared/operations/connection-status.ts';
import type { TrainerHistory } from '../../shared/operations/trainer-history.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { droppedByLambda } from '../support/dropped-event.ts';
import { milestoneEvent } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { type BuiltCli, buildCliForTests, type CliRun } from './built-cli.ts';

/** The commands that look and change nothing: check, status, trainer. */

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
const run = (...args: string[]): Promise<CliRun> => cli.run([...args, ...local()]);

interface CheckLine {
  readonly scope: string;
  readonly name: string;
  readonly verdict: string;
  readonly advice: string;
}

async function check(...args: string[]) {
  const { code, output } = await run('check', ...args, '--json');
  const { verdict, checks } = JSON.parse(output) as { verdict: string; checks: CheckLine[] };
  return { code, verdict, checks, told: (name: string) => checks.filter((one) => one.name === name) };
}

async function customer(given: { scopes?: readonly Scope[]; piiConsent?: boolean } = {}) {
  await story.opentrain.clock.advance(5_000);
  const id = story.unique('acme') as ConnectionId;
  const consented = story.opentrain.consent({ organization: id, ...given });
  const { endpointId } = await story.connector.connect(id, consented.token);
  return { id, endpointId, ...consented };
}

/** With a project that is linked to a job. */
async function linkedCustomer(given: Parameters<typeof customer>[0] = {}) {
  const one = await customer(given);
  const job = story.opentrain.postJob({ organizationId: one.organizationId }).id;
  const project = story.unique('project');
  story.opentrain.linkProject(one.installId, { externalProjectId: project, jobId: job });
  await story.idle();
  return { ...one, job, project };
}

describe('check', () => {
  test('passes where all is as it should be, and leaves nobody behind in the workspace', async () => {
    const { id, project } = await linkedCustomer();
    const { code, verdict, checks } = await check(id, '--contract');
    expect(checks.map(({ scope, name, verdict }) => `${verdict} ${scope}: ${name}`)).toEqual([
      `pass ${id}: token`,
      `pass ${id}: scopes`,
      `pass ${id}: consent`,
      `pass ${id}: endpoint`,
      `pass ${id}: delivery`,
      `pass ${id}: links`,
      ...['answers', 'let in', 'let in again', 'listed', 'take out', 'no longer listed', 'hire again', 'totals'].map(
        (name) => `pass workspace: ${name}`,
      ),
      ...['deliveries', 'usage', 'reconcile'].flatMap((name) => [
        `pass deployment: queue of ${name}`,
        `pass deployment: given up of ${name}`,
      ]),
      'pass deployment: usage-dropped',
      'pass deployment: reconcile-dropped',
      'pass deployment: contract',
    ]);
    expect({ code, verdict }).toEqual({ code: 0, verdict: 'pass' });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('is stopped by Ctrl+C: 130, with what was found until then, and nobody is left behind in the workspace', async () => {
    const { id, project } = await linkedCustomer();
    story.workspace.slow(300, { projectId: project });
    onTestFinished(() => story.workspace.slow(0, { projectId: project }));
    const isIn = () => story.membersOf(project).length > 0;
    const { code, output } = await cli.run(['check', id, ...local()], { interruptWhen: isIn });
    expect(output).toMatch(new RegExp(`^pass +${id} +delivery`, 'm'));
    expect(output).toMatch(/^pass +workspace +clean up +Nothing was left behind\./m);
    expect(output).toContain('Interrupted: this is what was found until then.');
    expect(output).not.toContain('deployment');
    expect(code).toBe(130);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('says which scopes and consent are missing, and what does not work without them: 3', async () => {
    const { id } = await customer({ scopes: ['webhooks:manage', 'project-links:read'], piiConsent: false });
    const { code, verdict, told } = await check(id, '--no-canary');
    expect({ code, verdict }).toEqual({ code: 3, verdict: 'fail' });
    expect(told('scopes').map(({ verdict, advice }) => `${verdict} ${advice}`)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^fail contracts:read is missing\. Without it, .*The customer reconnects/),
        expect.stringMatching(/^fail participants:email is missing\./),
      ]),
    );
    expect(told('consent')).toMatchObject([{ verdict: 'fail', advice: expect.stringContaining('nobody is let in') }]);
    expect(told('links')).toMatchObject([{ verdict: 'warn', advice: expect.stringContaining('No project is linked') }]);
    expect(told('delivery')).toMatchObject([{ verdict: 'pass' }]);
  });

  test('finds a token that was revoked, and goes on with the rest', async () => {
    const { id, installId } = await customer();
    story.opentrain.revoke(installId);
    await story.idle();
    await story.store.connections.connect(
      { id, installId: installId as never, workspaceId: DEFAULT_WORKSPACE },
      Date.now(),
    );
    const { code, told } = await check(id, '--no-canary');
    expect(told('token')).toMatchObject([{ verdict: 'fail', advice: expect.stringContaining('was revoked') }]);
    expect(told('answers')).toMatchObject([{ verdict: 'pass' }]);
    expect(code).toBe(3);
  });

  test.each([
    ['is disabled', { status: 'DISABLED' }, 'OpenTrain has disabled it'],
    ['lacks events', { eventTypes: ['contract.started'] }, 'It does not hear of contract.ended, '],
    [
      'points elsewhere',
      { url: 'https://elsewhere.example/webhook' },
      'points to https://elsewhere.example/webhook, not here',
    ],
  ] as const)('finds an endpoint that %s', async (_what, change, said) => {
    const { id, endpointId, token } = await customer();
    const response = await fetch(`${story.opentrain.platformApiUrl}/webhook-endpoints/${endpointId}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(change),
    });
    expect(response.status).toBe(200);
    const { told } = await check(id, '--no-canary');
    expect(told('endpoint')).toMatchObject([{ verdict: 'fail', advice: expect.stringContaining(said) }]);
  });

  test('finds a secret that does not work', async () => {
    const { id } = await customer();
    await run('send-test', id);
    const { parameters, names } = story.connector;
    await parameters.put(names.webhookSecrets(id), 'whsec_that_nobody_else_knows');
    const { told } = await check(id, '--no-canary');
    expect(told('delivery')).toMatchObject([{ verdict: 'fail', advice: expect.stringContaining('answered 401') }]);
    // What the functions know soon, OpenTrain does not.
    const advice = expect.stringMatching(/^The secret that is stored is not its own, .* Run connect --stored-token/);
    expect(told('endpoint')).toMatchObject([{ verdict: 'fail', advice }]);
  });

  test('finds a workspace that refuses the token; --project names another one to try it in', async () => {
    const { id } = await linkedCustomer();
    expect((await check(id, '--project', story.unique('quiet'))).told('let in')).toMatchObject([{ verdict: 'pass' }]);
    const { parameters, names } = story.connector;
    await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), 'a-wrong-token');
    const refused = await check(id);
    await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), story.workspace.token);
    expect(refused.told('answers')).toMatchObject([{ verdict: 'fail', advice: expect.stringContaining('token') }]);
    expect(refused.code).toBe(3);
  });

  test('finds what was given up', async () => {
    const { sqs, addresses } = story.connector;
    await sqs.send(new SendMessageCommand({ QueueUrl: addresses.deadLetterQueue, MessageBody: 'given up' }));
    const { id } = await customer();
    const { code, told } = await check(id, '--no-canary');
    expect(told('given up of deliveries')).toMatchObject([
      {
        verdict: 'fail',
        advice: '1 message in the dead-letter queue. See dlq list; mend the cause, then dlq redrive.',
      },
    ]);
    expect(code).toBe(3);
  });

  test('finds an event of a schedule that came to nothing, and status counts it', async () => {
    const { sqs, addresses } = story.connector;
    await sqs.send(new SendMessageCommand({ QueueUrl: addresses.usageDroppedQueue, ...droppedByLambda() }));
    const { id } = await customer();
    const { code, told } = await check(id, '--no-canary');
    expect(told('usage-dropped')).toMatchObject([
      { verdict: 'fail', advice: expect.stringMatching(/^1 event of the schedule .* dlq purge --queue usage-dropped/) },
    ]);
    expect(code).toBe(3);
    expect((await run('status', id)).output).toMatch(/^usage-dropped +- +- +1 \(see dlq list\)$/m);
    await run('dlq', 'purge', '--queue', 'usage-dropped', '--yes');
  });

  test('--contract finds an operation and a field that OpenTrain no longer has', async () => {
    const served = await (await fetch(`${story.opentrain.platformApiUrl}/openapi.json`)).text();
    const url = await serve(
      served.replace('/contracts/{contractId}/usage', '/usage').replaceAll('projectLinkIds', 'links'),
    );
    const { id } = await customer();
    const { told } = await check(id, '--no-canary', '--contract', '--opentrain-url', url);
    expect(told('contract').map(({ verdict, advice }) => `${verdict} ${advice}`)).toEqual([
      expect.stringContaining('fail OpenTrain no longer has answer: contracts.projectLinkIds (listContracts)'),
      expect.stringContaining('fail OpenTrain no longer has POST /contracts/{contractId}/usage (reportContractUsage)'),
    ]);
  });

  test('--contract without a document is a failure: nothing was compared', async () => {
    const { id } = await customer();
    const url = 'http://127.0.0.1:1';
    const { code, told } = await check(id, '--no-canary', '--contract', '--opentrain-url', url);
    const advice = `${url}/openapi.json gave no document. Check the network.`;
    expect(told('contract')).toEqual([{ scope: 'deployment', name: 'contract', verdict: 'fail', advice }]);
    expect(code).toBe(3);
  });

  test('goes on where nobody reads its remarks; where nobody reads its results, it ends without a word', async () => {
    const { id } = await customer();
    const args = ['check', id, '--no-canary', ...local()];
    const usual = await cli.run(args);
    const unremarked = await cli.run(args, { closed: 'stderr' });
    expect(unremarked.output).toMatch(new RegExp(`^pass  ${id} +token`, 'm'));
    expect(unremarked.code).toBe(usual.code);
    expect(await cli.run(args, { closed: 'stdout' })).toMatchObject({ code: 0, error: 'Checking local mode …\n' });
    const refused = await cli.run(['check', 'nobody', ...local()], { closed: 'stderr' });
    expect(refused.code).toBe(4);
  });

  test('people get a table, the verdict first; what goes on is said on standard error', async () => {
    const { id } = await customer();
    const { output, error } = await run('check', id, '--no-canary');
    expect(output).toMatch(new RegExp(`^pass  ${id} +token +OpenTrain takes it`, 'm'));
    expect(error).toBe('Checking local mode …\n');
  });
});

describe('status', () => {
  test('counts trainers by state, budgets, deliveries and the usage lag of each connection', async () => {
    const { customer: one, contract } = await story.newHire();
    await one.deliver(one.event('contract.started'));
    await one.deliver(milestoneEvent('milestone.budget_low', contract.id));
    const job = one.postJob();
    one.link(job);
    story.opentrain.setPiiConsent(one.installId, false);
    one.hire(job);
    await one.deliver(one.event('contract.started'));
    await story.store.connections.noteUsageReported(one.id, Date.now() - 2 * 3600_000);

    const { connections } = await cli.json<{ connections: ConnectionStatus[] }>(['status', one.id, ...local()]);
    expect(connections).toMatchObject([
      {
        connectionId: one.id,
        status: 'active',
        attention: null,
        missingScopes: [],
        piiConsent: true,
        trainers: { working: 1, waiting: { waiting_for_consent: 1 }, gone: 0 },
        budgets: { LOW: 1 },
        deliveries: { done: 2, parked: 1, waiting: 0 },
      },
    ]);
    const { output } = await run('status', one.id);
    expect(output).toMatch(
      new RegExp(`^${one.id} +active +1 +1 waiting_for_consent +0 +1 LOW +2 h ago +never +2 done, 1 parked`, 'm'),
    );
    expect(output).toMatch(/^deliveries +0 +0 +\d/m);
  });

  test('tells when a connection was last reconciled to the end', async () => {
    const { id } = await customer();
    await run('reconcile', id, '--yes');
    const { connections } = await cli.json<{ connections: { reconcileLagSeconds: number | null }[] }>([
      'status',
      id,
      ...local(),
    ]);
    expect(connections[0]?.reconcileLagSeconds).toBeLessThan(60);
  });

  test('tells a refused token, which waits for a person, from a customer who has left', async () => {
    const [refused, left] = [await customer(), await customer()];
    const connection = await story.store.connections.get(refused.id);
    await story.store.connections.disconnectRefused(connection, Date.now());
    await run('disconnect', left.id, '--yes');
    const { output } = await run('status');
    expect(output).toMatch(new RegExp(`^${refused.id} +disconnected: OpenTrain refuses the token`, 'm'));
    expect(output).toMatch(new RegExp(`^${left.id} +disconnected +\\d`, 'm'));
    expect(await run('check', refused.id, '--no-canary')).toMatchObject({
      code: 3,
      output: expect.stringContaining('refused the token for over an hour'),
    });
    expect((await run('check', left.id, '--no-canary')).output).toContain('else nothing is to be done');
  });

  test('tells a connection that needs attention, and one that is disconnected', async () => {
    const [attention, gone] = [await customer(), await customer()];
    await story.store.connections.markAttention(attention.id, 'opentrain_forbidden', Date.now());
    await run('disconnect', gone.id, '--yes');
    const { output } = await run('status');
    expect(output).toMatch(new RegExp(`^${attention.id} +active, needs attention: opentrain_forbidden`, 'm'));
    expect(output).toMatch(new RegExp(`^${gone.id} +disconnected`, 'm'));
  });
});

describe('trainer', () => {
  test('the whole history over two customers: deliveries, attempts, what was asked of the workspace, outcomes', async () => {
    const trainer = story.unique('Maria Silva');
    const project = story.unique('shared');
    const [mine, theirs] = [await story.newHire({ trainer, project }), await story.newHire({ trainer, project })];
    story.workspace.respondNext(503);
    await mine.customer.deliver(mine.customer.event('contract.started'), { delivery: 'mine-started' });
    await theirs.customer.deliver(theirs.customer.event('contract.started'), { delivery: 'theirs-started' });
    story.opentrain.endContract(mine.contract.id);
    await mine.customer.deliver(mine.customer.event('contract.ended'), { delivery: 'mine-ended' });

    const id = mine.trainer.opentrainUserId;
    const history = await cli.json<TrainerHistory>(['trainer', id, ...local()]);
    expect(history.contracts.map(({ contractId, state }) => [contractId, state])).toEqual(
      expect.arrayContaining([
        [mine.contract.id, 'ended'],
        [theirs.contract.id, 'open'],
      ]),
    );
    expect(history.seats).toMatchObject([{ project, openContracts: 1, applied: 'in', settled: true }]);
    expect(
      history.moments.map(({ deliveryId, attempt, status, reason, calls }) => [
        deliveryId,
        attempt,
        status,
        reason,
        calls,
      ]),
    ).toEqual([
      ['mine-started', 1, 'waiting', 'workspace_unavailable', [asked('ensureAccess', 'WorkspaceUnavailableError')]],
      ['mine-started', 2, 'done', 'provisioned', [asked('ensureAccess', 'ok')]],
      ['theirs-started', 1, 'done', 'provisioned', [asked('ensureAccess', 'ok')]],
      // The other contract keeps them in: the workspace is looked at, and nobody is taken out.
      ['mine-ended', 1, 'done', 'offboarded', [asked('ensureAccess', 'ok')]],
    ]);
    const { output } = await run('trainer', id);
    expect(output).toContain(`(${id})`);
    expect(output).toMatch(
      new RegExp(`contract\\.started +${mine.contract.id} +2 +done: provisioned +ensureAccess ${project}: ok`),
    );
    expect(output).not.toContain('@');

    function asked(call: string, answer: string) {
      return { call, project, answer };
    }
  });

  test('the end of a link is part of it, although it names nobody', async () => {
    const { customer: one, link, contract, trainer } = await story.newHire();
    await one.deliver(one.event('contract.started', contract.id));
    story.opentrain.unlinkProject(one.installId, link.id);
    await one.deliver(one.event('project_link.removed'), { delivery: 'unlinked' });
    const { moments } = await cli.json<TrainerHistory>(['trainer', trainer.opentrainUserId, ...local()]);
    expect(moments.at(-1)).toMatchObject({
      deliveryId: 'unlinked',
      reason: 'offboarded',
      calls: [{ call: 'revokeAccess', answer: 'ok' }],
    });
  });

  test('what reconciliation did is part of it, with why', async () => {
    const { customer: one, contract, trainer, project } = await story.newHire();
    await run('reconcile', one.id, '--yes');
    expect(story.membersOf(project)).toHaveLength(1);
    story.opentrain.endContract(contract.id);
    await run('reconcile', one.id, '--yes');
    const { moments } = await cli.json<TrainerHistory>(['trainer', trainer.opentrainUserId, ...local()]);
    const about = { connectionId: one.id, contractId: contract.id, status: 'done' };
    const runId = expect.stringMatching(/^reconcile-by-hand-/);
    expect(moments).toMatchObject([
      { ...about, runId, repair: 'admit', why: 'contract_unheard_of', reason: 'provisioned' },
      { ...about, runId, repair: 'dismiss', why: 'contract_ended', reason: 'dismissed' },
    ]);
    const { output } = await run('trainer', trainer.opentrainUserId);
    expect(output).toMatch(
      /reconcile: admit +\S+ +- +done: provisioned, because runs at OpenTrain, and was never heard of here +- +reconcile-by/,
    );
    expect(output).toContain('done: dismissed, because the contract has ended');
    expect(output).not.toContain('@');
  });

  test('nobody knows them: 4', async () => {
    const { code, error } = await run('trainer', 'usr_unknown');
    expect(error).toContain('opentrainUserId');
    expect(code).toBe(4);
  });
});

test('nothing secret or personal was ever printed', () => {
  const printed = cli.printed.join('\n');
  for (const word of ['whsec_', 'ot_ptk_', '@opentrain.work', story.workspace.token])
    expect(printed).not.toContain(word);
});

/** @returns the base URL of an API that has nothing but this document */
async function serve(document: string): Promise<string> {
  const server = createAdaptorServer(new Hono().get('/openapi.json', (context) => context.body(document)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
