import { readFile } from 'node:fs/promises';
import { CloudWatchClient, DescribeAlarmsCommand } from '@aws-sdk/client-cloudwatch';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { systemClock } from '../../shared/clock.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { unpackEnvelope } from '../../shared/deliveries/envelope.ts';
import type { ConnectionId, WorkspaceId } from '../../shared/ids.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { signDelivery } from '../../shared/opentrain/signature.ts';
import { run } from '../support/child.ts';
import { createUser } from './create-user.ts';
import { apiIdOf, budgetUrl, connectionUrl, output, takeOver, webhookUrl } from './deployment.ts';
import { messagesIn, sqs } from './messages-in.ts';
import { type AccessKey, signedFetch } from './signed-fetch.ts';

// What runs here is what runs in AWS: the synthesized template and the bundles. Only AWS itself is an emulator, which
// `run.ts` has started and deployed to, with four attempts at a delivery, 1 s apart, and usage reported and everything
// reconciled every minute.
const deployment = takeOver();
const CONNECTION = 'acme' as ConnectionId;
const PROJECT = 'street-scenes';
const SECOND_PROJECT = 'night-drives';
const UNKNOWN_PROJECT = 'not-in-the-workspace';

const cloudwatch = new CloudWatchClient();
const queueUrl = output(deployment, 'QueueUrl');
const deadLetterQueueUrl = output(deployment, 'DeadLetterQueueUrl');
const parameters = createParameterStore(createAwsJsonClient('ssm'));
const names = credentialNames(output(deployment, 'CredentialsPath'));

let workspace: DemoWorkspace;
let opentrain: SimulatedOpenTrain;
let secret: string;
let endpointId: string;
let customer: { readonly installId: string; readonly token: string };
let jobId: string;
let jobOfUnknownProject: string;
let contractId: string;

beforeAll(async () => {
  workspace = await startDemoWorkspace({ port: deployment.workspacePort, strictProjects: true });
  workspace.addProject(PROJECT);
  opentrain = await startSimulatedOpenTrain({ port: deployment.openTrainPort, signatureClock: systemClock });

  const { installId, token, organizationId } = opentrain.consent();
  customer = { installId, token };
  await parameters.put(names.workspaceToken('default' as WorkspaceId), workspace.token);
  ({ endpointId } = await connect(token));
  secret = (await parameters.get(names.webhookSecrets(CONNECTION))) ?? '';

  jobId = opentrain.postJob({ organizationId }).id;
  jobOfUnknownProject = opentrain.postJob({ organizationId }).id;
  opentrain.linkProject(installId, { externalProjectId: PROJECT, jobId });
  opentrain.linkProject(installId, { externalProjectId: UNKNOWN_PROJECT, jobId: jobOfUnknownProject });
  await settled();
});

afterAll(async () => {
  await opentrain.close();
  await workspace.close();
});

beforeEach(() => workspace.requests.clear());

