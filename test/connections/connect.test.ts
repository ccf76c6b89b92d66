import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '../../local/opentrain/state.ts';
import { systemClock } from '../../shared/clock.ts';
import {
  type ConnectParts,
  type ConnectRequest,
  connect,
  OtherOrganizationError,
} from '../../shared/connections/connect.ts';
import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import { missingScopes, NEEDED_SCOPES } from '../../shared/connections/needed-scopes.ts';
import {
  InstallNotActiveError,
  InstallTakenError,
  ScopeMissingError,
} from '../../shared/connections/usable-install.ts';
import type { ConnectionId, InstallId } from '../../shared/ids.ts';
import { createOpenTrainClient, type WebhookEndpointChange } from '../../shared/opentrain/client.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { webhookSecret } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { countedTable, startWorker, type Worker } from '../support/worker.ts';

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

interface Faults {
  readonly parameters?: Partial<ConnectParts['parameters']>;
  /** Stands between the connector and OpenTrain. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

let customers = 0;

type Customer = ReturnType<typeof newCustomer>;

/** A customer who has consented, and whose token is there to be connected with. */
function newCustomer(consent: { readonly scopes?: readonly Scope[]; readonly piiConsent?: boolean } = {}) {
  customers += 1;
  const connectionId = `customer-${customers}` as ConnectionId;
  const { names, opentrain, parameters, store } = worker;
  const consented = opentrain.consent({ organization: connectionId, ...consent });
  // Where nobody listens: the tests look at what OpenTrain has, and deliver by themselves.
  const webhookUrl = `http://127.0.0.1:1/webhooks/opentrain/${connectionId}`;
  return {
    connectionId,
    ...consented,
    webhookUrl,
    connect: (token: string = consented.token, faults: Faults = {}, also: Partial<ConnectRequest> = {}) =>
      connect(
        { connectionId, token, webhookUrl, workspaceId: DEFAULT_WORKSPACE, ...also },
        {
          parameters: { ...parameters, ...faults.parameters },
          names,
          connections: store.connections,
          opentrain: {
            baseUrl: opentrain.platformApiUrl,
            sleep: async () => {},
            ...(faults.fetch === undefined ? {} : { fetch: faults.fetch as typeof fetch }),
          },
          clock: systemClock,
        },
      ),
    /** As somebody does at OpenTrain, or OpenTrain by itself. */
    change: (endpointId: string, change: WebhookEndpointChange) =>
      createOpenTrainClient({
        baseUrl: opentrain.platformApiUrl,
        token: async () => consented.token,
      }).updateWebhookEndpoint(endpointId, change),
    /** Something happens that OpenTrain tells five times in vain. */
    async failDelivery() {
      opentrain.linkProject(consented.installId, { externalProjectId: `project of ${connectionId}` });
      await opentrain.advance(3 * 3600_000);
    },
    connection: () => store.connections.get(connectionId),
    storedToken: () => parameters.get(names.token(connectionId)),
    storedSecret: () => parameters.get(names.webhookSecrets(connectionId)),
    endpoints: (installId = consented.installId) => opentrain.endpointsOf(installId),
  };
}

const isRegistration = ({ method, url }: Request) => method === 'POST' && url.endsWith('/webhook-endpoints');

describe('a token that the customer has copied', () => {
  test('becomes a connection: its endpoint hears of every event, its token and secret are stored', async () => {
    const customer = newCustomer();
    const { endpointId, install } = await customer.connect();
    expect(install.id).toBe(customer.installId);
    expect(customer.endpoints()).toMatchObject([
      { id: endpointId, url: customer.webhookUrl, eventTypes: [...EVENT_TYPES], status: 'ACTIVE' },
    ]);
    expect(await customer.storedToken()).toBe(customer.token);
    expect(await customer.storedSecret()).toMatch(/^whsec_/);
    expect(await customer.connection()).toMatchObject({
      status: 'active',
      installId: customer.installId,
      endpointId,
      organizationId: customer.organizationId,
      partnerSlug: 'demo-platform',
      secretId: webhookSecret((await customer.storedSecret()) ?? '').id,
      workspaceId: DEFAULT_WORKSPACE,
      piiConsent: true,
      scopes: install.scopes,
    });
  });

  test('is never in the table, nor is the secret', async () => {
    const customer = newCustomer();
    await customer.connect();
    const { environment } = worker.emulators;
    const client = new DynamoDBClient({
      endpoint: environment.AWS_ENDPOINT_URL_DYNAMODB,
      region: environment.AWS_REGION,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
    const { Items } = await client.send(new ScanCommand({ TableName: environment.TABLE_NAME }));
    const table = JSON.stringify(Items);
    expect(table).toContain(customer.connectionId);
    for (const secret of [customer.token, await customer.storedSecret(), 'ot_ptk_', 'whsec_']) {
      expect(table).not.toContain(secret);
    }
  });
});

test('a delivery that arrives right after the endpoint was registered does not meet the earlier, disconnected install', async () => {
  const customer = newCustomer();
  await customer.connect();
  const { installId, token } = worker.opentrain.reconnect(customer.installId);
  await worker.store.connections.disconnect(customer.connectionId, customer.installId as InstallId, Date.now());
  const { id: jobId } = worker.opentrain.postJob({ organizationId: customer.organizationId });
  const project = `project of ${customer.connectionId}`;
  worker.opentrain.linkProject(installId, { externalProjectId: project, jobId });
  const { trainer } = worker.opentrain.hire({ jobId, trainer: 'Maria Silva' });
  const event = worker.opentrain.eventsOf(installId).find(({ type }) => type === 'contract.started') ?? {};
  const delivery = queuedDelivery({ connection: customer.connectionId, event });

  await customer.connect(token, {
    async fetch(request) {
      const registration = isRegistration(request);
      const response = await fetch(request);
      if (registration) await worker.run([delivery]);
      return response;
    },
  });
  expect(await worker.recordOf(delivery.messageId, customer.connectionId)).toMatchObject({
    status: 'done',
    reason: 'provisioned',
  });
  expect(worker.demo.membersOf(project)).toEqual([trainer?.workEmail]);
  expect(await customer.connection()).toMatchObject({ status: 'active', installId });
});

test('where the secret cannot be stored, the endpoint is deleted again, and connecting once more goes well', async () => {
  const customer = newCustomer();
  const put = async (name: string, value: string) => {
    if (name === worker.names.webhookSecrets(customer.connectionId)) throw new Error('The parameter store is away.');
    await worker.parameters.put(name, value);
  };
  const registered: number[] = [];
  const failing = customer.connect(customer.token, {
    parameters: {
      async put(name, value) {
        registered.push(customer.endpoints().length);
        await put(name, value);
      },
    },
  });
  await expect(failing).rejects.toThrow('The parameter store is away.');
  expect(registered, 'one was there when the secret was to be stored').toEqual([0, 1]);
  expect(customer.endpoints()).toEqual([]);
  expect((await customer.connection()).endpointId).toBeUndefined();

  const { endpointId } = await customer.connect();
  expect(customer.endpoints()).toMatchObject([{ id: endpointId }]);
  expect(await customer.storedSecret()).toMatch(/^whsec_/);
});

describe('connecting once more mends, and leaves exactly one endpoint:', () => {
  test('one that works is kept, with its secret', async () => {
    const customer = newCustomer();
    const first = await customer.connect();
    const secret = await customer.storedSecret();
    const again = await customer.connect();
    expect([first.kept, again.kept]).toEqual([false, true]);
    expect(again.endpointId).toBe(first.endpointId);
    expect(customer.endpoints()).toMatchObject([{ id: first.endpointId, status: 'ACTIVE' }]);
    expect(await customer.storedSecret()).toBe(secret);
    expect(await customer.connection()).toMatchObject({ status: 'active', endpointId: first.endpointId });
  });

  test('one that OpenTrain has disabled is enabled again, once the connection is ready for what waits', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    await customer.change(endpointId, { status: 'DISABLED' });
    await worker.store.connections.markAttention(customer.connectionId, 'token_refused', Date.now());
    const attentionAtPatch: unknown[] = [];
    const again = await customer.connect(customer.token, {
      async fetch(request) {
        if (request.method === 'PATCH') attentionAtPatch.push((await customer.connection()).attention);
        return fetch(request);
      },
    });
    expect(again).toMatchObject({ endpointId, kept: true });
    expect(attentionAtPatch).toEqual([undefined]);
    expect(customer.endpoints()).toMatchObject([{ id: endpointId, status: 'ACTIVE', eventTypes: [...EVENT_TYPES] }]);
  });

  test('what OpenTrain had given up before it was enabled again is sent again, in that order', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    await customer.failDelivery();
    await customer.change(endpointId, { status: 'DISABLED' });
    const asked: string[] = [];
    const again = await customer.connect(customer.token, {
      fetch(request) {
        if (/PATCH|redeliver/.test(`${request.method} ${request.url}`)) asked.push(request.method);
        return fetch(request);
      },
    });
    expect(again).toMatchObject({ endpointId, kept: true, mended: ['disabled', 'failing'], requeued: 1 });
    expect(asked).toEqual(['PATCH', 'POST']);
    expect(worker.opentrain.deliveriesOf(endpointId)).toMatchObject([{ status: 'PENDING' }]);
    expect(await customer.connect(), 'now nothing is wrong').toMatchObject({ mended: [], requeued: null });
  });

  test('what reconciliation had yet to ask for is asked for, and remembered until then', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    await customer.failDelivery();
    await customer.change(endpointId, { status: 'ACTIVE' });
    await worker.store.connections.noteRedeliveryDue(customer.connectionId);
    const failing = customer.connect(customer.token, {
      fetch: async (request) => (/redeliver/.test(request.url) ? new Response('{}', { status: 500 }) : fetch(request)),
    });
    await expect(failing).rejects.toThrow(OpenTrainError);
    expect((await customer.connection()).redeliveryDue).toBe(true);
    expect(await customer.connect()).toMatchObject({ mended: [], requeued: 1 });
    expect((await customer.connection()).redeliveryDue).toBeUndefined();
  });

  test('one that hears of some events only hears of all again', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    await customer.change(endpointId, { eventTypes: ['contract.started'] });
    expect(await customer.connect()).toMatchObject({ endpointId, kept: true });
    expect(customer.endpoints()).toMatchObject([{ id: endpointId, eventTypes: [...EVENT_TYPES] }]);
  });

