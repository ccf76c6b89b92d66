import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConnectRequest, connect } from '../../shared/connections/connect.ts';
import { disconnect } from '../../shared/connections/disconnect.ts';
import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import { rotateSecret } from '../../shared/connections/rotate-secret.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { webhookSecret } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { type Story, startStory } from '../support/story.ts';
import { type Death, deathsOf, mortalParts, storedOf } from './mortal.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

/** A customer who has consented; nothing of theirs is connected yet. */
function newConsent() {
  const connectionId = story.unique('crashing') as ConnectionId;
  const { installId, organizationId, token } = story.opentrain.consent({ organization: connectionId });
  return { connectionId, installId, organizationId, token, webhookUrl: story.connector.webhookUrl(connectionId) };
}

type Consent = ReturnType<typeof newConsent>;

const requestOf = ({ connectionId, token, webhookUrl }: Consent): ConnectRequest => ({
  connectionId,
  token,
  webhookUrl,
  workspaceId: DEFAULT_WORKSPACE,
});
const connectOnce = (consent: Consent, death?: Death) => {
  const mortal = mortalParts(story, death);
  return { mortal, connecting: connect(requestOf(consent), mortal.parts) };
};

/** One endpoint, one secret, which is that endpoint's: what OpenTrain delivers through it is taken. */
async function expectWorking({ connectionId, installId, token, webhookUrl }: Consent, label: string) {
  const { opentrain, store } = story;
  const endpoints = opentrain.endpointsOf(installId);
  expect(endpoints, label).toMatchObject([{ url: webhookUrl, status: 'ACTIVE', eventTypes: [...EVENT_TYPES] }]);
  const [endpoint] = endpoints;
  const stored = await storedOf(connectionId, story);
  expect(stored.token, label).toBe(token);
  expect(stored.secrets, label).toHaveLength(1);
  const connection = await store.connections.get(connectionId);
  const secretId = webhookSecret(stored.secrets[0] ?? '').id;
  expect(connection, label).toMatchObject({ status: 'active', installId, endpointId: endpoint?.id, secretId });
  expect(connection.rotation, label).toBeUndefined();

  // Longer than functions look past a secret that they remember, and than strangers wait to be looked up.
  await opentrain.clock.advance(60_000);
  opentrain.linkProject(installId, { externalProjectId: story.unique('proof') });
  await opentrain.idle();
  const delivered = opentrain.deliveriesOf(endpoint?.id ?? '').at(-1);
  expect(delivered?.attempts, label).toMatchObject([{ status: 202 }]);
}

const HOURS = 3_600_000;

/** From before the deployment had a domain of its own. */
const FORMER_URL = 'http://127.0.0.1:1/webhooks/opentrain/crashing';

const SITUATIONS: Record<string, () => Promise<Consent>> = {
  'for the first time': async () => newConsent(),
  'where all is well': async () => {
    const consent = newConsent();
    await connectOnce(consent).connecting;
    return consent;
  },
  'where the secret was lost and somebody left endpoints behind': async () => {
    const consent = newConsent();
    await connectOnce(consent).connecting;
    const { parameters, names } = story.connector;
    await parameters.put(names.webhookSecrets(consent.connectionId), 'whsec_of_nobody\nwhsec_of_another_nobody');
    story.opentrain.registerEndpoint(consent.installId, consent.webhookUrl);
    return consent;
  },
  'where OpenTrain has disabled the endpoint, and a secret too many is stored': async () => {
    const consent = newConsent();
    const { endpointId } = await connectOnce(consent).connecting;
    const { parameters, names } = story.connector;
    const { secrets } = await storedOf(consent.connectionId, story);
    await parameters.put(names.webhookSecrets(consent.connectionId), `whsec_of_nobody\n${secrets[0]}`);
    await clientOf(consent).updateWebhookEndpoint(endpointId, { status: 'DISABLED' });
    return consent;
  },
  'where its URL has changed': async () => {
    const consent = newConsent();
    await connect({ ...requestOf(consent), webhookUrl: FORMER_URL }, mortalParts(story).parts);
    return consent;
  },
  'where its URL has changed, and the secret was lost': async () => {
    const consent = newConsent();
    await connect({ ...requestOf(consent), webhookUrl: FORMER_URL }, mortalParts(story).parts);
    const { parameters, names } = story.connector;
    await parameters.put(names.webhookSecrets(consent.connectionId), 'whsec_of_nobody');
    return consent;
  },
  'after the customer has reconnected': async () => {
    const consent = newConsent();
    await connectOnce(consent).connecting;
    return { ...consent, ...story.opentrain.reconnect(consent.installId) };
  },
  'in a rotation whose old endpoint is gone': async () => {
    const consent = newConsent();
    const { endpointId } = await connectOnce(consent).connecting;
    await rotateSecret(requestOf(consent), mortalParts(story).parts);
    await clientOf(consent).deleteWebhookEndpoint(endpointId);
    return consent;
  },
};

