import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import { runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

/** A customer whose deliveries are refused until `mend`: the connector has a wrong secret. */
async function withFailingDeliveries() {
  const customer = await story.newCustomer({ delivered: true });
  const { parameters, names } = story.connector;
  const name = names.webhookSecrets(customer.id);
  const secret = (await parameters.get(name)) ?? '';
  await parameters.put(name, 'whsec_of_somebody_else');
  const endpoint = () => story.opentrain.endpointsOf(customer.installId)[0];
  return {
    customer,
    endpoint,
    /** Hires so many, whose deliveries all fail, with all of OpenTrain's attempts at them. */
    async hireUnheard(count: number) {
      const job = customer.postJob();
      const { project } = customer.link(job);
      const contracts = Array.from({ length: count }, () => customer.hire(job));
      for (const minutes of [0, 1, 5, 30, 120]) await story.opentrain.advance((minutes + 1) * MINUTE);
      return { job, project, contracts };
    },
    /** The webhook function looks again after some minutes. */
    async mend() {
      await parameters.put(name, secret);
      await story.opentrain.clock.advance(6 * MINUTE);
    },
  };
}

/** OpenTrain, which answers calls of that method to paths with that end with an error. */
const answering =
  (method: string, end: string, status: number): typeof fetch =>
  async (input) => {
    const request = input instanceof Request ? input : new Request(input);
    const isMeant = request.method === method && new URL(request.url).pathname.endsWith(end);
    return isMeant ? Response.json({ error: 'no', code: 'NO', requestId: 'r' }, { status }) : fetch(request);
  };

const statesOf = ({ endpointId }: Customer) => story.opentrain.deliveriesOf(endpointId).map(({ status }) => status);

describe('an endpoint that OpenTrain has disabled after ten failures', () => {
  test('is found, enabled, and then asked for what had failed; nothing is lost, and nothing done twice', async () => {
    const { customer, endpoint, hireUnheard, mend } = await withFailingDeliveries();
    const { job, project, contracts } = await hireUnheard(10);
    expect(endpoint()).toMatchObject({ status: 'DISABLED', consecutiveFailures: 10 });
    // What happens while it is disabled is told to nobody.
    const unheard = customer.hire(job);
    const [first] = contracts;
    story.opentrain.endContract(first?.id ?? '');
    expect(new Set(statesOf(customer))).toEqual(new Set(['FAILED']));
    expect(story.membersOf(project)).toEqual([]);

    await mend();
    const before = { calls: story.opentrain.calls.length, lines: story.lines.length };
    await story.connector.reconcile();
    await story.idle();
    expect(endpoint()).toMatchObject({ status: 'ACTIVE', consecutiveFailures: 0 });
    const calls = story.opentrain.calls.slice(before.calls).map(({ operationId }) => operationId);
    const healing = calls.filter((one) => one === 'updateWebhookEndpoint' || one === 'redeliverWebhookEndpoint');
    expect(healing).toEqual(['updateWebhookEndpoint', 'redeliverWebhookEndpoint']);
    const lines = story.lines.slice(before.lines).filter(({ connectionId }) => connectionId === customer.id);
    expect(lines).toContainEqual(expect.objectContaining({ event: 'endpoint.disabled', level: 'error' }));
    expect(lines).toContainEqual(expect.objectContaining({ event: 'endpoint.healed', count: 11 }));

    expect(new Set(statesOf(customer))).toEqual(new Set(['SUCCEEDED']));
    expect((await customer.outcomes()).every((one) => one.includes(': done'))).toBe(true);
    // The first one's late beginning let them in, since nobody was told of the end: the next run has seen to that.
    await runReconcile(story, customer.id);
    const hired = [...contracts.slice(1), unheard].map(({ trainer }) => trainer?.workEmail ?? '');
    expect(story.membersOf(project)).toEqual(hired.sort());
    const grants = await customer.grants();
    expect(grants.filter(({ state }) => state === 'open')).toHaveLength(10);
    for (const { trainerId } of grants.filter(({ state }) => state === 'open')) {
      const seat = await story.seatOf(project, { opentrainUserId: trainerId ?? '' });
      expect(seat?.openGrants.size).toBe(1);
    }
    expect(await runReconcile(story, customer.id)).toMatchObject({ endpoint: 'fine', repairs: [] });
  });

  test('is healed three times a day and then left to a person, until tomorrow', async () => {
    const { customer, endpoint, mend } = await withFailingDeliveries();
    await mend();
    const healths: string[] = [];
    const disabled = { status: 'DISABLED' } as const;
    await story.opentrain.clock.advance(HOUR * 24 - (story.opentrain.clock.now() % (HOUR * 24)) + HOUR);
    for (let time = 0; time < 5; time += 1) {
      await customer.client.updateWebhookEndpoint(customer.endpointId, disabled);
      const { endpoint: health, events } = await runReconcile(story, customer.id);
      healths.push(health);
      expect(events).toContain('endpoint.disabled');
    }
    expect(healths).toEqual(['healed', 'healed', 'healed', 'given-up', 'given-up']);
    expect(endpoint()?.status).toBe('DISABLED');
    await story.opentrain.clock.advance(24 * HOUR);
    expect((await runReconcile(story, customer.id)).endpoint).toBe('healed');
  });

  test('a run that was interrupted between the two steps leaves the second one to the next', async () => {
    const { customer, endpoint, hireUnheard, mend } = await withFailingDeliveries();
    const { project, contracts } = await hireUnheard(10);
    await mend();
    const away = answering('POST', '/redeliver', 500);
    expect(await runReconcile(story, customer.id, { opentrainFetch: away })).toMatchObject({ kind: 'retry' });
    expect(endpoint()?.status).toBe('ACTIVE');
    expect(new Set(statesOf(customer))).toEqual(new Set(['FAILED']));

    // However often it was healed today.
    const { now } = story.opentrain.clock;
    for (let time = 0; time < 3; time += 1) await story.store.connections.countHealing(customer.id, now());
    const { endpoint: health, calls } = await runReconcile(story, customer.id);
    expect(health).toBe('healed');
    expect(calls.opentrain).toContain('redeliverWebhookEndpoint');
    expect(calls.opentrain).not.toContain('updateWebhookEndpoint');
    await story.idle();
    expect(new Set(statesOf(customer))).toEqual(new Set(['SUCCEEDED']));
    expect(story.membersOf(project)).toHaveLength(contracts.length);
    expect((await runReconcile(story, customer.id)).endpoint).toBe('fine');
  });

  test('attempts that heal nothing are not counted: it is healed once OpenTrain lets it be', async () => {
    const { customer, endpoint, mend } = await withFailingDeliveries();
    await mend();
    await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
    const refusing = answering('PATCH', customer.endpointId, 503);
    for (let time = 0; time < 4; time += 1) {
      const { endpoint: health, events } = await runReconcile(story, customer.id, { opentrainFetch: refusing });
      expect(health).toBe('unknown');
      expect(events).toContain('reconcile.endpoint-failed');
    }
    expect((await runReconcile(story, customer.id)).endpoint).toBe('healed');
    expect(endpoint()?.status).toBe('ACTIVE');
  });

  test('all budgets are asked for: what OpenTrain told meanwhile may never come', async () => {
    const { customer } = await story.newHire({ delivered: true });
    await story.idle();
    await runReconcile(story, customer.id);
    await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
    const { calls } = await runReconcile(story, customer.id);
    expect(calls.opentrain).toContain('getContractBudget');
  });
});

describe('an endpoint that fails, but is active yet', () => {
  test('is healed before OpenTrain disables it', async () => {
    const { customer, endpoint, hireUnheard, mend } = await withFailingDeliveries();
    const { project, contracts } = await hireUnheard(4);
    expect(endpoint()).toMatchObject({ status: 'ACTIVE', consecutiveFailures: 5 });
    await mend();
    const { endpoint: health, events } = await runReconcile(story, customer.id);
    expect(health).toBe('healed');
    expect(events).toContain('endpoint.failing');
    await story.idle();
    expect(endpoint()).toMatchObject({ status: 'ACTIVE', consecutiveFailures: 0 });
    expect(story.membersOf(project)).toHaveLength(contracts.length);
  });

  test('a few failures are left to OpenTrain, and what they were to tell is found all the same', async () => {
    const { customer, endpoint, hireUnheard, mend } = await withFailingDeliveries();
    await hireUnheard(3);
    expect(endpoint()?.consecutiveFailures).toBe(4);
    await mend();
    expect(await runReconcile(story, customer.id)).toMatchObject({
      endpoint: 'fine',
      repaired: { contract_unheard_of: 3 },
    });
  });

  test('is subscribed to all events again, if it was not', async () => {
    const { customer, endpoint, mend } = await withFailingDeliveries();
    await mend();
    await customer.client.updateWebhookEndpoint(customer.endpointId, { eventTypes: ['contract.started'] });
    expect((await runReconcile(story, customer.id)).endpoint).toBe('healed');
    expect(endpoint()?.eventTypes).toHaveLength(8);
  });
});

describe('the two endpoints of a rotation', () => {
  async function withTwoEndpoints() {
    const customer = await story.newCustomer({ delivered: true });
    const url = story.connector.webhookUrl(customer.id);
    const { webhookEndpoint } = await customer.client.createWebhookEndpoint({ url, eventTypes: [...EVENT_TYPES] });
    const rotation = { newEndpointId: webhookEndpoint.id, newSecretId: 'new', startedAt: story.opentrain.clock.now() };
    await story.store.connections.startRotation(customer.id, rotation, rotation.startedAt);
    return { customer, second: webhookEndpoint.id };
  }

  test('are both looked after, and only the one that ails is healed', async () => {
    const { customer, second } = await withTwoEndpoints();
    await customer.client.updateWebhookEndpoint(second, { status: 'DISABLED' });
    const { endpoint, calls } = await runReconcile(story, customer.id);
    expect(endpoint).toBe('healed');
    expect(story.opentrain.endpointsOf(customer.installId).map(({ status }) => status)).toEqual(['ACTIVE', 'ACTIVE']);
    expect(calls.opentrain.filter((one) => one === 'redeliverWebhookEndpoint')).toHaveLength(1);
  });

  test.each(['first', 'second'])(
    'of which the %s is gone: that is reported, and the other one is healed',
    async (gone) => {
      const { customer, second } = await withTwoEndpoints();
      const [lost, left] = gone === 'first' ? [customer.endpointId, second] : [second, customer.endpointId];
      await customer.client.deleteWebhookEndpoint(lost);
      const { endpoint, lines } = await runReconcile(story, customer.id);
      expect(endpoint).toBe('gone');
      expect(lines).toContainEqual(expect.objectContaining({ event: 'endpoint.gone', level: 'error' }));
      await customer.client.updateWebhookEndpoint(left, { status: 'DISABLED' });
      const healed = await runReconcile(story, customer.id);
      expect([healed.endpoint, healed.events.includes('endpoint.gone')]).toEqual(['healed', true]);
    },
  );

  test('of which the first was deleted by the end of the rotation, just now: nothing is reported', async () => {
    const { customer, second } = await withTwoEndpoints();
    const meanwhile: typeof fetch = async (input) => {
      const request = input instanceof Request ? input : new Request(input);
      if (new URL(request.url).pathname.endsWith('/webhook-endpoints')) {
        await customer.client.deleteWebhookEndpoint(customer.endpointId);
        const endpoint = { endpointId: second, secretId: 'new' };
        await story.store.connections.noteEndpoint(customer.id, endpoint, story.opentrain.clock.now());
      }
      return fetch(request);
    };
    expect((await runReconcile(story, customer.id, { opentrainFetch: meanwhile })).endpoint).toBe('fine');
  });

  test('are left alone once one of them points elsewhere', async () => {
    const { customer, second } = await withTwoEndpoints();
    const url = 'https://elsewhere.example/webhooks';
    await customer.client.updateWebhookEndpoint(second, { url, status: 'DISABLED' });
    expect((await runReconcile(story, customer.id)).endpoint).toBe('elsewhere');
    expect(story.opentrain.endpointsOf(customer.installId)).toContainEqual(
      expect.objectContaining({ url, status: 'DISABLED' }),
    );
  });
});

describe('an endpoint that is not ours to heal', () => {
  test('one that points elsewhere is reported, not fought over', async () => {
    const { customer, project } = await story.newHire({ delivered: true });
    await story.idle();
    const url = 'https://elsewhere.example/webhooks';
    await customer.client.updateWebhookEndpoint(customer.endpointId, { url, status: 'DISABLED' });
    const { endpoint, events, kind } = await runReconcile(story, customer.id);
    expect({ kind, endpoint }).toEqual({ kind: 'done', endpoint: 'elsewhere' });
    expect(events).toContain('endpoint.elsewhere');
    expect(story.opentrain.endpointsOf(customer.installId)).toMatchObject([{ url, status: 'DISABLED' }]);
    expect(story.membersOf(project)).toHaveLength(1);
  });

  test('one that is gone is reported, and not made anew; contracts are compared all the same', async () => {
    const { customer, project, workEmail } = await story.newHire();
    const { endpoint, lines } = await runReconcile(story, customer.id);
    expect(endpoint).toBe('gone');
    expect(lines).toContainEqual(expect.objectContaining({ event: 'endpoint.gone', level: 'error' }));
    expect(story.opentrain.endpointsOf(customer.installId)).toEqual([]);
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test.each([
    { method: 'GET', path: '/webhook-endpoints', status: 500, reason: 'busy' },
    { method: 'GET', path: '/webhook-endpoints', status: 418, reason: 'unforeseen' },
    { method: 'POST', path: '/redeliver', status: 500, reason: 'busy' },
    { method: 'POST', path: '/redeliver', status: 404, reason: 'unforeseen' },
  ])('one that answers $method $path with $status keeps nobody from the rest', async ({ reason, ...trouble }) => {
    const { customer, jobId, project, trainer, workEmail } = await story.newHire({ delivered: true });
    await story.idle();
    await runReconcile(story, customer.id);
    story.opentrain.holdDeliveries();
    await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    const second = customer.hire(jobId);
    const opentrainFetch = answering(trouble.method, trouble.path, trouble.status);
    const run = await runReconcile(story, customer.id, { opentrainFetch });
    expect(run).toMatchObject({
      kind: 'retry',
      reason,
      endpoint: 'unknown',
      failed: 1,
      repaired: { contract_unheard_of: 1, missing_in_workspace: 1 },
    });
    expect(run.calls.opentrain).toContain('getContractBudget');
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail].sort());
    await story.opentrain.release();
  });

  test('one that the token may not look at keeps nobody from comparing the rest', async () => {
    const { customer, project, workEmail } = await story.newHire();
    const refusing: typeof fetch = async (input) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      const no = { error: 'no', code: 'FORBIDDEN', requestId: 'r' };
      return pathname.endsWith('/webhook-endpoints') ? Response.json(no, { status: 403 }) : fetch(input);
    };
    expect(await runReconcile(story, customer.id, { opentrainFetch: refusing })).toMatchObject({
      kind: 'done',
      failed: 1,
    });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await customer.connection()).attention).toBe('opentrain_forbidden');
  });
});