  test.each([
    ['its secret is lost', (it: Customer) => worker.parameters.put(worker.names.webhookSecrets(it.connectionId), 'x')],
    [
      'nobody knows any more that it is the connection’s',
      ({ connectionId, installId }: Customer) =>
        worker.store.connections.connect(
          { id: connectionId, installId: installId as InstallId, workspaceId: DEFAULT_WORKSPACE },
          Date.now(),
        ),
    ],
  ])('one is replaced when %s', async (_why, lose) => {
    const customer = newCustomer();
    const first = await customer.connect();
    await lose(customer);
    const again = await customer.connect();
    expect(again.kept).toBe(false);
    expect(again.endpointId).not.toBe(first.endpointId);
    expect(customer.endpoints()).toMatchObject([{ id: again.endpointId, status: 'ACTIVE' }]);
    expect(await customer.storedSecret()).toMatch(/^whsec_/);
    expect((await customer.connection()).endpointId).toBe(again.endpointId);
  });

  test('a second one, made by hand, goes, and its secret with it', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    const secret = await customer.storedSecret();
    const second = worker.opentrain.registerEndpoint(customer.installId, customer.webhookUrl);
    await worker.parameters.put(worker.names.webhookSecrets(customer.connectionId), `${second.secret}\n${secret}`);
    expect(await customer.connect()).toMatchObject({ endpointId, kept: true });
    expect(customer.endpoints()).toMatchObject([{ id: endpointId }]);
    expect(await customer.storedSecret()).toBe(secret);
  });

  test('an endpoint elsewhere is somebody else’s, and stays', async () => {
    const customer = newCustomer();
    const other = worker.opentrain.registerEndpoint(customer.installId, `${customer.webhookUrl}-of-another-deployment`);
    const { endpointId } = await customer.connect();
    await customer.connect();
    expect(customer.endpoints().map(({ id }) => id)).toEqual(expect.arrayContaining([other.endpointId, endpointId]));
    expect(customer.endpoints()).toHaveLength(2);
  });

  test('one that was registered for another URL of the deployment is pointed here, with its secret and what it has yet to deliver', async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    const secret = await customer.storedSecret();
    worker.opentrain.linkProject(customer.installId, { externalProjectId: 'told before the move' });
    const webhookUrl = `http://localhost:1/webhooks/opentrain/${customer.connectionId}`;
    expect(await customer.connect(customer.token, {}, { webhookUrl })).toMatchObject({ endpointId, kept: true });
    expect(customer.endpoints()).toMatchObject([{ id: endpointId, url: webhookUrl, status: 'ACTIVE' }]);
    expect(await customer.storedSecret()).toBe(secret);
    expect(worker.opentrain.deliveriesOf(endpointId)).toMatchObject([{ status: 'PENDING' }]);
  });

  test('one that points elsewhere, and whose secret is lost, is replaced', async () => {
    const customer = newCustomer();
    const first = await customer.connect();
    await worker.parameters.put(worker.names.webhookSecrets(customer.connectionId), 'x');
    const webhookUrl = `http://localhost:1/webhooks/opentrain/${customer.connectionId}`;
    const { endpointId, kept } = await customer.connect(customer.token, {}, { webhookUrl });
    expect(kept).toBe(false);
    expect(endpointId).not.toBe(first.endpointId);
    expect(customer.endpoints()).toMatchObject([{ id: endpointId, url: webhookUrl }]);
  });

  test('after a reconnect the connection is active again, although the old install’s revocation arrives late', async () => {
    const customer = newCustomer();
    const first = await customer.connect();
    const { installId, token } = worker.opentrain.reconnect(customer.installId);
    const again = await customer.connect(token);
    expect(again.kept).toBe(false);
    expect(again.endpointId).not.toBe(first.endpointId);

    const event = worker.opentrain.eventsOf(customer.installId).find(({ type }) => type === 'install.revoked') ?? {};
    const late = queuedDelivery({ connection: customer.connectionId, event });
    await worker.run([late]);
    expect(await worker.recordOf(late.messageId, customer.connectionId)).toMatchObject({ reason: 'newer_install' });
    expect(await customer.connection()).toMatchObject({ status: 'active', installId, endpointId: again.endpointId });
    expect(customer.endpoints(installId)).toMatchObject([{ id: again.endpointId, status: 'ACTIVE' }]);
  });
});