function clientOf({ token }: Consent) {
  return createOpenTrainClient({ baseUrl: story.opentrain.platformApiUrl, token: async () => token });
}

describe.each(Object.entries(SITUATIONS))('connect, %s,', (_name, arrange) => {
  test.each([
    { how: 'killed at any call', survived: false },
    { how: 'failing at any call, and clearing up', survived: true },
  ])('$how, and run again, ends with one endpoint, one secret that verifies, and no orphan', async ({ survived }) => {
    const rehearsal = connectOnce(await arrange());
    await rehearsal.connecting;
    const deaths = deathsOf(rehearsal.mortal.calls, survived);
    expect(deaths.length).toBeGreaterThan(15);
    for (const death of deaths) {
      const consent = await arrange();
      const { mortal, connecting } = connectOnce(consent, death);
      const outcome = await connecting.then(
        () => 'connected',
        () => 'failed',
      );
      expect(mortal.died(), death.name).toBe(true);
      if (!survived) expect(outcome, death.name).toBe('failed');
      await connectOnce(consent).connecting;
      await expectWorking(consent, death.name);
    }
  });
});

test('connect to an endpoint that OpenTrain has disabled, killed at any call and run again, has what had failed sent again', async () => {
  const arrange = async () => {
    const consent = newConsent();
    const { endpointId } = await connectOnce(consent).connecting;
    await clientOf(consent).updateWebhookEndpoint(endpointId, { url: FORMER_URL });
    story.opentrain.linkProject(consent.installId, { externalProjectId: story.unique('told in vain') });
    return { consent, endpointId };
  };
  const giveUp = async (disabled: readonly Awaited<ReturnType<typeof arrange>>[]) => {
    await story.opentrain.advance(3 * HOURS);
    for (const { consent, endpointId } of disabled) {
      const change = { url: consent.webhookUrl, status: 'DISABLED' } as const;
      await clientOf(consent).updateWebhookEndpoint(endpointId, change);
    }
  };
  const rehearsed = await arrange();
  await giveUp([rehearsed]);
  const rehearsal = connectOnce(rehearsed.consent);
  expect((await rehearsal.connecting).requeued).toBe(1);
  const cases = [];
  for (const death of deathsOf(rehearsal.mortal.calls)) cases.push({ ...(await arrange()), death });
  await giveUp(cases);
  for (const { consent, endpointId, death } of cases) {
    await expect(connectOnce(consent, death).connecting, death.name).rejects.toThrow();
    await connectOnce(consent).connecting;
    await story.idle();
    const deliveries = story.opentrain.deliveriesOf(endpointId);
    expect(deliveries, death.name).toMatchObject([{ status: 'SUCCEEDED' }]);
    expect((await story.store.connections.get(consent.connectionId)).redeliveryDue, death.name).toBeUndefined();
  }
});

test('two connects of the same connection at once: if none of them complains, it works; and once more puts it in order', async () => {
  const consent = newConsent();
  const both = await Promise.allSettled([connectOnce(consent).connecting, connectOnce(consent).connecting]);
  if (both.every(({ status }) => status === 'fulfilled')) await expectWorking(consent, 'at once');
  await connectOnce(consent).connecting;
  await expectWorking(consent, 'afterwards');
});

test('disconnect, killed at any call and run again, leaves no endpoint, no secret and no token', async () => {
  const arrange = async () => {
    const consent = newConsent();
    await connectOnce(consent).connecting;
    story.opentrain.registerEndpoint(consent.installId, consent.webhookUrl);
    return consent;
  };
  const disconnectOnce = (consent: Consent, death?: Death) => {
    const { parts, ...mortal } = mortalParts(story, death);
    return { ...mortal, disconnecting: disconnect(consent, { ...parts, grants: story.store.grants }) };
  };
  const rehearsal = disconnectOnce(await arrange());
  expect(await rehearsal.disconnecting).toMatchObject({ endpoints: { kind: 'deleted', count: 2 } });
  for (const death of deathsOf(rehearsal.calls)) {
    const consent = await arrange();
    await expect(disconnectOnce(consent, death).disconnecting, death.name).rejects.toThrow();
    expect(await disconnectOnce(consent).disconnecting, death.name).toMatchObject({ endpoints: { kind: 'deleted' } });
    expect(story.opentrain.endpointsOf(consent.installId), death.name).toEqual([]);
    expect(await storedOf(consent.connectionId, story), death.name).toEqual({ token: undefined, secrets: [] });
    const connection = await story.store.connections.get(consent.connectionId);
    expect(connection, death.name).toMatchObject({ status: 'disconnected', disconnectedReason: 'by_operator' });
    expect(connection.endpointId, death.name).toBeUndefined();
  }
});

