import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../shared/connections/connect.ts';
import { NotConnectedError } from '../../shared/connections/connection-client.ts';
import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import { rotateSecret } from '../../shared/connections/rotate-secret.ts';
import { sendTest } from '../../shared/connections/test-delivery.ts';
import type { ConnectionId, LinkId } from '../../shared/ids.ts';
import { signDelivery, webhookSecret } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { contractStarted, newHire } from '../support/opentrain-event.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { startWorker } from '../support/worker.ts';
import { type Death, mortalParts, storedOf } from './mortal.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const MINUTES = 60_000;
const HOURS = 60 * MINUTES;

/** A customer whom OpenTrain tells of hires by itself. */
async function newRotating() {
  const { customer, jobId, project, workEmail } = await story.newHire({ delivered: true });
  await story.idle();
  const { connector, opentrain } = story;
  const webhookUrl = connector.webhookUrl(customer.id);
  const hired = [workEmail];
  const token = (await storedOf(customer.id, story)).token ?? '';
  return {
    ...customer,
    webhookUrl,
    jobId,
    project,
    rotate: (force = false, death?: Death) =>
      rotateSecret({ connectionId: customer.id, webhookUrl, force }, mortalParts(story, death).parts),
    connect: (url = webhookUrl) =>
      connect(
        { connectionId: customer.id, token, webhookUrl: url, workspaceId: DEFAULT_WORKSPACE },
        mortalParts(story).parts,
      ),
    endpoints: () => opentrain.endpointsOf(customer.installId),
    secrets: async () => (await storedOf(customer.id, story)).secrets,
    /** Somebody is hired; OpenTrain tells of it now, and a minute later once more where it was refused. */
    async hire() {
      hired.push(customer.hire(jobId).trainer?.workEmail ?? '');
      await story.idle();
      await opentrain.clock.advance(1 * MINUTES);
      await story.idle();
    },
    everybody: () => hired.toSorted(),
  };
}

type Rotating = Awaited<ReturnType<typeof newRotating>>;

/** How the webhook function answers a delivery that is signed with that secret. */
async function answerTo(secret: string, { webhookUrl }: Pick<Rotating, 'webhookUrl'>): Promise<number> {
  const body = Buffer.from(JSON.stringify({ id: story.unique('event'), type: 'nothing.new' }));
  const seconds = Math.floor(story.opentrain.clock.now() / 1000);
  const headers = {
    'X-OpenTrain-Delivery': story.unique('delivery'),
    'X-OpenTrain-Signature': signDelivery(secret, body, seconds),
  };
  return (await fetch(webhookUrl, { method: 'POST', headers, body })).status;
}

test('a rotation waits for a delivery through the new endpoint and for what the old one may owe; then only the new one is left', async () => {
  const customer = await newRotating();
  const [oldSecret = ''] = await customer.secrets();
  const first = await customer.rotate();
  expect(first).toMatchObject({ kind: 'waiting', for: 'first_delivery' });
  const [newSecret = '', ...others] = await customer.secrets();
  expect(others).toEqual([oldSecret]);
  expect((await customer.connection()).rotation).toMatchObject({ newSecretId: webhookSecret(newSecret).id });
  expect(await customer.rotate(), 'nothing new').toEqual(first);

  await customer.hire();
  expect(await customer.rotate()).toEqual({ ...first, for: 'earlier_deliveries' });
  expect(customer.endpoints()).toHaveLength(2);

  await story.opentrain.clock.advance(3 * HOURS);
  if (first.kind !== 'waiting') throw new Error('It should wait.');
  expect(await customer.rotate()).toEqual({ kind: 'rotated', endpointId: first.newEndpointId });
  expect(customer.endpoints()).toMatchObject([{ id: first.newEndpointId, status: 'ACTIVE' }]);
  expect(await customer.secrets()).toEqual([newSecret]);
  const connection = await customer.connection();
  expect(connection).toMatchObject({ endpointId: first.newEndpointId, secretId: webhookSecret(newSecret).id });
  expect(connection.rotation).toBeUndefined();

  await customer.hire();
  expect(story.membersOf(customer.project)).toEqual(customer.everybody());
  // Longer than functions remember a secret.
  await story.opentrain.clock.advance(6 * MINUTES);
  expect(await answerTo(oldSecret, customer)).toBe(401);
  expect(await answerTo(newSecret, customer)).toBe(202);
});