test('who may write links may read them: nothing is missing', () => {
  const writer = Object.keys(NEEDED_SCOPES).filter((scope) => scope !== 'project-links:read');
  expect(missingScopes(writer)).toEqual([]);
  expect(missingScopes(writer.filter((scope) => scope !== 'project-links:write'))).toEqual([
    'project-links:read',
    'project-links:write',
  ]);
});

test('what the install does not allow is told', async () => {
  const complete = await newCustomer().connect();
  expect(complete.missingScopes).toEqual([]);
  const { install, missingScopes } = await newCustomer({ scopes: ['webhooks:manage'], piiConsent: false }).connect();
  expect(missingScopes).toEqual(Object.keys(NEEDED_SCOPES).filter((scope) => scope !== 'webhooks:manage'));
  expect(install.piiConsent).toBe(false);
});

describe('a token of another organisation', () => {
  const newTakeover = async () => {
    const customer = newCustomer();
    const { endpointId } = await customer.connect();
    const other = worker.opentrain.consent({ organization: `rival of ${customer.connectionId}` });
    return { customer, endpointId, other };
  };

  test('is refused, and the connection goes on as it is', async () => {
    const { customer, endpointId, other } = await newTakeover();
    const connecting = customer.connect(other.token);
    await expect(connecting).rejects.toThrow(OtherOrganizationError);
    await expect(connecting).rejects.toThrow(/another organisation.*under an id of their own/);
    expect(await customer.storedToken()).toBe(customer.token);
    expect(await customer.connection()).toMatchObject({ installId: customer.installId, endpointId });
    expect(customer.endpoints()).toMatchObject([{ id: endpointId }]);
    expect(customer.endpoints(other.installId)).toEqual([]);
  });

  test('takes over when that is said, and the former customer’s endpoint goes', async () => {
    const { customer, other } = await newTakeover();
    const { endpointId } = await customer.connect(other.token, {}, { replaceCustomer: true });
    expect(customer.endpoints()).toEqual([]);
    expect(customer.endpoints(other.installId)).toMatchObject([{ id: endpointId }]);
    expect(await customer.storedToken()).toBe(other.token);
    const { installId, organizationId } = other;
    expect(await customer.connection()).toMatchObject({ installId, organizationId, partnerSlug: 'demo-platform' });
    await expect(customer.connect(), 'now the former one is another').rejects.toThrow(OtherOrganizationError);
  });

  test('takes over at another URL, and the former customer’s endpoint goes all the same', async () => {
    const { customer, other } = await newTakeover();
    const webhookUrl = `http://localhost:1/webhooks/opentrain/${customer.connectionId}`;
    await customer.connect(other.token, {}, { replaceCustomer: true, webhookUrl });
    expect(customer.endpoints()).toEqual([]);
    expect(customer.endpoints(other.installId)).toMatchObject([{ url: webhookUrl }]);
  });

  test('takes over although the former customer’s token is dead', async () => {
    const { customer, other } = await newTakeover();
    worker.opentrain.revoke(customer.installId);
    const { endpointId } = await customer.connect(other.token, {}, { replaceCustomer: true });
    expect(customer.endpoints(other.installId)).toMatchObject([{ id: endpointId }]);
  });
});

