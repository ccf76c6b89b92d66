import type { ContractId, LinkId, ProjectId } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { createStore } from '../../shared/store/store.ts';
import { CONTRACTS_AT_MOST } from '../../shared/usage/report-connection.ts';
import { NeedsPersonError } from '../../shared/workspace/errors.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';
import { milestoneEvent, without } from '../support/opentrain-event.ts';
import { openSeedingTable } from '../support/seeding-table.ts';
import {
  type Answer,
  byWorkspace,
  inAwsEnvelope,
  inBrokenJson,
  inEnvelope,
  inLongEnvelope,
  WAYS,
} from './careless-answers.ts';
import type { LeakWorld } from './world.ts';

/** One row of the failure tables, or one way in which all goes well. */
export interface Row {
  readonly of: 'webhook' | 'worker' | 'usage' | 'reconcile' | 'budget' | 'admin';
  readonly when: string;
  /** What is logged at least. */
  readonly logs: readonly string[];
  readonly happen: (world: LeakWorld) => Promise<unknown>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const strike = (world: LeakWorld, who: keyof LeakWorld['proxies'], answer: Answer | undefined, only?: RegExp) =>
  world.proxies[who].trouble({ ...(answer && { answer }), ...(only && { only }) });

type Json = Record<string, unknown>;
const changed = (change: (body: Json) => void) => (text: string) => {
  const body = JSON.parse(text) as Json;
  change(body);
  return JSON.stringify(body);
};

/** The connection's endpoint as OpenTrain tells of it, but for this. */
const endpointIs = (world: LeakWorld, change: Json) =>
  world.proxies.opentrain.trouble({
    only: /^GET \S*\/webhook-endpoints /,
    change: changed((body) => {
      for (const endpoint of body.webhookEndpoints as Json[]) Object.assign(endpoint, change);
    }),
  });

const WEBHOOK: readonly Row[] = [
  {
    of: 'webhook',
    when: 'a delivery is accepted',
    logs: ['delivery.accepted'],
    happen: async (world) => (await world.newCustomer()).send('anything, be it from zebedee@opentrain.work'),
  },
  ...[
    { when: 'is not signed', signature: () => '' },
    { when: 'is signed malformed', signature: () => `v1=${'ab'.repeat(32)}` },
    {
      when: 'is signed with another secret',
      signature: (now: number) => `t=${Math.floor(now / 1000)},v1=${'cd'.repeat(32)}`,
    },
  ].map(
    ({ when, signature }): Row => ({
      of: 'webhook',
      when: `a delivery ${when}`,
      logs: ['delivery.rejected'],
      happen: async (world) => {
        const { send, secret } = await world.newCustomer();
        await send('{}', { headers: { 'x-opentrain-signature': signature(Date.now()), authorization: secret } });
      },
    }),
  ),
  {
    of: 'webhook',
    when: 'a signature is stale',
    logs: ['delivery.rejected'],
    happen: async (world) => (await world.newCustomer()).send('{}', { aged: 301 }),
  },
  {
    of: 'webhook',
    when: 'the connection is unknown, and its id is a token',
    logs: ['delivery.rejected'],
    happen: async (world) => {
      const { send, token } = await world.newCustomer();
      await send('{}', { connection: token });
    },
  },
  {
    of: 'webhook',
    when: 'a body is too large',
    logs: ['delivery.rejected'],
    happen: async (world) => (await world.newCustomer()).send('x'.repeat(300_000)),
  },
  {
    of: 'webhook',
    when: 'the queue refuses, and repeats what it was sent',
    logs: ['delivery.unavailable'],
    async happen(world) {
      const customer = await world.newCustomer();
      strike(world, 'sqs', inAwsEnvelope(customer));
      await customer.send('{}');
    },
  },
  {
    of: 'webhook',
    when: 'the secret store refuses, and repeats a SecureString',
    logs: ['delivery.unavailable'],
    async happen(world) {
      const customer = await world.newCustomer();
      strike(world, 'ssm', inAwsEnvelope(customer));
      await customer.send('{}');
    },
  },
  {
    of: 'webhook',
    when: 'the secret store does not answer in JSON',
    logs: ['delivery.unavailable'],
    async happen(world) {
      const customer = await world.newCustomer();
      strike(world, 'ssm', inBrokenJson(200, customer));
      await world.call(webhookEvent({ connection: customer.id, secret: customer.secret }));
    },
  },
];

const WORKER: readonly Row[] = [
  {
    of: 'worker',
    when: 'a hire is done, told again, and ended',
    logs: ['delivery.done', 'delivery.duplicate'],
    async happen(world) {
      const { send, event, contract, deliver } = await world.newHire();
      const started = event('contract.started', contract.id);
      for (const _ of 'ab') await send(started, { headers: { 'x-opentrain-delivery': `again-${contract.id}` } });
      await world.work();
      await send(started, { headers: { 'x-opentrain-delivery': `again-${contract.id}` } });
      await world.work();
      world.opentrain.endContract(contract.id);
      await deliver(event('contract.ended', contract.id));
    },
  },
  {
    of: 'worker',
    when: 'a delivery is nonsense, or of a person without consent',
    logs: ['delivery.parked'],
    async happen(world) {
      const customer = await world.newCustomer({ piiConsent: false });
      const { jobId } = customer.link();
      const contract = customer.hire(jobId);
      await customer.deliver(customer.event('contract.started', contract.id));
      await customer.deliver(`not JSON, but ${customer.spilt()}`);
      await customer.deliver({ said: customer.spilt() });
    },
  },
  {
    of: 'worker',
    when: 'a person is needed in the workspace',
    logs: ['delivery.parked'],
    async happen(world) {
      const customer = await world.newCustomer();
      const { jobId } = customer.link();
      const contract = customer.hire(jobId);
      world.workspaceDoes({ ensureAccess: needsPerson(customer.spilt()) });
      await customer.deliver(customer.event('contract.started', contract.id));
    },
  },
  ...WAYS.map(
    ([way, answer]): Row => ({
      of: 'worker',
      when: `the workspace answers ${way}`,
      logs: ['delivery.retried'],
      async happen(world) {
        const customer = await world.newCustomer();
        const { jobId } = customer.link();
        const contract = customer.hire(jobId);
        strike(world, 'workspace', answer(byWorkspace(world, customer)));
        await customer.deliver(customer.event('contract.started', contract.id));
      },
    }),
  ),
  {
    of: 'worker',
    when: 'the workspace says much, and is cut in the midst of an address',
    logs: ['delivery.retried'],
    async happen(world) {
      const customer = await world.newCustomer();
      const { jobId } = customer.link();
      const contract = customer.hire(jobId);
      const address = contract.trainer?.workEmail ?? '';
      strike(world, 'workspace', inLongEnvelope(422, address));
      await customer.deliver(customer.event('contract.started', contract.id));
    },
  },
  ...WAYS.filter(([way]) => way !== '404').map(
    ([way, answer]): Row => ({
      of: 'worker',
      when: `OpenTrain answers ${way}`,
      logs: ['delivery.retried', ...(way === '401' ? ['connection.needs-attention'] : [])],
      async happen(world) {
        const customer = await world.newCustomer();
        const { jobId } = customer.link();
        const contract = customer.hire(jobId);
        strike(world, 'opentrain', answer(customer));
        await customer.deliver(without(customer.event('contract.started', contract.id), 'data.freelancer.workEmail'));
      },
    }),
  ),
  {
    of: 'worker',
    when: 'the table refuses, and repeats what it was sent',
    logs: ['delivery.retried', 'delivery.note-failed'],
    async happen(world) {
      const customer = await world.newCustomer();
      const contract = customer.hire(customer.link().jobId);
      strike(world, 'dynamodb', inAwsEnvelope(customer));
      await customer.deliver(customer.event('contract.started', contract.id));
    },
  },
  {
    of: 'worker',
    when: 'a message is none of ours, or does not go back',
    logs: ['message.unreadable', 'message.back-off-failed'],
    async happen(world) {
      const customer = await world.newCustomer();
      await world.enqueue(`{"said": ${customer.spilt()}`);
      strike(world, 'sqs', inAwsEnvelope(customer), /ChangeMessageVisibility/);
      await world.work();
    },
  },
  {
    of: 'worker',
    when: 'the customer disconnects',
    logs: ['connection.disconnected', 'delivery.parked'],
    async happen(world) {
      const { deliver, event, installId, contract } = await world.newHire();
      world.opentrain.revoke(installId);
      await deliver(event('install.revoked'));
      await deliver({ ...event('contract.started', contract.id), id: '9007199254740999999' });
    },
  },
  {
    of: 'worker',
    when: 'nobody tells the numbers behind a warning, and nobody takes it',
    logs: ['budget.not-told', 'notice.rejected'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(422, hire), /\/budget/);
      strike(world, 'workspace', inEnvelope(422, byWorkspace(world, hire)), /\/notice/);
      await hire.deliver(milestoneEvent('milestone.budget_low', hire.contract.id, { consumedFraction: undefined }));
    },
  },
];