describe('a deployed connector', () => {
  test('lets a hired trainer into the project, and out when the contract ends', async () => {
    const contract = opentrain.hire({ jobId, trainer: 'Maria Silva' });
    await opentrain.idle();
    expect(lastDelivery()).toMatchObject({ status: 'SUCCEEDED', attempts: [{ status: 202 }] });
    await expect.poll(members, PATIENCE).toHaveLength(1);

    opentrain.endContract(contract.id);
    await expect.poll(members, PATIENCE).toEqual([]);
  });

  test('keeps its endpoint when the customer is connected once more', async () => {
    expect(await connect(customer.token)).toMatchObject({
      endpointId,
      kept: true,
      missingScopes: [],
      piiConsent: true,
    });
    expect(opentrain.endpointsOf(customer.installId)).toMatchObject([{ id: endpointId, status: 'ACTIVE' }]);
  });

  test('accepts a duplicate, and does nothing a second time', async () => {
    opentrain.hire({ jobId, trainer: 'Chidi Okafor' });
    await expect.poll(members, PATIENCE).toHaveLength(1);
    await settled();

    workspace.requests.clear();
    await opentrain.redeliver(lastDelivery());
    expect(lastDelivery().attempts.map(({ status }) => status)).toEqual([202, 202]);
    await settled();
    expect(members()).toHaveLength(1);
    // A report of usage may ask for totals meanwhile, and a reconciliation for members.
    const operations = workspace.requests.log.map(({ operationId }) => operationId);
    expect(operations).not.toContain('putMember');
    expect(operations).not.toContain('deleteMember');
  });

  test('refuses a forged delivery, and one for a connection that it does not know', async () => {
    const body = Buffer.from(JSON.stringify({ id: '1', type: 'contract.started' }));
    expect(await post(body, { secret: 'whsec_somebody_elses' })).toBe(401);
    expect(await post(body, { connectionId: 'nobody' })).toBe(404);
    expect(await messagesIn(queueUrl)).toBe(0);
  });

  test('tells by alarms when deliveries are forged, and is quiet before', async () => {
    const forged = 'deliveries with a wrong signature';
    await expect.poll(() => alarm(forged), PATIENCE).toMatchObject({ StateValue: 'OK' });
    expect(await alarm('deliveries were given up')).toMatchObject({ StateValue: 'OK' });
    for (let time = 0; time < 5; time += 1)
      expect(await post(Buffer.from('{}'), { secret: 'whsec_a_guess' })).toBe(401);
    await expect.poll(() => alarm(forged), PATIENCE).toMatchObject({ StateValue: 'ALARM' });
  });

  test('takes 256 KiB of any bytes through API, function and queue, and not one byte more', async () => {
    const body = Buffer.alloc(256 * 1024, Buffer.from([0x00, 0xff, 0xfe]));
    expect(await post(body)).toBe(202);
    await settled();
    expect(await messagesIn(deadLetterQueueUrl)).toBe(0);
    expect(await post(Buffer.concat([body, Buffer.from([0])]))).toBe(413);
  });

  test('lets the trainer in once the workspace is back from an outage', async () => {
    const before = members();
    workspace.outage(true);
    opentrain.hire({ jobId, trainer: 'Yuki Tanaka' });
    await expect.poll(() => workspace.requests.log.map(({ status }) => status), PATIENCE).toContain(503);
    expect(members()).toEqual(before);

    workspace.outage(false);
    await expect.poll(members, PATIENCE).toHaveLength(before.length + 1);
    await settled();
    expect(await messagesIn(deadLetterQueueUrl)).toBe(0);
  });

  test('gives up a delivery that fails every time, and keeps it; the others are not held up', async () => {
    const before = members();
    opentrain.hire({ jobId: jobOfUnknownProject, trainer: 'Anna Kowalska' });
    await opentrain.idle();
    const poison = lastDelivery();
    opentrain.hire({ jobId, trainer: 'Luca Rossi' });
    await expect.poll(members, PATIENCE).toHaveLength(before.length + 1);

    await expect.poll(() => messagesIn(deadLetterQueueUrl), PATIENCE).toBe(1);
    await expect.poll(() => alarm('deliveries were given up'), PATIENCE).toMatchObject({ StateValue: 'ALARM' });
    const { Messages: [message] = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: deadLetterQueueUrl }));
    expect(unpackEnvelope(message?.Body ?? '')).toMatchObject({ connectionId: CONNECTION, deliveryId: poison.id });
    // Other tests have the same queue.
    const ReceiptHandle = message?.ReceiptHandle;
    await sqs.send(new DeleteMessageCommand({ QueueUrl: deadLetterQueueUrl, ReceiptHandle }));
  });

  test(
    'reports the work of a trainer by itself, as scheduled',
    async () => {
      const before = members();
      contractId = opentrain.hire({ jobId, trainer: 'Amina Diallo' }).id;
      opentrain.fundMilestone(contractId, { volume: 10 });
      await expect.poll(members, PATIENCE).toHaveLength(before.length + 1);
      const trainer = opentrain.trainer('Amina Diallo').opentrainUserId;
      workspace.recordWork({ trainer, project: PROJECT, at: Date.now(), seconds: 2, tasks: 7 });

      const reportedTasks = () => opentrain.usageOf(contractId).map(({ tasksCompleted }) => tasksCompleted);
      await expect.poll(reportedTasks, SCHEDULE_PATIENCE).toEqual([7]);
      expect(await messagesIn(output(deployment, 'UsageDeadLetterQueueUrl'))).toBe(0);
      expect(await messagesIn(output(deployment, 'UsageDroppedQueueUrl'))).toBe(0);
    },
    SCHEDULE_PATIENCE.timeout + 30_000,
  );

  test(
    'lets in a trainer of whom OpenTrain never told, because the endpoint was disabled, and has the endpoint enabled',
    async () => {
      const before = members();
      const client = createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => customer.token });
      await client.updateWebhookEndpoint(endpointId, { status: 'DISABLED' });
      const hired = opentrain.hire({ jobId, trainer: 'Sofia Nilsen' });
      await opentrain.idle();
      const told = opentrain.deliveriesOf(endpointId).map(({ event }) => event.resourceId);
      expect(told).not.toContain(hired.id);

      await expect.poll(members, SCHEDULE_PATIENCE).toHaveLength(before.length + 1);
      expect(opentrain.endpointsOf(customer.installId)).toMatchObject([{ id: endpointId, status: 'ACTIVE' }]);
      expect(await messagesIn(output(deployment, 'ReconcileDeadLetterQueueUrl'))).toBe(0);
      expect(await messagesIn(output(deployment, 'ReconcileDroppedQueueUrl'))).toBe(0);
    },
    SCHEDULE_PATIENCE.timeout + 30_000,
  );

  test(
    'tells when an alarm is over',
    async () => {
      await expect.poll(() => alarm('deliveries were given up'), SCHEDULE_PATIENCE).toMatchObject({ StateValue: 'OK' });
    },
    SCHEDULE_PATIENCE.timeout + 30_000,
  );

  test("tells the project's budget to a server of the platform whom IAM lets, and to nobody else", async () => {
    const url = budgetUrl(deployment, CONNECTION, PROJECT);
    const ask = (credentials: AccessKey) => signedFetch({ service: 'execute-api', url, credentials });
    const route = `arn:aws:execute-api:*:*:${apiIdOf(deployment)}/$default/GET/connections/*/projects/*/budget`;
    const invoke = (resource: string) => ({ action: 'execute-api:Invoke', resource });
    const server = await createUser(deployment.endpoint, 'server', invoke(route));
    const other = await createUser(deployment.endpoint, 'other', invoke(route.replace('/GET/', '/POST/')));

    const answer = await ask(server);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      connectionId: CONNECTION,
      projectId: PROJECT,
      state: 'OK',
      contracts: expect.arrayContaining([expect.objectContaining({ contractId, fundedVolume: 10, unit: 'hours' })]),
    });
    expect((await fetch(url)).status).toBe(403);
    expect((await ask(other)).status).toBe(403);
    expect((await ask({ ...server, secretAccessKey: 'wrong' })).status).toBe(403);
  });

  test('connects another customer for a server of the platform whom IAM lets, and disconnects it, and for nobody else', async () => {
    const id = 'second' as ConnectionId;
    const { token, installId, organizationId } = opentrain.consent({ organization: id });
    const [url, text] = [connectionUrl(deployment, id), JSON.stringify({ token })];
    const ask = (credentials: AccessKey, method: 'PUT' | 'GET' | 'DELETE') => {
      const body = { type: 'application/json', text };
      const content = method === 'PUT' ? { body } : {};
      return signedFetch({ service: 'execute-api', method, url, credentials, ...content });
    };
    const allow = (methods: string) => ({
      action: 'execute-api:Invoke',
      resource: `arn:aws:execute-api:*:*:${apiIdOf(deployment)}/$default/${methods}/connections/*`,
    });
    const settingsPage = await createUser(deployment.endpoint, 'settings-page', allow('*'));
    const onlooker = await createUser(deployment.endpoint, 'onlooker', allow('GET'));

    const headers = { 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'PUT', headers, body: text })).status).toBe(403);
    expect((await ask({ ...settingsPage, secretAccessKey: 'wrong' }, 'PUT')).status).toBe(403);
    expect((await ask(onlooker, 'PUT')).status).toBe(403);
    expect((await ask(onlooker, 'GET')).status).toBe(404);

    const connected = await ask(settingsPage, 'PUT');
    expect([connected.status, await connected.json()]).toMatchObject([
      200,
      { connectionId: id, installId, webhookUrl: webhookUrl(deployment, id), missingScopes: [], kept: false },
    ]);
    const job = opentrain.postJob({ organizationId }).id;
    workspace.addProject(SECOND_PROJECT);
    opentrain.linkProject(installId, { externalProjectId: SECOND_PROJECT, jobId: job });
    await settled();
    opentrain.hire({ jobId: job, trainer: 'Thandiwe Dube' });
    await opentrain.idle();
    const [endpoint] = opentrain.endpointsOf(installId);
    expect(opentrain.deliveriesOf(endpoint?.id ?? '').at(-1)).toMatchObject({ attempts: [{ status: 202 }] });
    await expect.poll(() => workspace.membersOf(SECOND_PROJECT), PATIENCE).toHaveLength(1);

    expect(await (await ask(onlooker, 'GET')).json()).toMatchObject({ connectionId: id, status: 'active' });
    expect((await ask(settingsPage, 'DELETE')).status).toBe(200);
    expect(opentrain.endpointsOf(installId)).toEqual([]);
    expect(await parameters.get(names.token(id))).toBeUndefined();
    expect(await parameters.get(names.webhookSecrets(id))).toBeUndefined();
  });

  test('was held to signatures and policies all the while: whoever is not known may not enqueue', async () => {
    const nobody = new SQSClient({
      useQueueUrlAsEndpoint: false,
      credentials: { accessKeyId: 'AKIAXXXXXXXXXXXXXXXX', secretAccessKey: 'none' },
    });
    const send = nobody.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: '{}' }));
    await expect(send).rejects.toThrow(/security token|not authorized/i);
  });

  test('wrote no secret, no token and no Work Email into a log', async () => {
    const log = await readFile(deployment.emulatorLog, 'utf8');
    expect(log).toContain('"event":"delivery.done"');
    expect(log).toContain('"event":"usage.connection-done"');
    expect(log).toContain('"event":"reconcile.connection-done"');
    for (const word of ['whsec_', 'ot_ptk_', '@opentrain.work', secret, workspace.token])
      expect(log).not.toContain(word);
  });
});

