import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionId } from '../../shared/ids.ts';
import { without } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());
beforeEach(() => {
  story.lines.length = 0;
});

/** A connection of which nothing is written but its credentials, as `npm run local` makes it out of the environment. */
async function bareConnection() {
  const id = story.unique('bare') as ConnectionId;
  await story.opentrain.clock.advance(5_000);
  const { installId, token } = story.opentrain.consent({ organization: id });
  const { parameters, names } = story.connector;
  await parameters.put(names.token(id), token);
  await parameters.put(names.webhookSecrets(id), `whsec_${id}`);
  const revoked = () => story.opentrain.eventsOf(installId).find(({ type }) => type === 'install.revoked') ?? {};
  return { id, installId, token, revoked };
}

describe('install.revoked', () => {
  test('out of OpenTrain itself: the connection is disconnected, and somebody is told', async () => {
    const customer = await story.newCustomer({ delivered: true });
    story.opentrain.revoke(customer.installId);
    await story.idle();
    expect(await customer.connection()).toMatchObject({ status: 'disconnected', installId: customer.installId });
    expect(await customer.outcomes()).toEqual(['install.revoked: done: disconnected']);
    expect(story.lines).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'connection.disconnected', connectionId: customer.id }),
    );
  });

  test('from then on nothing is done for that customer: later deliveries are parked, without a call', async () => {
    const { customer, contract, project, workEmail } = await story.newHire();
    const started = customer.event('contract.started');
    await customer.deliver(started);
    story.opentrain.endContract(contract.id);
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    const later = ['project_link.created', 'contract.started', 'contract.ended', 'milestone.funded'] as const;
    story.opentrain.revoke(customer.installId);
    await customer.deliver(customer.event('install.revoked'));
    const calls = story.calls();
    for (const type of later) {
      expect(await customer.deliver(customer.event(type))).toBe('parked: connection_disconnected');
    }
    expect(story.calls()).toBe(calls);
    expect(story.membersOf(project), 'as it was').toEqual([workEmail]);
  });

  test('it does not keep other customers from being served', async () => {
    const gone = await story.newCustomer();
    story.opentrain.revoke(gone.installId);
    await gone.deliver(gone.event('install.revoked'));
    const { customer, project } = await story.newHire();
    expect(await customer.deliver(customer.event('contract.started'))).toBe('done: provisioned');
    expect(story.membersOf(project)).toHaveLength(1);
  });

  test('twice is fine', async () => {
    const customer = await story.newCustomer();
    story.opentrain.revoke(customer.installId);
    const revoked = customer.event('install.revoked');
    expect(await customer.deliver(revoked)).toBe('done: disconnected');
    expect(await customer.deliver(revoked)).toBe('done: disconnected');
    expect((await customer.connection()).status).toBe('disconnected');
  });

  test('without data it is understood by its resourceId', async () => {
    const customer = await story.newCustomer();
    story.opentrain.revoke(customer.installId);
    expect(await customer.deliver(without(customer.event('install.revoked'), 'data'))).toBe('done: disconnected');
  });
});

describe('a revocation that names an older install', () => {
  test('changes nothing: the customer has reconnected', async () => {
    const { customer, jobId, project } = await story.newHire();
    const reconnected = story.opentrain.reconnect(customer.installId);
    const revoked = customer.event('install.revoked');
    await story.connector.connect(customer.id, reconnected.token);
    expect((await customer.connection()).installId).toBe(reconnected.installId);
    story.opentrain.linkProject(reconnected.installId, { externalProjectId: project, jobId });
    // The new endpoint's secret; the old one's deliveries are on their way still.
    await story.opentrain.advance(60_000);
    expect(await customer.deliver(revoked)).toBe('done: newer_install');
    expect(await customer.connection()).toMatchObject({ status: 'active', installId: reconnected.installId });
    expect(await customer.deliver(customer.event('contract.started'))).toBe('done: provisioned');
  });

  test('and one that names the newer install, with the older one’s after it, disconnects', async () => {
    const customer = await story.newCustomer();
    const older = story.opentrain.reconnect(customer.installId);
    const olderRevoked = customer.event('install.revoked');
    await story.connector.connect(customer.id, older.token);
    await story.opentrain.advance(60_000);
    story.opentrain.revoke(older.installId);
    const [newerRevoked] = story.opentrain.eventsOf(older.installId);
    expect(await customer.deliver(newerRevoked ?? {})).toBe('done: disconnected');
    expect(await customer.deliver(olderRevoked)).toBe('done: newer_install');
    expect((await customer.connection()).status).toBe('disconnected');
  });

  test('after reconnecting, what was parked meanwhile is done when it is redelivered', async () => {
    const { customer, jobId, project, workEmail } = await story.newHire();
    const reconnected = story.opentrain.reconnect(customer.installId);
    await customer.deliver(customer.event('install.revoked'));
    const started = customer.event('contract.started');
    expect(await customer.deliver(started, { delivery: 'parked-meanwhile' })).toBe('parked: connection_disconnected');

    await story.connector.connect(customer.id, reconnected.token);
    story.opentrain.linkProject(reconnected.installId, { externalProjectId: project, jobId });
    await story.opentrain.advance(60_000);
    expect(await customer.deliver(started, { delivery: 'parked-meanwhile' })).toBe('done: provisioned');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('a connection that was never written asks OpenTrain which install it is', () => {
  test('its own, whose token is refused by now: disconnected', async () => {
    const { id, installId, revoked } = await bareConnection();
    story.opentrain.revoke(installId);
    expect(await story.deliver(id, revoked())).toBe('done: disconnected');
    expect((await story.store.connections.get(id)).status).toBe('disconnected');
  });

  test('an older one, for its token is the newer one’s: nothing changes', async () => {
    const { id, installId, revoked } = await bareConnection();
    const { token } = story.opentrain.reconnect(installId);
    await story.connector.parameters.put(story.connector.names.token(id), token);
    expect(await story.deliver(id, revoked())).toBe('done: newer_install');
    expect((await story.store.connections.get(id)).status).toBe('active');
  });
});