test('what OpenTrain has failed to deliver through the old endpoint is not discarded with it', async () => {
  const customer = await newRotating();
  const [old] = customer.endpoints();
  const { client, jobId } = customer;
  // Nobody is there to take it, twice: it is tried again five minutes later.
  await client.updateWebhookEndpoint(old?.id ?? '', { url: `${customer.webhookUrl}/nowhere` });
  const waiting = customer.link(jobId);
  await story.opentrain.advance(1 * MINUTES);
  await client.updateWebhookEndpoint(old?.id ?? '', { url: customer.webhookUrl });

  await customer.rotate();
  await customer.hire();
  expect(await story.store.links.get(customer.id, waiting.id)).toBeUndefined();
  expect(await customer.rotate()).toMatchObject({ kind: 'waiting', for: 'earlier_deliveries' });
  await story.opentrain.clock.advance(3 * HOURS);
  await story.idle();
  expect((await customer.rotate()).kind).toBe('rotated');
  expect(await story.store.links.get(customer.id, waiting.id)).toMatchObject({ projectId: waiting.project });
});

describe('what OpenTrain has given up through the old endpoint is not discarded with it either:', () => {
  /** OpenTrain tells of a link until it gives up. */
  const giveUp = async (customer: Rotating) => {
    const { client, endpointId, jobId, webhookUrl } = customer;
    await client.updateWebhookEndpoint(endpointId, { url: `${webhookUrl}/nowhere` });
    const told = customer.link(jobId);
    await story.opentrain.advance(3 * HOURS);
    expect(story.opentrain.deliveriesOf(endpointId).at(-1)).toMatchObject({ status: 'FAILED' });
    await client.updateWebhookEndpoint(endpointId, { url: webhookUrl });
    return told;
  };
  const isTold = async (customer: Rotating, link: { id: LinkId; project: string }) => {
    await story.idle();
    expect(await story.store.links.get(customer.id, link.id)).toMatchObject({ projectId: link.project });
  };

  test.each<[string, (customer: Rotating) => Promise<unknown>]>([
    ['an endpoint that is as it should be but for that', async () => {}],
    ['one that was disabled', (it) => it.client.updateWebhookEndpoint(it.endpointId, { status: 'DISABLED' })],
    ['one that has delivered since', (it) => it.client.updateWebhookEndpoint(it.endpointId, { status: 'ACTIVE' })],
  ])('before the rotation, by %s', async (_what, change) => {
    const customer = await newRotating();
    const link = await giveUp(customer);
    await change(customer);
    await customer.rotate();
    await isTold(customer, link);
    await customer.hire();
    await story.opentrain.clock.advance(3 * HOURS);
    expect((await customer.rotate()).kind).toBe('rotated');
  });

  test('in the midst of it, and then there are three hours more', async () => {
    const customer = await newRotating();
    const { newEndpointId } = (await customer.rotate()) as { newEndpointId: string };
    await customer.hire();
    // Only the old one hears of it.
    await customer.client.updateWebhookEndpoint(newEndpointId, { eventTypes: ['install.revoked'] });
    const link = await giveUp(customer);
    await customer.client.updateWebhookEndpoint(newEndpointId, { eventTypes: [...EVENT_TYPES] });
    await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
    expect(await customer.rotate()).toMatchObject({ kind: 'waiting', for: 'earlier_deliveries' });
    await isTold(customer, link);
    expect((await customer.connection()).redeliveryDue).toBeUndefined();
    await story.opentrain.clock.advance(3 * HOURS);
    expect(await customer.rotate()).toEqual({ kind: 'rotated', endpointId: newEndpointId });
  });
});

test('by force, the old secret goes at once: in one run, or in the midst of waiting', async () => {
  const atOnce = await newRotating();
  const [leaked = ''] = await atOnce.secrets();
  expect(await atOnce.rotate(true)).toMatchObject({ kind: 'rotated' });
  const waiting = await newRotating();
  const { newEndpointId } = (await waiting.rotate()) as { newEndpointId: string };
  expect(await waiting.rotate(true)).toEqual({ kind: 'rotated', endpointId: newEndpointId });

  for (const customer of [atOnce, waiting]) {
    await customer.hire();
    expect(story.membersOf(customer.project)).toEqual(customer.everybody());
    expect(customer.endpoints()).toHaveLength(1);
    expect(await customer.secrets()).toHaveLength(1);
  }
  expect(await atOnce.secrets()).not.toContain(leaked);
});