const PATIENCE = { timeout: 30_000, interval: 100 };
/** A schedule fires once a minute, when the emulator looks, which is every ten seconds. */
const SCHEDULE_PATIENCE = { timeout: 150_000, interval: 500 };

const members = (): string[] => workspace.membersOf(PROJECT);

/** As an operator does it. */
async function connect(token: string): Promise<{ readonly endpointId: string; readonly kept: boolean }> {
  const output = await run(process.execPath, ['cli/main.ts', 'connect', CONNECTION, '--stage', 'dev', '--json'], {
    env: { ...process.env, OPENTRAIN_PARTNER_TOKEN: token },
  });
  return JSON.parse(output);
}

function lastDelivery() {
  const delivery = opentrain.deliveriesOf(endpointId).at(-1);
  if (delivery === undefined) throw new Error('OpenTrain has not delivered anything yet.');
  return delivery;
}

/** Waits until every delivery is through API, queue and worker. */
async function settled(): Promise<void> {
  await opentrain.idle();
  await vi.waitFor(async () => expect(await messagesIn(queueUrl)).toBe(0), PATIENCE);
}

/** By what its owner reads, behind the stage. */
async function alarm(name: string) {
  const { MetricAlarms = [] } = await cloudwatch.send(new DescribeAlarmsCommand({}));
  const found = MetricAlarms.filter(({ AlarmName }) => AlarmName?.endsWith(`: ${name}`));
  if (found.length !== 1) throw new Error(`There are ${found.length} alarms called "${name}".`);
  return found[0];
}

/** Delivers by hand what the simulated OpenTrain would not. */
async function post(
  body: Uint8Array<ArrayBuffer>,
  options: { readonly connectionId?: string; readonly secret?: string } = {},
): Promise<number> {
  const seconds = Math.floor(Date.now() / 1000);
  const { status } = await fetch(webhookUrl(deployment, options.connectionId ?? CONNECTION), {
    method: 'POST',
    headers: {
      // Not JSON, so that API Gateway hands the bytes over in base64, as they are.
      'content-type': 'application/octet-stream',
      'x-opentrain-delivery': `by-hand-${crypto.randomUUID()}`,
      'x-opentrain-signature': signDelivery(options.secret ?? secret, body, seconds),
    },
    body,
  });
  return status;
}
