import { randomBytes } from 'node:crypto';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { createAdminHandler } from '../../functions/admin/handler.ts';
import { createAdminParts, readAdminSettings } from '../../functions/admin/parts.ts';
import { createBudgetHandler } from '../../functions/budget/handler.ts';
import { createConnectorParts } from '../../functions/parts.ts';
import { createReconcileHandler } from '../../functions/reconcile/handler.ts';
import { createReconcileParts } from '../../functions/reconcile/parts.ts';
import { readReconcileSettings } from '../../functions/reconcile/settings.ts';
import type { ScheduledHandler } from '../../functions/scheduled-handler.ts';
import { createUsageHandler } from '../../functions/usage/handler.ts';
import { readUsageSettings } from '../../functions/usage/settings.ts';
import { createWebhookHandler } from '../../functions/webhook/handler.ts';
import { createWorkerHandler } from '../../functions/worker/handler.ts';
import { readWorkerSettings } from '../../functions/worker/settings.ts';
import { startEmulators } from '../../local/aws/emulators.ts';
import { toRecord } from '../../local/aws/queue-pump.ts';
import { createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import type { EventRecord } from '../../local/opentrain/events.ts';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { createQueue } from '../../shared/aws/queue.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { createWebhookSecrets } from '../../shared/connections/webhook-secrets.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { signDelivery } from '../../shared/opentrain/signature.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { createStore } from '../../shared/store/store.ts';
import { openTable } from '../../shared/store/table.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';
import { queuedMessage, sqsEvent } from '../support/sqs-event.ts';
import { sqsClient } from '../support/worker.ts';
import { type Canary, findLeaks } from './find-leaks.ts';
import { startSpillingProxy } from './spilling-proxy.ts';

const HOUR = 3600_000;
/** Receives before a message goes to the dead-letter queue. */
const RECEIVES = 2;
const CONTEXT = { getRemainingTimeInMillis: () => 60_000 };

/**
 * All six functions, over emulators, a simulated OpenTrain and a demo workspace, each behind a proxy that spills on demand
 * what was entrusted to it. Whatever comes out is kept, and searched for canaries.
 */
export async function startLeakWorld() {
  const clock = createAdvanceableClock();
  const emulators = await startEmulators({ maxReceives: RECEIVES });
  const opentrain = await startSimulatedOpenTrain({ clock });
  const workspace = await startDemoWorkspace({ clock });
  const { environment: real } = emulators;
  const proxies = {
    opentrain: await startSpillingProxy(opentrain.platformApiUrl),
    workspace: await startSpillingProxy(workspace.url),
    dynamodb: await startSpillingProxy(real.AWS_ENDPOINT_URL_DYNAMODB),
    sqs: await startSpillingProxy(real.AWS_ENDPOINT_URL_SQS),
    ssm: await startSpillingProxy(real.AWS_ENDPOINT_URL_SSM),
  };
  const environment = {
    ...real,
    AWS_ENDPOINT_URL_DYNAMODB: proxies.dynamodb.url,
    AWS_ENDPOINT_URL_SQS: proxies.sqs.url,
    AWS_ENDPOINT_URL_SSM: proxies.ssm.url,
    OPENTRAIN_BASE_URL: proxies.opentrain.url,
    WEBHOOK_BASE_URL: 'https://connector.example',
    WORKSPACE: 'http',
    WORKSPACE_URL: proxies.workspace.url,
  };
  const canaries: Canary[] = [{ name: 'the workspace’s token', value: workspace.token, kind: 'secret' }];
  const lines: string[] = [];
  /** Answers of the functions, and what messages have besides the bodies of deliveries. */
  const answers: string[] = [];

  const settings = readWorkerSettings(environment);
  const names = credentialNames(settings.credentialsPath);
  const parameters = createParameterStore(createAwsJsonClient('ssm', { environment }));
  const aws = createAwsJsonClient('sqs', { environment });
  const credentials = { accessKeyId: real.AWS_ACCESS_KEY_ID, secretAccessKey: real.AWS_SECRET_ACCESS_KEY };
  const dynamo = (endpoint: string) => new DynamoDBClient({ endpoint, region: real.AWS_REGION, credentials });
  const store = createStore(openTable(settings.tableName, dynamo(environment.AWS_ENDPOINT_URL_DYNAMODB)));
  const sqs = sqsClient(emulators);
  const logger = createLogger((line) => lines.push(line), 'OpenTrainConnector/leaks');
  await parameters.put(names.workspaceToken(DEFAULT_WORKSPACE), workspace.token);

  let faults: Partial<Workspace> = {};
  const parts = createConnectorParts(settings, { store, parameters, clock, logger, countsCalls: true });
  const faulty = {
    ...parts,
    placeOf: async (...given: Parameters<typeof parts.placeOf>) => {
      const place = await parts.placeOf(...given);
      return { ...place, workspace: { ...place.workspace, ...faults } };
    },
  };
  const queue = createQueue(aws, settings.queueUrl);
  const usageSettings = readUsageSettings(environment);
  const reconcileSettings = readReconcileSettings(environment);
  const secrets = createWebhookSecrets(parameters, names, clock);
  const webhook = createWebhookHandler({ secrets, queue, clock, logger });
  const worker = createWorkerHandler({ ...faulty, queue });
  const usageQueue = createQueue(aws, usageSettings.queueUrl);
  const usage = createUsageHandler({ ...faulty, ...usageSettings, queue: usageQueue });
  const reconcile = createReconcileHandler({
    ...faulty,
    ...createReconcileParts(reconcileSettings),
    queue: createQueue(aws, reconcileSettings.queueUrl),
  });
  const budget = createBudgetHandler({ store, logger });
  const admin = createAdminHandler(
    createAdminParts(readAdminSettings(environment), { store, parameters, clock, logger }),
  );

  let numbers = 0;
  const unique = (name: string) => `${name}-${++numbers}`;

  async function keep(answer: Promise<APIGatewayProxyStructuredResultV2>) {
    const { statusCode, headers, body = '' } = await answer;
    answers.push(JSON.stringify({ statusCode, headers, body }), body);
    return statusCode;
  }

  function routed(method: string, path: string, pathParameters: Record<string, string>, body = '') {
    const event = webhookEvent({ body });
    const http = { ...event.requestContext.http, method, path };
    return { ...event, rawPath: path, pathParameters, requestContext: { ...event.requestContext, http } };
  }

  /** `PUT`, `GET` or `DELETE` of a connection. @returns the status */
  const manage = (method: string, connection: string, body?: object | string) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    return keep(admin(routed(method, `/connections/${connection}`, { connectionId: connection }, text)));
  };

  /** One message of a schedule. @param how.remaining - milliseconds that the function has @returns whether it comes back */
  async function job(
    handler: ScheduledHandler,
    connectionId: string,
    { age = 0, receives = 1, body = '', remaining = CONTEXT.getRemainingTimeInMillis() } = {},
  ) {
    const plan = { connectionId, runId: unique('run'), plannedAt: clock.now() - age };
    const message = queuedMessage(body || JSON.stringify(plan), { receives });
    const context = { getRemainingTimeInMillis: () => remaining };
    return (await handler(sqsEvent([message]), context)).batchItemFailures.length > 0;
  }

  const keepMessage = ({ Body, ...rest }: Message, isDelivery: boolean) =>
    void answers.push(JSON.stringify(isDelivery ? rest : { ...rest, Body }));

  async function receive(queueUrl: string) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    );
    return Messages;
  }

  /** Works the queue of deliveries off; what fails comes back at once, until it is in the dead-letter queue. */
  async function work(): Promise<void> {
    for (;;) {
      const messages = await receive(real.QUEUE_URL);
      if (messages.length === 0) break;
      for (const message of messages) keepMessage(message, true);
      const { batchItemFailures } = await worker(sqsEvent(messages.map(toRecord)), CONTEXT);
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { MessageId = '', ReceiptHandle } of messages) {
        const about = { QueueUrl: real.QUEUE_URL, ReceiptHandle };
        if (failed.has(MessageId))
          await sqs.send(new ChangeMessageVisibilityCommand({ ...about, VisibilityTimeout: 0 }));
        else await sqs.send(new DeleteMessageCommand(about));
      }
    }
    for (const message of await receive(emulators.deadLetterQueueUrl)) {
      keepMessage(message, true);
      const { ReceiptHandle } = message;
      await sqs.send(new DeleteMessageCommand({ QueueUrl: emulators.deadLetterQueueUrl, ReceiptHandle }));
    }
  }

  async function newCustomer({ piiConsent = true } = {}) {
    // The webhook function looks up connections that it has not seen before only so often.
    await clock.advance(5_000);
    const id = unique('customer') as ConnectionId;
    const consented = opentrain.consent({ organization: id, piiConsent });
    canaries.push({ name: `the token of ${id}`, value: consented.token, kind: 'secret' });
    await manage('PUT', id, { token: consented.token });
    const secret = (await parameters.get(names.webhookSecrets(id)))?.split('\n')[0] ?? '';
    canaries.push({ name: `the webhook secret of ${id}`, value: secret, kind: 'secret' });
    const { endpointId = '' } = await store.connections.get(id);
    // The test delivers the events itself, when and as it likes: nobody listens at the endpoint's address.
    opentrain.holdDeliveries();

    const addresses: string[] = [];
    const people = () => addresses.flatMap((one) => [one, one.toUpperCase(), encodeURIComponent(one)]);
    const customer = {
      id,
      ...consented,
      secret,
      endpointId,
      /** What a careless server of OpenTrain or AWS says about the customer, in the forms that come up in messages. */
      spilt: () => [consented.token, secret, ...people()].join(' ; '),
      /** The same of the workspace, which knows its own token and no other. */
      spiltByWorkspace: () => [workspace.token, ...people()].join(' ; '),
      link: () => {
        const jobId = opentrain.postJob({ organizationId: consented.organizationId, title: unique('title') }).id;
        const project = unique('project');
        const { id: linkId } = opentrain.linkProject(consented.installId, { externalProjectId: project, jobId });
        return { jobId, project, linkId };
      },
      hire(jobId: string) {
        const surname = `Quillfeather${unique('x').replace('-', '')}Longname`;
        const contract = opentrain.hire({ jobId, trainer: `Zebedee ${surname}` });
        const address = contract.trainer?.workEmail ?? '';
        canaries.push({ name: `the Work Email of ${contract.id}`, value: address, kind: 'address' });
        canaries.push({ name: `the surname of ${contract.id}`, value: surname, kind: 'address' });
        addresses.push(address);
        return contract;
      },
      event(type: EventRecord['type'], about = ''): EventRecord {
        const found = opentrain
          .eventsOf(consented.installId)
          .findLast((event) => event.type === type && JSON.stringify(event).includes(about));
        if (found === undefined) throw new Error(`OpenTrain has told of no ${type}.`);
        return found;
      },
      /** Sends an event to the webhook function, signed unless told otherwise. @returns the status */
      send(
        event: object | string,
        given: { connection?: string; headers?: Record<string, string>; aged?: number } = {},
      ) {
        const marker = randomBytes(10).toString('hex');
        canaries.push({ name: `a body of ${id}`, value: marker, kind: 'body' });
        const body = typeof event === 'string' ? `${event} ${marker}` : JSON.stringify({ ...event, remark: marker });
        const now = Math.floor(clock.now() / 1000) - (given.aged ?? 0);
        const signature = signDelivery(secret, Buffer.from(body), now).split('v1=')[1] ?? '';
        canaries.push({ name: `a signature of ${id}`, value: signature, kind: 'secret' });
        const headers = { 'x-opentrain-delivery': unique('delivery'), ...given.headers };
        return keep(webhook(webhookEvent({ connection: given.connection ?? id, body, secret, now, headers })));
      },
      async deliver(event: object | string): Promise<void> {
        await customer.send(event);
        await work();
      },
    };
    return customer;
  }

  /** A customer with a linked project and a trainer who was let into it. */
  async function newHire() {
    const customer = await newCustomer();
    const link = customer.link();
    await customer.deliver(customer.event('project_link.created'));
    const contract = customer.hire(link.jobId);
    await customer.deliver(customer.event('contract.started', contract.id));
    return { ...customer, ...link, contract, trainer: contract.trainer?.opentrainUserId ?? '' };
  }

  return {
    clock,
    emulators,
    environment,
    opentrain,
    workspace,
    proxies,
    canaries,
    lines,
    answers,
    store,
    parameters,
    names,
    webhook,
    budget,
    sqs,
    dynamo: dynamo(real.AWS_ENDPOINT_URL_DYNAMODB),
    unique,
    manage,
    newCustomer,
    newHire,
    work,
    usage: (connection: string, how?: Parameters<typeof job>[2]) => job(usage, connection, how),
    reconcile: (connection: string, how?: Parameters<typeof job>[2]) => job(reconcile, connection, how),
    /** Both schedules ring. */
    async plan() {
      for (const [handler, url] of [
        [usage, real.USAGE_QUEUE_URL],
        [reconcile, real.RECONCILE_QUEUE_URL],
      ] as const) {
        await handler({ source: 'schedule' }, CONTEXT);
        for (const message of await receive(url)) keepMessage(message, false);
      }
    },
    readBudget: (connection: string, project: string) =>
      keep(budget(routed('GET', '/budget', { connectionId: connection, externalProjectId: project }))),
    call: (event: APIGatewayProxyEventV2) => keep(webhook(event)),
    enqueue: (body: string) => sqs.send(new SendMessageCommand({ QueueUrl: real.QUEUE_URL, MessageBody: body })),
    /** The adapter of the workspace does this instead. */
    workspaceDoes(instead: Partial<Workspace>) {
      faults = instead;
    },
    heal() {
      faults = {};
      for (const proxy of Object.values(proxies)) proxy.trouble(undefined);
    },
    /** Somebody works for an hour, which is over. */
    async workFor(project: string, trainer: string) {
      workspace.recordWork({ trainer, project, at: clock.now(), seconds: 600 });
      await clock.advance(HOUR);
    },
    /** What of a text may be nowhere. */
    leaksIn: (text: string) => findLeaks(text, canaries),
    /** Where the table holds what it must not. */
    async leaksInTable(): Promise<string[]> {
      const { Items = [] } = await dynamo(real.AWS_ENDPOINT_URL_DYNAMODB).send(
        new ScanCommand({ TableName: real.TABLE_NAME }),
      );
      const texts = new Map<string, string>();
      for (const item of Items.map((one) => unmarshall(one))) {
        const [kind = ''] = String(item.sk).split('#');
        const text = JSON.stringify(item, (_, value: unknown) => (value instanceof Set ? [...value] : value));
        texts.set(kind, `${texts.get(kind) ?? ''}${text}\n`);
      }
      return [...texts].flatMap(([kind, text]) => {
        const mayHoldAddresses = kind === 'GRANT' || kind === 'SEAT';
        const forbidden = canaries.filter((canary) => !(mayHoldAddresses && canary.kind === 'address'));
        return findLeaks(text, forbidden).map((leak) => `${kind}: ${leak}`);
      });
    },
    async close() {
      await opentrain.close();
      await workspace.close();
      for (const proxy of Object.values(proxies)) await proxy.close();
      await emulators.close();
    },
  };
}

export type LeakWorld = Awaited<ReturnType<typeof startLeakWorld>>;