const USAGE: readonly Row[] = [
  {
    of: 'usage',
    when: 'a day is planned and reported',
    logs: ['usage.planned', 'reconcile.planned', 'usage.connection-done', 'workspace.called'],
    async happen(world) {
      const { id, project, trainer } = await world.newHire();
      await world.workFor(project, trainer);
      await world.plan();
      await world.usage(id);
    },
  },
  ...WAYS.map(
    ([way, answer]): Row => ({
      of: 'usage',
      when: `OpenTrain answers ${way}`,
      logs: { '401': ['connection.needs-attention'], '404': ['usage.held'], '422': ['usage.set-aside'] }[way] ?? [
        'usage.failed',
        'usage.connection-unfinished',
      ],
      async happen(world) {
        const hire = await world.newHire();
        await world.workFor(hire.project, hire.trainer);
        strike(world, 'opentrain', answer(hire));
        await world.usage(hire.id);
      },
    }),
  ),
  ...WAYS.map(
    ([way, answer]): Row => ({
      of: 'usage',
      when: `the workspace answers ${way}`,
      logs: [
        'workspace.failed',
        ...(['422', '404', 'redirect', 'broken JSON', 'what makes no sense'].includes(way)
          ? ['usage.project-unreadable']
          : ['usage.failed']),
      ],
      async happen(world) {
        const hire = await world.newHire();
        await world.workFor(hire.project, hire.trainer);
        strike(world, 'workspace', answer(byWorkspace(world, hire)));
        await world.usage(hire.id);
      },
    }),
  ),
  {
    of: 'usage',
    when: 'the table refuses, and repeats what it was sent',
    logs: ['usage.failed'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'dynamodb', inAwsEnvelope(hire));
      await world.usage(hire.id);
    },
  },
  {
    of: 'usage',
    when: 'a message is old, or none of ours, or of a connection that has ended',
    logs: ['usage.superseded', 'usage.job-unreadable', 'message.back-off-failed', 'usage.disconnected'],
    async happen(world) {
      const hire = await world.newHire();
      await world.usage(hire.id, { age: 2 * HOUR, receives: 2 });
      await world.usage(hire.id, { body: `{"said": ${hire.spilt()}` });
      await world.manage('DELETE', hire.id);
      await world.usage(hire.id);
    },
  },
  {
    of: 'usage',
    when: 'time is over while a project is read, and its platform says what it was asked',
    logs: ['usage.failed', 'usage.connection-unfinished', 'usage.resumed'],
    async happen(world) {
      const hire = await world.newHire();
      await world.workFor(hire.project, hire.trainer);
      world.workspaceDoes({
        async *dailyTotals(_, signal) {
          await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
          throw new Error(hire.spilt());
        },
      });
      await world.usage(hire.id, { remaining: 15_200 });
    },
  },
  {
    of: 'usage',
    when: 'the queue has fallen behind',
    logs: ['usage.connection-done', 'usage.already-reported'],
    async happen(world) {
      const { id } = await world.newHire();
      await world.usage(id);
      await world.usage(id, { age: HOUR / 2 });
    },
  },
  {
    of: 'usage',
    when: 'a connection has very many contracts',
    logs: ['usage.split'],
    async happen(world) {
      const { id } = await world.newCustomer();
      const table = openSeedingTable(world.environment.TABLE_NAME, world.dynamo);
      const { grants } = createStore(table);
      for (let number = 0; number <= CONTRACTS_AT_MOST; number += 1) {
        const ref = { connectionId: id, contractId: `many-${number}`, linkId: 'link' };
        const details = { trainerId: `user-${number}`, workEmail: `user-${number}@opentrain.work`, projectId: 'many' };
        const startDate = new Date(world.clock.now() - HOUR).toISOString();
        const rest = { workspaceId: DEFAULT_WORKSPACE, startDate };
        await grants.open(ref as never, { ...details, ...rest } as never, world.clock.now());
      }
      await table.flush();
      await world.usage(id);
    },
  },
];