describe('what is no evidence that OpenTrain delivers through the new endpoint:', () => {
  test('a test delivery of our own, although it is signed with the new secret', async () => {
    const customer = await newRotating();
    await customer.rotate();
    // Until the function looks past the secret that it remembers.
    await story.opentrain.clock.advance(1 * MINUTES);
    const { parameters, names, idle } = story.connector;
    await sendTest(
      { connectionId: customer.id, webhookUrl: customer.webhookUrl },
      { parameters, names, clock: story.opentrain.clock },
    );
    await idle();
    expect(await customer.rotate()).toMatchObject({ kind: 'waiting', for: 'first_delivery' });
  });

  test('deliveries through the old one, three hours long', async () => {
    const customer = await newRotating();
    const { newEndpointId } = (await customer.rotate()) as { newEndpointId: string };
    await customer.client.updateWebhookEndpoint(newEndpointId, { eventTypes: ['install.revoked'] });
    await customer.hire();
    await story.opentrain.clock.advance(3 * HOURS);
    const again = await customer.rotate();
    expect(again).toMatchObject({ kind: 'waiting', for: 'first_delivery', newEndpointId });
    expect(customer.endpoints().map(({ eventTypes }) => eventTypes.length)).toEqual([8, 8]);
  });
});

test('where the new endpoint was disabled for a while, the waiting begins anew', async () => {
  const customer = await newRotating();
  const first = await customer.rotate();
  await customer.hire();
  await story.opentrain.clock.advance(2 * HOURS);
  if (first.kind !== 'waiting') throw new Error('It should wait.');
  await customer.client.updateWebhookEndpoint(first.newEndpointId, { status: 'DISABLED' });
  await story.opentrain.clock.advance(2 * HOURS);
  const again = await customer.rotate();
  expect(again).toMatchObject({ kind: 'waiting', for: 'first_delivery', newEndpointId: first.newEndpointId });
  expect(again.kind === 'waiting' && again.since - first.since).toBeGreaterThanOrEqual(4 * HOURS);
  expect(customer.endpoints()).toMatchObject([{ status: 'ACTIVE' }, { status: 'ACTIVE' }]);
});

describe('connecting in the midst of a rotation', () => {
  test('leaves both endpoints as they are, and the rotation ends as if nothing had been', async () => {
    const customer = await newRotating();
    const [oldId] = customer.endpoints().map(({ id }) => id);
    const { newEndpointId } = (await customer.rotate()) as { newEndpointId: string };
    await customer.hire();
    const before = { connection: await customer.connection(), secrets: await customer.secrets() };
    expect(await customer.connect()).toMatchObject({ endpointId: oldId, kept: true });
    expect(customer.endpoints().map(({ id }) => id)).toEqual([oldId, newEndpointId]);
    expect((await customer.connection()).rotation).toEqual(before.connection.rotation);
    expect(await customer.secrets()).toEqual(before.secrets);

    await story.opentrain.clock.advance(3 * HOURS);
    expect(await customer.rotate()).toEqual({ kind: 'rotated', endpointId: newEndpointId });
    await customer.hire();
    expect(story.membersOf(customer.project)).toEqual(customer.everybody());
  });

  test('at another URL points both endpoints there, and the waiting begins anew', async () => {
    const customer = await newRotating();
    const before = customer.endpoints().map(({ id }) => id);
    const first = (await customer.rotate()) as { newEndpointId: string; since: number };
    const webhookUrl = customer.webhookUrl.replace('127.0.0.1', 'localhost');
    await story.opentrain.clock.advance(1 * MINUTES);
    await customer.connect(webhookUrl);
    expect(customer.endpoints().map(({ id, url }) => [id, url])).toEqual(
      [...before, first.newEndpointId].map((id) => [id, webhookUrl]),
    );
    expect((await customer.connection()).rotation?.startedAt).toBeGreaterThanOrEqual(first.since + 1 * MINUTES);
    await customer.hire();
    expect(story.membersOf(customer.project)).toEqual(customer.everybody());
  });

  test('ends it where the new secret is lost: the old endpoint goes on alone', async () => {
    const customer = await newRotating();
    const [oldId] = customer.endpoints().map(({ id }) => id);
    await customer.rotate();
    const [, oldSecret = ''] = await customer.secrets();
    await story.connector.parameters.put(story.connector.names.webhookSecrets(customer.id), oldSecret);
    expect(await customer.connect()).toMatchObject({ endpointId: oldId, kept: true });
    expect(customer.endpoints()).toMatchObject([{ id: oldId }]);
    expect((await customer.connection()).rotation).toBeUndefined();
  });
});