describe('rotateSecret, while trainers are hired all along,', () => {
  test.each([
    { how: 'killed at any call of its beginning', run: 'beginning' },
    { how: 'killed at any call of its end', run: 'end' },
    { how: 'forced, and killed at any call', run: 'forced' },
  ] as const)(
    '$how, is completed by running it again; nobody is missed, and nobody comes or goes twice',
    async ({ run }) => {
      const rotate = (customer: Rotating, force: boolean, death?: Death) => {
        const mortal = mortalParts(story, death);
        const request = { connectionId: customer.id, webhookUrl: story.connector.webhookUrl(customer.id), force };
        return { mortal, rotating: rotateSecret(request, mortal.parts) };
      };
      const newRotating = async () => {
        const { customer, jobId, project, workEmail } = await story.newHire({ delivered: true });
        const { secrets } = await storedOf(customer.id, story);
        const hired = [workEmail];
        const hire = () => void hired.push(customer.hire(jobId).trainer?.workEmail ?? '');
        // Somebody comes and goes again: whoever hears of it a second time, and late, must not let them in again.
        const comeAndGo = async () => {
          const { id } = customer.hire(jobId);
          await story.idle();
          story.opentrain.endContract(id);
        };
        return { ...customer, project, hired, hire, comeAndGo, oldSecret: secrets[0] };
      };
      const applied = (operation: string, status: number) =>
        story.workspace.requests.log.filter((one) => one.operationId === operation && one.status === status).length;
      const before = { joined: applied('putMember', 201), left: applied('deleteMember', 204) };
      type Rotating = Awaited<ReturnType<typeof newRotating>>;
      const upToItsEnd = async (customers: readonly Rotating[]) => {
        for (const customer of customers) expect((await rotate(customer, false).rotating).kind).toBe('waiting');
        for (const { hire } of customers) hire();
        await story.idle();
        await story.opentrain.clock.advance(3 * HOURS);
        await story.idle();
      };

      const rehearsed = await newRotating();
      if (run === 'end') await upToItsEnd([rehearsed]);
      const rehearsal = rotate(rehearsed, run === 'forced');
      expect((await rehearsal.rotating).kind).toBe(run === 'beginning' ? 'waiting' : 'rotated');

      const cases: { readonly customer: Rotating; readonly death: Death & { readonly name: string } }[] = [];
      for (const death of deathsOf(rehearsal.mortal.calls)) cases.push({ customer: await newRotating(), death });
      const customers = cases.map(({ customer }) => customer);
      await story.idle();
      if (run === 'end') await upToItsEnd(customers);
      for (const { customer, death } of cases) {
        const { mortal, rotating } = rotate(customer, run === 'forced', death);
        customer.hire();
        await expect(rotating, death.name).rejects.toThrow();
        expect(mortal.died(), death.name).toBe(true);
        customer.hire();
        await customer.comeAndGo();
      }
      await story.idle();

      const open = new Set(customers);
      for (let round = 1; open.size > 0 && round <= 3; round += 1) {
        for (const customer of open) {
          const { kind } = await rotate(customer, false).rotating;
          customer.hire();
          if (kind === 'rotated') open.delete(customer);
        }
        await story.idle();
        await story.opentrain.clock.advance(3 * HOURS);
        await story.idle();
      }
      expect(open.size).toBe(0);
      for (const { customer, death } of cases) {
        customer.hire();
        await story.idle();
        expect(story.membersOf(customer.project), death.name).toEqual(customer.hired.toSorted());
        const { secrets } = await storedOf(customer.id, story);
        expect(secrets, death.name).toHaveLength(1);
        expect(secrets, death.name).not.toContain(customer.oldSecret);
        const [endpoint, ...others] = story.opentrain.endpointsOf(customer.installId);
        expect(others, death.name).toEqual([]);
        expect(story.opentrain.deliveriesOf(endpoint?.id ?? '').at(-1), death.name).toMatchObject({
          status: 'SUCCEEDED',
        });
        expect((await customer.connection()).rotation, death.name).toBeUndefined();
      }
      const hired = [rehearsed, ...customers].reduce((sum, customer) => sum + customer.hired.length, 0);
      const left = applied('deleteMember', 204) - before.left;
      // By force, what was on its way is lost; whose beginning is told after their end is never let in.
      expect(left).toBeGreaterThan(0);
      if (run !== 'forced') expect(left, 'taken out, each once').toBe(cases.length);
      expect(applied('putMember', 201) - before.joined, 'let in, each once').toBe(hired + left);
    },
  );
});
