import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { type ConnectParts, connect, EVENT_TYPES, InstallNotActiveError } from '../../shared/connections/connect.ts';
import type { ConnectionId, InstallId } from '../../shared/ids.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { startWorker, type Worker } from '../support/worker.ts';

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

/** A customer who has consented, and whose token is there to be connected with. */
function newCustomer() {
  customers += 1;
  const connectionId = `customer-${customers}` as ConnectionId;
  const { names, opentrain, parameters, store } = worker;
  const consented = opentrain.consent({ organization: connectionId });
  // Where nobody listens: the tests look at what OpenTrain has, and deliver by themselves.
  const webhookUrl = `http://127.0.0.1:1/webhooks/opentrain/${connectionId}`;
  return {
    connectionId,
    ...consented,
    webhookUrl,
    connect: (token: string = consented.token, faults: Faults = {}) =>
      connect(
        { connectionId, token, webhookUrl, workspaceId: DEFAULT_WORKSPACE },
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

  async function expectNothing({ connection, endpoints, storedSecret, storedToken }: ReturnType<typeof newCustomer>) {
    expect([await storedToken(), await storedSecret()]).toEqual([undefined, undefined]);
    expect(endpoints()).toEqual([]);
    expect((await connection()).installId).toBeUndefined();
  }
});