test('where the new secret cannot be stored, the new endpoint is deleted again and the old one goes on', async () => {
  const customer = await newRotating();
  const before = { endpoints: customer.endpoints(), secrets: await customer.secrets() };
  const { parts, calls } = mortalParts(story);
  const failing = rotateSecret(
    { connectionId: customer.id, webhookUrl: customer.webhookUrl },
    {
      ...parts,
      parameters: {
        ...parts.parameters,
        async put() {
          throw new Error('The parameter store is away.');
        },
      },
    },
  );
  await expect(failing).rejects.toThrow('The parameter store is away.');
  expect(calls).toContain('opentrain POST webhook-endpoints');
  expect({ endpoints: customer.endpoints(), secrets: await customer.secrets() }).toEqual(before);
  expect((await customer.connection()).rotation).toBeUndefined();
  await customer.hire();
  expect(story.membersOf(customer.project)).toEqual(customer.everybody());
});

describe('there is nothing to rotate, and connecting is what helps, where', () => {
  test('the connection was never made', async () => {
    const request = {
      connectionId: 'stranger' as ConnectionId,
      webhookUrl: story.connector.webhookUrl('stranger' as ConnectionId),
    };
    await expect(rotateSecret(request, mortalParts(story).parts)).rejects.toThrow(NotConnectedError);
  });

  test('its secret is lost', async () => {
    const customer = await newRotating();
    await story.connector.parameters.put(story.connector.names.webhookSecrets(customer.id), 'whsec_of_nobody');
    await expect(customer.rotate()).rejects.toThrow(/has no endpoint that works.*Connect it/);
    expect(customer.endpoints(), 'until then, it is the only one').toHaveLength(1);
  });

  test('its endpoint points elsewhere: that one is as it was afterwards', async () => {
    const customer = await newRotating();
    const url = `${customer.webhookUrl}-elsewhere`;
    await customer.client.updateWebhookEndpoint(customer.endpointId, { url });
    await expect(customer.rotate()).rejects.toThrow(/points to .*-elsewhere, not to .*Connect it/);
    expect(customer.endpoints()).toMatchObject([{ id: customer.endpointId, url }]);
  });

  test('it is disconnected', async () => {
    const customer = await newRotating();
    await story.store.connections.disconnectByOperator(customer.id, { gone: false }, 1);
    await expect(customer.rotate()).rejects.toThrow(/is disconnected.*Connect it/);
    expect(customer.endpoints()).toHaveLength(1);
  });
});

test('a delivery costs no more than ever, but for one write when the first comes with the new secret', async () => {
  const worker = await startWorker();
  try {
    const id = 'acme' as ConnectionId;
    const connection = { id, workspaceId: DEFAULT_WORKSPACE };
    const requestsOfOne = async () => {
      const before = worker.requests.count;
      await worker.run([queuedDelivery({ connection: id, event: contractStarted(newHire()) })]);
      return worker.requests.count - before;
    };
    await worker.store.connections.connect(connection, 1);
    const usual = await requestsOfOne();
    // What `queuedDelivery` is signed with, and what it is not.
    const rotationTo = (newSecretId: string) => ({ newEndpointId: 'endpoint-2', newSecretId, startedAt: 1 });
    await worker.store.connections.startRotation(id, rotationTo('secret-2'), 1);
    expect([await requestsOfOne(), await requestsOfOne()]).toEqual([usual, usual]);
    expect((await worker.store.connections.get(id)).rotation).toEqual(rotationTo('secret-2'));

    await worker.store.connections.startRotation(id, rotationTo('secret-1'), 1);
    expect([await requestsOfOne(), await requestsOfOne()]).toEqual([usual + 1, usual]);
    expect((await worker.store.connections.get(id)).rotation).toMatchObject({ deliveredAt: expect.any(Number) });
  } finally {
    await worker.close();
  }
});

test('a delivery that comes late notes nothing about a rotation that is over or another one by now', async () => {
  const id = story.unique('late') as ConnectionId;
  const { connections } = story.store;
  const rotation = { newEndpointId: 'endpoint-2', newSecretId: 'secret-2', startedAt: 1 };
  await connections.connect({ id, workspaceId: DEFAULT_WORKSPACE }, 1);
  await connections.noteRotationDelivered(id, rotation, 2);
  expect((await connections.get(id)).rotation).toBeUndefined();
  await connections.startRotation(id, { ...rotation, startedAt: 5 }, 5);
  await connections.noteRotationDelivered(id, rotation, 6);
  expect((await connections.get(id)).rotation).toEqual({ ...rotation, startedAt: 5 });
});
