import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disconnect, UnknownConnectionError } from '../../shared/connections/disconnect.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { type Story, startStory } from '../support/story.ts';
import { mortalParts, storedOf } from './mortal.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

function disconnectNow(connectionId: ConnectionId) {
  const webhookUrl = story.connector.webhookUrl(connectionId);
  return disconnect({ connectionId, webhookUrl }, { ...mortalParts(story).parts, grants: story.store.grants });
}

const nothingStored = { token: undefined, secrets: [] };

test('endpoint, secret and token go; who works goes on working, and is counted', async () => {
  const { customer, jobId, contract, project, workEmail } = await story.newHire({ delivered: true });
  const leaving = customer.hire(jobId);
  await story.idle();
  story.opentrain.endContract(leaving.id);
  await story.idle();
  const { secrets } = await storedOf(customer.id, story);

  expect(await disconnectNow(customer.id)).toEqual({
    endpoints: { kind: 'deleted', count: 1 },
    grants: { open: 1, parked: 0 },
  });
  expect(story.opentrain.endpointsOf(customer.installId)).toEqual([]);
  expect(await storedOf(customer.id, story)).toEqual(nothingStored);
  const connection = await customer.connection();
  expect(connection).toMatchObject({ status: 'disconnected', disconnectedReason: 'by_operator' });
  expect(connection.endpointId).toBeUndefined();
  expect(story.membersOf(project)).toEqual([workEmail]);
  expect(await customer.grants()).toContainEqual(expect.objectContaining({ contractId: contract.id, state: 'open' }));
  expect(secrets).toHaveLength(1);
});

test('an endpoint of its own goes wherever it points by now, and one that was never its own stays', async () => {
  const customer = await story.newCustomer({ delivered: true });
  const elsewhere = `${story.connector.webhookUrl(customer.id)}-elsewhere`;
  await customer.client.updateWebhookEndpoint(customer.endpointId, { url: elsewhere });
  const other = story.opentrain.registerEndpoint(customer.installId, elsewhere);
  expect((await disconnectNow(customer.id)).endpoints).toEqual({ kind: 'deleted', count: 1 });
  expect(story.opentrain.endpointsOf(customer.installId)).toMatchObject([{ id: other.endpointId }]);
});

test('who waits for access is counted apart', async () => {
  const { customer } = await story.newHire({ delivered: true, piiConsent: false });
  await story.idle();
  expect((await disconnectNow(customer.id)).grants).toEqual({ open: 0, parked: 1 });
});

test('once more, and there is nothing left to do', async () => {
  const customer = await story.newCustomer({ delivered: true });
  await disconnectNow(customer.id);
  expect(await disconnectNow(customer.id)).toMatchObject({ endpoints: { kind: 'deleted', count: 0 } });
});

test('connecting again makes it a connection as any other', async () => {
  const customer = await story.newCustomer({ delivered: true });
  const { token = '' } = await storedOf(customer.id, story);
  await disconnectNow(customer.id);
  await story.connector.connect(customer.id, token);
  const connection = await customer.connection();
  expect(connection.status).toBe('active');
  expect([connection.disconnectedReason, connection.disconnectedAt]).toEqual([undefined, undefined]);
});

describe('where OpenTrain cannot be told, it says so, and does the rest:', () => {
  test('the token is dead', async () => {
    const customer = await story.newCustomer({ delivered: true });
    story.opentrain.revoke(customer.installId);
    const told = { kind: 'out_of_reach', reason: 'token_refused', endpointId: customer.endpointId };
    expect((await disconnectNow(customer.id)).endpoints).toEqual(told);
    expect(await storedOf(customer.id, story)).toEqual(nothingStored);
    expect((await customer.connection()).status).toBe('disconnected');
    expect((await disconnectNow(customer.id)).endpoints, 'and remembers').toEqual({ ...told, reason: 'no_token' });
  });

  test('what is stored as the token is none', async () => {
    const customer = await story.newCustomer({ delivered: true });
    await story.connector.parameters.put(story.connector.names.token(customer.id), 'not a token');
    expect((await disconnectNow(customer.id)).endpoints).toMatchObject({ reason: 'token_refused' });
  });
});

test('while OpenTrain is away, nothing is done', async () => {
  const customer = await story.newCustomer({ delivered: true });
  story.opentrain.setOutage('unavailable');
  await expect(disconnectNow(customer.id)).rejects.toThrow(OpenTrainError);
  story.opentrain.setOutage('none');
  expect((await customer.connection()).status).toBe('active');
  expect((await storedOf(customer.id, story)).secrets).toHaveLength(1);
});

test('a connection that nobody has made is not made by disconnecting it', async () => {
  const stranger = 'stranger' as ConnectionId;
  await expect(disconnectNow(stranger)).rejects.toThrow(UnknownConnectionError);
  expect(await story.store.connections.find(stranger)).toBeUndefined();
});