const RECONCILE: readonly Row[] = [
  {
    of: 'reconcile',
    when: 'a hire was not told of',
    logs: ['reconcile.repaired', 'reconcile.connection-done', 'workspace.called'],
    async happen(world) {
      const { id, hire, jobId } = await world.newHire();
      hire(jobId);
      await world.reconcile(id);
    },
  },
  ...WAYS.map(
    ([way, answer]): Row => ({
      of: 'reconcile',
      when: `the workspace answers ${way}`,
      logs: ['reconcile.repair-failed', 'workspace.failed'],
      async happen(world) {
        const customer = await world.newHire();
        customer.hire(customer.jobId);
        strike(world, 'workspace', answer(byWorkspace(world, customer)), /^PUT/);
        await world.reconcile(customer.id);
      },
    }),
  ),
  {
    of: 'reconcile',
    when: 'the workspace does not tell who is in a project',
    logs: ['reconcile.project-unreadable'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'workspace', inEnvelope(422, byWorkspace(world, hire)), /^GET/);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'a person is needed in the workspace',
    logs: ['reconcile.needs-person'],
    async happen(world) {
      const hire = await world.newHire();
      world.opentrain.endContract(hire.contract.id);
      world.workspaceDoes({ revokeAccess: needsPerson(hire.spilt()) });
      await world.reconcile(hire.id);
    },
  },
  ...WAYS.filter(([way]) => way !== '404').map(
    ([way, answer]): Row => ({
      of: 'reconcile',
      when: `OpenTrain answers ${way}`,
      logs: way === '401' ? ['connection.needs-attention'] : ['reconcile.failed'],
      async happen(world) {
        const hire = await world.newHire();
        strike(world, 'opentrain', answer(hire));
        await world.reconcile(hire.id);
      },
    }),
  ),
  {
    of: 'reconcile',
    when: 'OpenTrain refuses in the midst of it',
    logs: ['reconcile.refused'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(403, hire), /project-links/);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'OpenTrain does not tell of the endpoint',
    logs: ['reconcile.endpoint-failed'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(422, hire), /webhook-endpoints/);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'OpenTrain does not tell what runs on a link',
    logs: ['reconcile.link-unreadable'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(422, hire), /\/contracts\?/);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'OpenTrain lists a link that was taken for removed, with a contract that has ended here',
    logs: ['link.still-listed', 'contract.locked-out'],
    async happen(world) {
      const { id: connectionId, contract, linkId } = await world.newHire();
      const link = linkId as LinkId;
      const longAgo = world.clock.now() - HOUR;
      await world.store.links.remove(connectionId, link, longAgo);
      await world.store.grants.end({ connectionId, contractId: contract.id as ContractId, linkId: link }, {}, longAgo);
      for (let time = 0; time < 2; time += 1) await world.reconcile(connectionId);
    },
  },
  {
    of: 'reconcile',
    when: 'OpenTrain does not tell of a budget',
    logs: ['reconcile.budget-failed'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(422, hire), /\/budget/);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'the table refuses, and repeats what it was sent',
    logs: ['reconcile.failed'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'dynamodb', inAwsEnvelope(hire));
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'many would lose their place at once',
    logs: ['reconcile.held', 'reconcile.removal-held'],
    async happen(world) {
      const { id, hire, jobId } = await world.newHire();
      const contracts = Array.from({ length: 5 }, () => hire(jobId));
      await world.reconcile(id);
      for (const contract of contracts) world.opentrain.endContract(contract.id);
      await world.reconcile(id);
    },
  },
  {
    of: 'reconcile',
    when: 'a message is old, or none of ours',
    logs: ['reconcile.superseded', 'reconcile.job-unreadable'],
    async happen(world) {
      const hire = await world.newHire();
      await world.reconcile(hire.id, { age: 2 * HOUR, receives: 2 });
      await world.reconcile(hire.id, { body: `{"said": ${hire.spilt()}` });
    },
  },
  {
    of: 'reconcile',
    when: 'a link has more contracts than OpenTrain tells of',
    logs: ['contracts.list-full'],
    async happen(world) {
      const hire = await world.newHire();
      world.proxies.opentrain.trouble({
        only: /^GET \S*\/contracts\?/,
        change: changed((body) => {
          const [contract] = body.contracts as Json[];
          body.contracts = Array.from({ length: 200 }, () => contract);
        }),
      });
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'the customer reconnects, and has not linked anything yet',
    logs: ['links.missing-after-reconnect'],
    async happen(world) {
      const hire = await world.newHire();
      const { token } = world.opentrain.reconnect(hire.installId);
      world.canaries.push({ name: `the second token of ${hire.id}`, value: token, kind: 'secret' });
      await world.manage('PUT', hire.id, { token });
      // So long the token of before is remembered.
      await world.clock.advance(10 * MINUTE);
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'the token is refused for hours, and is taken again',
    logs: ['connection.needs-attention', 'connection.disconnected', 'connection.back'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'opentrain', inEnvelope(401, hire));
      await world.reconcile(hire.id);
      await world.clock.advance(61 * MINUTE);
      await world.reconcile(hire.id);
      world.heal();
      await world.reconcile(hire.id);
    },
  },
  {
    of: 'reconcile',
    when: 'the endpoint is disabled, again and again',
    logs: ['endpoint.disabled', 'endpoint.healed', 'endpoint.given-up'],
    async happen(world) {
      const { id } = await world.newHire();
      endpointIs(world, { status: 'DISABLED' });
      for (const _ of 'abcd') await world.reconcile(id);
    },
  },
  {
    of: 'reconcile',
    when: 'the endpoint fails, points elsewhere, is gone',
    logs: ['endpoint.failing', 'endpoint.elsewhere', 'endpoint.gone'],
    async happen(world) {
      const hire = await world.newHire();
      endpointIs(world, { consecutiveFailures: 7 });
      await world.reconcile(hire.id);
      endpointIs(world, { url: `https://user:${hire.token}@elsewhere.example/` });
      await world.reconcile(hire.id);
      endpointIs(world, { id: 'another' });
      await world.reconcile(hire.id);
    },
  },
];

const BUDGET: readonly Row[] = [
  {
    of: 'budget',
    when: 'a budget is read, or there is none',
    logs: [],
    async happen(world) {
      const hire = await world.newHire();
      await hire.deliver(milestoneEvent('milestone.budget_low', hire.contract.id));
      await world.readBudget(hire.id, hire.project);
      await world.readBudget('nobody', hire.project);
      await world.readBudget(hire.token, hire.project);
    },
  },
  {
    of: 'budget',
    when: 'the table refuses, and repeats a Work Email',
    logs: ['budget.unavailable'],
    async happen(world) {
      const hire = await world.newHire();
      strike(world, 'dynamodb', inAwsEnvelope(hire));
      await world.readBudget(hire.id, hire.project);
    },
  },
];

const ADMIN: readonly Row[] = [
  {
    of: 'admin',
    when: 'a connection is made, made again, looked at and ended',
    logs: ['admin.done'],
    async happen(world) {
      const { id, token } = await world.newCustomer();
      await world.manage('PUT', id, { token });
      await world.manage('GET', id);
      await world.manage('DELETE', id);
    },
  },
  {
    of: 'admin',
    when: 'what comes makes no sense, and is full of secrets',
    logs: ['admin.refused'],
    async happen(world) {
      const { id, token, secret, spilt } = await world.newCustomer();
      await world.manage('PUT', id, `{"token": "${token}`);
      await world.manage('PUT', id, { token: secret });
      await world.manage('PUT', id, { [token]: token });
      await world.manage('PUT', id, { token, workspaceId: token });
      await world.manage('PUT', id, { token: `${token} ${spilt()}`.repeat(50) });
      await world.manage('PUT', token, { token });
      await world.manage('GET', 'nobody');
      await world.manage('PUT', id, { token: `${token}x` });
    },
  },
  ...WAYS.map(
    ([way, answer]): Row => ({
      of: 'admin',
      when: `OpenTrain answers ${way}`,
      logs: ['admin.refused'],
      async happen(world) {
        const customer = await world.newCustomer();
        strike(world, 'opentrain', answer(customer));
        await world.manage('PUT', customer.id, { token: customer.token });
      },
    }),
  ),
  ...(['dynamodb', 'ssm'] as const).flatMap((who) =>
    (['PUT', 'DELETE'] as const).map(
      (method): Row => ({
        of: 'admin',
        when: `${who} refuses a ${method}, and repeats what it was sent`,
        logs: ['admin.refused'],
        async happen(world) {
          const customer = await world.newCustomer();
          strike(world, who, inAwsEnvelope(customer));
          await world.manage(method, customer.id, { token: customer.token });
        },
      }),
    ),
  ),
];

export const ROWS: readonly Row[] = [...WEBHOOK, ...WORKER, ...USAGE, ...RECONCILE, ...BUDGET, ...ADMIN];

/** An adapter's error says nothing of people, but what lies behind it may. */
function needsPerson(spilt: string) {
  return async (_: unknown, { projectId }: { projectId: ProjectId }): Promise<never> => {
    const steps = [`Open project ${projectId}.`];
    throw new NeedsPersonError('The platform cannot do it.', { steps, cause: new Error(spilt) });
  };
}
