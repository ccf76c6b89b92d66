import type { EventRecord } from '../../local/opentrain/events.ts';
import type { Consented } from '../../local/opentrain/facade.ts';
import { type SystemOptions, startSystem } from '../../local/system.ts';
import type { ConnectionId, ContractId, DeliveryId, LinkId, ProjectId, TrainerId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { signDelivery } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import type { Grant } from '../../shared/store/grants.ts';
import { countedTable } from './worker.ts';

export interface CustomerOptions {
  /** @default true */
  readonly piiConsent?: boolean;
  /** Whether OpenTrain delivers the events itself; otherwise the test does, when and as it likes. @default false */
  readonly delivered?: boolean;
}

export interface LinkOptions {
  /** `externalProjectId`. @default one of its own */
  readonly project?: string;
  readonly mode?: 'PARTNER_WEBHOOK' | 'MANAGED_ADAPTER';
}

/** A whole system, and customers in it who have nothing to do with each other unless a test wants it. */
export async function startStory({ emulators = {} }: Pick<SystemOptions, 'emulators'> = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger((line) => lines.push(JSON.parse(line)));
  const system = await startSystem({ logger, backOff: { baseSeconds: 1, capSeconds: 1 }, emulators });
  const { connector, opentrain, workspace } = system;
  const { store } = connector;
  const { table } = countedTable(connector.emulators);
  let numbers = 0;
  const unique = (name: string) => `${name}-${++numbers}`;

  const clientOf = ({ token }: Consented) =>
    createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => token });

  /** Signs an event as OpenTrain does, sends it through the gateway, and waits until the worker has dealt with it. */
  async function deliver(
    connection: ConnectionId,
    event: object | string,
    { delivery = unique('delivery'), wait = true }: { delivery?: string; wait?: boolean } = {},
  ) {
    const body = Buffer.from(typeof event === 'string' ? event : JSON.stringify(event));
    const secret = (await connector.parameters.get(connector.names.webhookSecrets(connection)))?.split('\n')[0] ?? '';
    const seconds = Math.floor(opentrain.clock.now() / 1000);
    const response = await fetch(connector.webhookUrl(connection), {
      method: 'POST',
      headers: { 'X-OpenTrain-Delivery': delivery, 'X-OpenTrain-Signature': signDelivery(secret, body, seconds) },
      body,
    });
    if (response.status !== 202) throw new Error(`The gateway answered ${response.status}.`);
    if (wait) await connector.idle();
    return outcomeOf(connection, delivery);
  }

  /** `done: provisioned`, `parked: waiting_for_consent`, … as the delivery's record says. */
  async function outcomeOf(connection: ConnectionId, delivery: string): Promise<string> {
    const about = { connectionId: connection, deliveryId: delivery as DeliveryId };
    const { delivery: record } = await store.situation(about);
    return record === undefined ? 'none' : `${record.status}: ${record.reason}`;
  }

  async function newCustomer({ piiConsent = true, delivered = false }: CustomerOptions = {}) {
    // The webhook function looks up connections that it has not seen before only so often.
    await opentrain.clock.advance(5_000);
    const id = unique('customer') as ConnectionId;
    const consented = opentrain.consent({ organization: id, piiConsent });
    const { endpointId } = await connector.connect(id, consented.token);
    if (!delivered) await clientOf(consented).deleteWebhookEndpoint(endpointId);
    const { installId, organizationId } = consented;

    return {
      id,
      installId,
      organizationId,
      endpointId,
      client: clientOf(consented),
      postJob: () => opentrain.postJob({ organizationId, title: unique('job') }).id,
      link(jobId: string, { project = unique('project'), mode = 'PARTNER_WEBHOOK' }: LinkOptions = {}) {
        const body = { externalProjectId: project, jobId, provisioningMode: mode } as const;
        return { id: opentrain.linkProject(installId, body).id as LinkId, project };
      },
      hire: (jobId: string, trainer: string = unique('Maria Silva')) => opentrain.hire({ jobId, trainer }),
      /** The latest of its type, about that contract, link or milestone. */
      event(type: EventRecord['type'], about?: string): EventRecord {
        const found = opentrain
          .eventsOf(installId)
          .findLast((event) => event.type === type && JSON.stringify(event).includes(about ?? ''));
        if (found === undefined) throw new Error(`OpenTrain has told of no ${type} about ${about}.`);
        return found;
      },
      deliver: (event: object | string, options?: { delivery?: string; wait?: boolean }) => deliver(id, event, options),
      /** What became of the deliveries that OpenTrain made itself, oldest first. */
      async outcomes(): Promise<string[]> {
        const deliveries = opentrain.deliveriesOf(endpointId);
        return Promise.all(deliveries.map(async (one) => `${one.event.type}: ${await outcomeOf(id, one.id)}`));
      },
      connection: () => store.connections.get(id),
      grant: (contract: { id: string }, link: { id: string }) =>
        store.grants.get({ connectionId: id, contractId: contract.id as ContractId, linkId: link.id as LinkId }),
      async grants(): Promise<Grant[]> {
        const grants = [];
        for await (const grant of store.grants.list(id)) grants.push(grant);
        return grants;
      },
      budget: (contract: { id: string }) => table.get({ pk: `CONN#${id}`, sk: `BUDGET#${contract.id}` }),
    };
  }

  /** A customer with one job, linked to one project, and one trainer hired for it. */
  async function newHire(options: CustomerOptions & LinkOptions & { readonly trainer?: string } = {}) {
    const customer = await newCustomer(options);
    const jobId = customer.postJob();
    const link = customer.link(jobId, options);
    const contract = customer.hire(jobId, options.trainer);
    if (contract.trainer === null) throw new Error('Nobody was hired.');
    const { trainer } = contract;
    return { customer, jobId, link, project: link.project, contract, trainer, workEmail: trainer.workEmail };
  }

  return {
    ...system,
    store,
    lines,
    unique,
    deliver,
    outcomeOf,
    newCustomer,
    newHire,
    membersOf: workspace.membersOf,
    seatOf: (project: string, { opentrainUserId }: { opentrainUserId: string }) =>
      store.seats.get({
        workspaceId: DEFAULT_WORKSPACE,
        project: project as ProjectId,
        trainerId: opentrainUserId as TrainerId,
      }),
    /** Calls of the workspace's API and of OpenTrain's, so far. */
    calls: () => workspace.requests.count + opentrain.calls.length,
  };
}

export type Story = Awaited<ReturnType<typeof startStory>>;