describe('is refused, and nothing is stored or registered:', () => {
  test('a token whose install is not ACTIVE, with an error that says what it is and what to do', async () => {
    const customer = newCustomer();
    const connecting = customer.connect(customer.token, {
      async fetch(request) {
        const response = await fetch(request);
        return new Response((await response.text()).replaceAll('"ACTIVE"', '"SUSPENDED"'), response);
      },
    });
    await expect(connecting).rejects.toThrow(InstallNotActiveError);
    await expect(connecting).rejects.toThrow(
      'Expected an ACTIVE install behind this token, found SUSPENDED. The customer reconnects and gives the new token.',
    );
    await expectNothing(customer);
  });

  test('a token of an install that was revoked', async () => {
    const customer = newCustomer();
    worker.opentrain.revoke(customer.installId);
    const connecting = customer.connect();
    await expect(connecting).rejects.toThrow(OpenTrainError);
    await expect(connecting).rejects.toMatchObject({ kind: 'forbidden', status: 401 });
    await expectNothing(customer);
  });

  test('a token that may register no endpoint, with all that is missing', async () => {
    const customer = newCustomer({ scopes: ['contracts:read'], piiConsent: false });
    const connecting = customer.connect();
    await expect(connecting).rejects.toThrow(ScopeMissingError);
    const lacking = Object.keys(NEEDED_SCOPES).filter((scope) => scope !== 'contracts:read');
    for (const scope of lacking) await expect(connecting).rejects.toThrow(`Missing: the scope ${scope}. Without it,`);
    await expect(connecting).rejects.toThrow('Missing: the consent to personal data. Without it, Work Emails');
    await expectNothing(customer);
  });

  test('a token whose install is connected under another id, unless that one is disconnected', async () => {
    const first = newCustomer();
    await first.connect();
    const second = newCustomer();
    const connecting = second.connect(first.token);
    await expect(connecting).rejects.toThrow(InstallTakenError);
    await expect(connecting).rejects.toThrow(`is connected already, as ${first.connectionId}.`);
    await expectNothing(second);
    expect(first.endpoints()).toHaveLength(1);

    await worker.store.connections.disconnectByOperator(first.connectionId, { gone: false }, Date.now());
    expect((await second.connect(first.token)).install.id).toBe(first.installId);
  });

  test('the same of a connection that the directory listed before it told installs', async () => {
    const first = newCustomer();
    await first.connect();
    const { table } = countedTable(worker.emulators);
    await table.change({ pk: 'CONNECTIONS', sk: `CONN#${first.connectionId}` }, { set: {}, remove: ['installId'] });
    await expect(newCustomer().connect(first.token)).rejects.toThrow(InstallTakenError);
  });

  async function expectNothing({ connection, endpoints, storedSecret, storedToken }: ReturnType<typeof newCustomer>) {
    expect([await storedToken(), await storedSecret()]).toEqual([undefined, undefined]);
    expect(endpoints()).toEqual([]);
    expect((await connection()).installId).toBeUndefined();
  }
});
