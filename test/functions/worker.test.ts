import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSRecord } from 'aws-lambda';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { WorkerHandler } from '../../functions/worker/handler.ts';
import { startQueuePump } from '../../local/aws/queue-pump.ts';
import type { Scope } from '../../local/opentrain/state.ts';
import { unpackEnvelope } from '../../shared/deliveries/envelope.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { NeedsPersonError } from '../../shared/workspace/errors.ts';
import { createHttpWorkspace } from '../../shared/workspace/http/http-workspace.ts';
import { startScriptedServer } from '../opentrain/scripted-server.ts';
import {
  contractEnded,
  contractStarted,
  type Hire,
  linkEvent,
  milestoneEvent,
  newHire,
  without,
} from '../support/opentrain-event.ts';
import { packedDelivery, queuedDelivery, queuedMessage } from '../support/sqs-event.ts';
import { type Faults, fakeWorkspace, sqsClient, startWorker, type Worker } from '../support/worker.ts';

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker();
  await worker.parameters.put(worker.names.token('acme' as ConnectionId), worker.opentrain.consent().token);
});
afterAll(() => worker.close());
beforeEach(() => {
  worker.lines.length = 0;
});

const grantOf = ({ contract, link }: Hire, connection = 'acme') =>
  worker.store.grants.get({
    connectionId: connection as ConnectionId,
    contractId: contract as ContractId,
    linkId: link as LinkId,
  });
const seatOf = ({ project, trainer }: Hire) =>
  worker.store.seats.get({
    workspaceId: DEFAULT_WORKSPACE,
    project: project as ProjectId,
    trainerId: trainer as TrainerId,
  });
const connectionOf = (connection: string) => worker.store.connections.get(connection as ConnectionId);
const logged = (event: string) => worker.lines.filter((line) => line.event === event);
const bystander = () => queuedDelivery({ event: milestoneEvent('milestone.funded', newHire().contract) });

/** One delivery among others: what becomes of it, once it is known that the others were not touched by its trouble. */
async function fateAmongOthers(record: SQSRecord, faults: Faults = {}) {
  const others = [bystander(), bystander()];
  const fates = await worker.run([...others.slice(0, 1), record, ...others.slice(1)], faults);
  for (const { messageId } of others) expect(fates[messageId]).toBe('acknowledged');
  return fates[record.messageId];
}

test('the workspace is told which delivery a call is made for, however many are worked off at once', async () => {
  const hires = [newHire(), newHire(), newHire()];
  const records = hires.map((hire) => queuedDelivery({ event: contractStarted(hire) }));
  const before = worker.demo.requests.log.length;
  await worker.run(records);
  const calls = worker.demo.requests.log
    .slice(before)
    .map(({ operationId, correlationId }) => [operationId, correlationId]);
  const ids = records.map(({ body }) => unpackEnvelope(body)?.deliveryId);
  expect(calls.toSorted()).toEqual(ids.map((id) => ['putMember', id]).toSorted());
});

test('a delivery whose id could not be a header is worked off without one', async () => {
  const hire = newHire();
  const record = queuedDelivery({ event: contractStarted(hire), delivery: 'a\nb' });
  const before = worker.demo.requests.log.length;
  expect(await worker.run([record])).toEqual({ [record.messageId]: 'acknowledged' });
  expect(worker.demo.requests.log.slice(before)).toMatchObject([
    { operationId: 'putMember', correlationId: undefined },
  ]);
});

test('a delivery is worked off and acknowledged', async () => {
  const hire = newHire();
  const record = queuedDelivery({ event: contractStarted(hire) });
  expect(await worker.run([record])).toEqual({ [record.messageId]: 'acknowledged' });
  expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
  expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'done', reason: 'provisioned', attempts: 1 });
});

test('an empty batch is none of its business', async () => {
  expect(await worker.run([])).toEqual({});
});

describe('a duplicate of a finished delivery', () => {
  test('is acknowledged for one DynamoDB request and no other call', async () => {
    const record = queuedDelivery({ event: contractStarted(newHire()) });
    await worker.run([record]);
    const before = {
      dynamo: worker.requests.count,
      demo: worker.demo.requests.count,
      api: worker.opentrain.calls.length,
    };

    expect(await worker.run([record])).toEqual({ [record.messageId]: 'acknowledged' });
    expect(worker.requests.count - before.dynamo).toBe(1);
    expect(worker.demo.requests.count - before.demo).toBe(0);
    expect(worker.opentrain.calls.length - before.api).toBe(0);
  });

  test('is none when it is of another event: the id alone is not signed', async () => {
    const hire = newHire();
    const delivery = 'used-twice';
    await worker.run([queuedDelivery({ delivery, event: milestoneEvent('milestone.funded', hire.contract) })]);
    expect(await worker.recordOf(delivery)).toMatchObject({ status: 'done', reason: 'recorded' });
    await worker.run([queuedDelivery({ delivery, event: contractStarted(hire) })]);
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
    expect(await worker.recordOf(delivery)).toMatchObject({ status: 'done', reason: 'provisioned' });
  });

  test('that crashed half-way while its twin was finished goes through the rule again, and heals', async () => {
    const hire = newHire();
    const started = queuedDelivery({ event: contractStarted(hire) });
    const twin = { ...started, messageId: 'twin', receiptHandle: 'receipt of twin' };
    // Its claim lands in the seat when the twin has finished and the contract is over; then the worker is gone.
    const crashing: Faults = {
      store: (store) => ({
        ...store,
        seats: {
          ...store.seats,
          async claim(...claim) {
            await worker.run([twin]);
            await worker.run([queuedDelivery({ event: contractEnded(hire) })]);
            await store.seats.claim(...claim);
            throw new Error('crash');
          },
        },
      }),
    };
    expect(await worker.run([started], crashing)).toEqual({ [started.messageId]: 2 });
    expect(await worker.recordOf(started.messageId)).toMatchObject({ status: 'done' });
    expect((await seatOf(hire))?.openGrants.size, 'left behind by the crash').toBe(1);

    const again = { ...started, attributes: { ...started.attributes, ApproximateReceiveCount: '2' } };
    expect(await worker.run([again])).toEqual({ [started.messageId]: 'acknowledged' });
    expect((await seatOf(hire))?.openGrants).toEqual(new Set());
    expect(worker.demo.membersOf(hire.project)).toEqual([]);
  });

  test('brings nobody back who was taken out since', async () => {
    const hire = newHire();
    const started = queuedDelivery({ event: contractStarted(hire) });
    await worker.run([started]);
    await worker.run([queuedDelivery({ event: contractEnded(hire) })]);
    await worker.run([started]);
    expect(worker.demo.membersOf(hire.project)).toEqual([]);
  });

  test('within one batch, both of them together, comes to the same', async () => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    const twin = { ...record, messageId: 'twin', receiptHandle: 'receipt of twin' };
    expect(await worker.run([record, twin])).toEqual({ [record.messageId]: 'acknowledged', twin: 'acknowledged' });
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
  });
});

describe('the workspace is busy or away: that message alone is retried, with a visibility timeout of its own', () => {
  test.each([408, 425, 429, 500, 502, 503, 504, 599])('%i', async (status) => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    worker.demo.respondNext(status);
    expect(await fateAmongOthers(record)).toBe(2);
    expect(await worker.recordOf(record.messageId)).toMatchObject({
      status: 'waiting',
      reason: 'workspace_unavailable',
      attempts: 1,
    });
    expect(logged('delivery.retried')).toMatchObject([{ level: 'warn', reason: 'workspace_unavailable' }]);

    const again = { ...record, attributes: { ...record.attributes, ApproximateReceiveCount: '2' } };
    expect(await worker.run([again]), 'it heals').toEqual({ [record.messageId]: 'acknowledged' });
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
  });

  test.each([408, 425, 429, 503])('%i with Retry-After: no sooner than it asks for', async (status) => {
    worker.demo.respondNext(status, { 'retry-after': '120' });
    expect(await fateAmongOthers(queuedDelivery({ event: contractStarted(newHire()) }))).toBe(122);
  });

  test('a Retry-After of a day is cut to 15 minutes, the longest wait', async () => {
    worker.demo.respondNext(503, { 'retry-after': '86400' });
    expect(await fateAmongOthers(queuedDelivery({ event: contractStarted(newHire()) }))).toBe(900);
  });

  test('the wait doubles with every attempt, up to 15 minutes', async () => {
    const hire = newHire();
    const waits: unknown[] = [];
    for (const receives of [1, 2, 3, 8, 9, 100]) {
      worker.demo.respondNext(503);
      const record = queuedDelivery({ event: contractStarted(hire), receives });
      waits.push((await worker.run([record]))[record.messageId]);
    }
    expect(waits).toEqual([2, 4, 8, 256, 450, 450]);
  });

  test('no answer: the connection is refused', async () => {
    const workspace = createHttpWorkspace({ baseUrl: 'http://127.0.0.1:1', token: async () => 'token' });
    expect(await fateAmongOthers(queuedDelivery({ event: contractStarted(newHire()) }), { workspace })).toBe(2);
    expect(logged('delivery.retried')).toMatchObject([{ level: 'warn', reason: 'workspace_unavailable' }]);
  });

  test.each(['silence', 'hang-up'] as const)('no answer: %s', async (step) => {
    const server = await startScriptedServer();
    onTestFinished(() => server.close());
    server.script(step);
    const workspace = createHttpWorkspace({
      baseUrl: server.url,
      token: async () => 'token',
      timeoutMilliseconds: 200,
    });
    expect(await fateAmongOthers(queuedDelivery({ event: contractStarted(newHire()) }), { workspace })).toBe(2);
    expect(logged('delivery.retried')).toMatchObject([{ level: 'warn', reason: 'workspace_unavailable' }]);
  });

  test('taking a trainer out waits like letting one in', async () => {
    const hire = newHire();
    await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
    const ended = queuedDelivery({ event: contractEnded(hire) });
    worker.demo.respondNext(503);
    expect(await fateAmongOthers(ended)).toBe(2);
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
    await worker.run([ended]);
    expect(worker.demo.membersOf(hire.project)).toEqual([]);
  });
});

describe('OpenTrain is busy or away: that message alone is retried, with a visibility timeout of its own', () => {
  const answering =
    (status: number, headers: Record<string, string> = {}) =>
    async () =>
      Response.json({ error: 'Not now', code: 'INTERNAL_ERROR', requestId: 'req-1' }, { status, headers });
  /** Its Work Email has to be asked for. */
  const asking = () => queuedDelivery({ event: without(contractStarted(newHire()), 'data.freelancer') });

  test.each([408, 425, 429, 500, 502, 503, 504])('%i', async (status) => {
    const record = asking();
    expect(await fateAmongOthers(record, { opentrainFetch: answering(status) })).toBe(2);
    expect(await worker.recordOf(record.messageId)).toMatchObject({
      status: 'waiting',
      reason: 'opentrain_unavailable',
    });
    expect(logged('delivery.retried')).toMatchObject([{ level: 'warn', reason: 'opentrain_unavailable' }]);
    expect(logged('connection.needs-attention'), 'no fault of the connection').toEqual([]);
  });

  test.each([429, 503])('%i with Retry-After: no sooner than it asks for', async (status) => {
    expect(await fateAmongOthers(asking(), { opentrainFetch: answering(status, { 'retry-after': '60' }) })).toBe(62);
  });

  test.each(['unavailable', 'rate-limited', 'dropped'] as const)('OpenTrain %s, over the wire', async (mode) => {
    worker.opentrain.setOutage(mode);
    onTestFinished(() => worker.opentrain.setOutage('none'));
    const wait = await fateAmongOthers(asking());
    expect(wait).toBe(mode === 'rate-limited' ? 9 : 2);
  });

  test('no answer', async () => {
    const opentrainFetch = async () => {
      throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    };
    expect(await fateAmongOthers(asking(), { opentrainFetch })).toBe(2);
    expect(logged('delivery.retried')).toMatchObject([{ level: 'warn', reason: 'opentrain_unavailable' }]);
  });
});

describe('the workspace answers 401 or 403: the credential is broken, no event is at fault', () => {
  test('403: retried, and an alarm is raised by an error in the log', async () => {
    const record = queuedDelivery({ event: contractStarted(newHire()) });
    worker.demo.respondNext(403);
    expect(await fateAmongOthers(record)).toBe(2);
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'waiting', reason: 'workspace_forbidden' });
    expect(logged('delivery.retried')).toMatchObject([{ level: 'error', reason: 'workspace_forbidden' }]);
  });

  test('401: the same, until the right token is stored', async () => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    const token = worker.demo.rotateToken();
    expect(await fateAmongOthers(record)).toBe(2);
    expect(logged('delivery.retried')).toMatchObject([{ level: 'error', reason: 'workspace_forbidden' }]);
    await worker.parameters.put(worker.names.workspaceToken(DEFAULT_WORKSPACE), token);
    await worker.run([record]);
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
  });

  test('no token stored at all is the same', async () => {
    const connectionId = 'own-workspace' as ConnectionId;
    const workspaceId = 'their-own' as typeof DEFAULT_WORKSPACE;
    await worker.store.connections.connect({ id: connectionId, workspaceId }, 1);
    await worker.store.workspaces.put(workspaceId, { adapter: 'http', url: worker.demo.url }, 1);
    const record = queuedDelivery({ connection: connectionId, event: contractStarted(newHire()) });
    expect(await fateAmongOthers(record)).toBe(2);
    expect(logged('delivery.retried')).toMatchObject([{ level: 'error', reason: 'workspace_forbidden' }]);
  });
});

describe('OpenTrain answers 401 or 403 on a connection', () => {
  /** A customer with one hire whose Work Email has to be asked for. */
  async function customer(connection: string, scopes?: readonly Scope[]) {
    const consent = { organization: connection, ...(scopes && { scopes }) };
    const { installId, organizationId, token } = worker.opentrain.consent(consent);
    await worker.parameters.put(worker.names.token(connection as ConnectionId), token);
    const job = worker.opentrain.postJob({ organizationId });
    const project = `project of ${connection}`;
    worker.opentrain.linkProject(installId, { externalProjectId: project, jobId: job.id });
    worker.opentrain.hire({ jobId: job.id, trainer: `Trainer of ${connection}` });
    const [started] = worker.opentrain.eventsOf(installId).filter(({ type }) => type === 'contract.started');
    if (started === undefined) throw new Error('Nobody was hired.');
    const delivery = (...left: string[]) =>
      queuedDelivery({ connection, event: without(started, 'data.freelancer.workEmail', ...left) });
    return { connection, organizationId, token, project, delivery };
  }
  const wrong = async ({ connection }: { connection: string }) =>
    worker.parameters.put(worker.names.token(connection as ConnectionId), 'ot_ptk_wrong');
  const right = async ({ connection, token }: { connection: string; token: string }) =>
    worker.parameters.put(worker.names.token(connection as ConnectionId), token);
  const feature = (on: boolean) => async (one: { organizationId: string }) =>
    worker.opentrain.setFeatureEnabled(one.organizationId, on);

  test.each([
    ['401', wrong, right],
    ['403', feature(false), feature(true)],
  ])(
    '%s: it needs attention and waits, others go on, and it is well again once OpenTrain answers',
    async (status, breakIt, mendIt) => {
      const troubled = await customer(`troubled-${status}`);
      const other = await customer(`other-${status}`);
      await breakIt(troubled);
      const waiting = troubled.delivery();
      const fine = other.delivery();

      expect(await worker.run([waiting, fine])).toEqual({ [waiting.messageId]: 2, [fine.messageId]: 'acknowledged' });
      expect((await connectionOf(troubled.connection)).attention).toBe('opentrain_forbidden');
      expect((await connectionOf(other.connection)).attention).toBeUndefined();
      expect(await worker.recordOf(waiting.messageId, troubled.connection)).toMatchObject({ status: 'waiting' });
      expect(logged('connection.needs-attention')).toMatchObject([
        { level: 'error', connectionId: troubled.connection, reason: 'opentrain_forbidden' },
      ]);
      expect(worker.demo.membersOf(other.project)).toHaveLength(1);

      await mendIt(troubled);
      expect(await worker.run([waiting])).toEqual({ [waiting.messageId]: 'acknowledged' });
      expect((await connectionOf(troubled.connection)).attention).toBeUndefined();
      expect(worker.demo.membersOf(troubled.project)).toHaveLength(1);
    },
  );

  test.each([
    ['its trainer', [], 'waiting_for_consent'],
    ['nobody', ['data.freelancer'], 'trainer_unclear'],
  ])(
    '403 because the token lacks participants:read: the delivery, which names %s, is parked, and nothing waits',
    async (_, left, reason) => {
      const poor = await customer(`without-scope-${reason.replaceAll('_', '-')}`, [
        'contracts:read',
        'project-links:read',
        'webhooks:manage',
      ]);
      const record = poor.delivery(...left);
      expect(await fateAmongOthers(record)).toBe('acknowledged');
      expect(await worker.recordOf(record.messageId, poor.connection)).toMatchObject({ status: 'parked', reason });
      expect((await connectionOf(poor.connection)).attention).toBeUndefined();
      expect(worker.demo.membersOf(poor.project)).toEqual([]);
    },
  );

  test('a connection without a stored token is the same', async () => {
    const event = without(contractStarted(newHire()), 'data.freelancer');
    const record = queuedDelivery({ connection: 'tokenless', event });
    expect(await fateAmongOthers(record)).toBe(2);
    expect((await connectionOf('tokenless')).attention).toBe('opentrain_forbidden');
  });

  test('an end that names no link ends what is known before it asks, and is retried for the rest', async () => {
    const hire = newHire();
    await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
    const ended = queuedDelivery({ event: without(contractEnded(hire), 'data.projectLink') });
    const opentrainFetch = async () => new Response('{}', { status: 403 });
    onTestFinished(() => worker.store.connections.clearAttention('acme' as ConnectionId, 1));
    expect(await fateAmongOthers(ended, { opentrainFetch })).toBe(2);
    expect(worker.demo.membersOf(hire.project)).toEqual([]);
    expect((await grantOf(hire))?.state).toBe('ended');

    expect(await worker.run([ended]), 'once OpenTrain answers').toEqual({ [ended.messageId]: 'acknowledged' });
    expect(await worker.recordOf(ended.messageId)).toMatchObject({ status: 'done', reason: 'offboarded' });
  });

  test('a delivery that needs no answer of OpenTrain goes on, and does not make the connection well', async () => {
    const connection = 'half-well';
    await worker.store.connections.markAttention(connection as ConnectionId, 'opentrain_forbidden', 1);
    const hire = newHire();
    const record = queuedDelivery({ connection, event: contractStarted(hire) });
    expect(await fateAmongOthers(record)).toBe('acknowledged');
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
    expect((await connectionOf(connection)).attention).toBe('opentrain_forbidden');
  });
});

describe('no event record in the body, a schema that makes no sense: parked at once with the reason', () => {
  test.each([
    ['not JSON', 'hello', 'not_json'],
    ['nothing', '', 'not_json'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'not_json'],
    ['null', 'null', 'not_an_event'],
    ['a list', '[]', 'not_an_event'],
    ['no id', '{"type":"contract.started"}', 'not_an_event'],
    ['no type', '{"id":"1"}', 'not_an_event'],
    ['an id that is a number', '{"id":1,"type":"contract.started"}', 'not_an_event'],
    ['a type that is an object', '{"id":"1","type":{}}', 'not_an_event'],
    ['an empty id', '{"id":"","type":"contract.started"}', 'not_an_event'],
  ])('%s', async (_, event, reason) => {
    const record = queuedDelivery({ event });
    expect(await fateAmongOthers(record)).toBe('acknowledged');
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'parked', reason, attempts: 1 });
    expect(logged('delivery.parked')).toMatchObject([{ level: 'warn', reason }]);
  });

  test.each([
    ['a contract event without a contract', 'contract.started', 'no_contract'],
    ['a contract event without a contract', 'contract.ended', 'no_contract'],
    ['a link event without a link', 'project_link.created', 'no_link'],
    ['a link event without a link', 'project_link.removed', 'no_link'],
    ['a revocation without an install', 'install.revoked', 'no_install'],
    ['a budget event without a contract', 'milestone.budget_low', 'no_contract'],
  ])('%s: %s', async (_, type, reason) => {
    const record = queuedDelivery({ event: { id: '7', type, data: {} } });
    expect(await fateAmongOthers(record)).toBe('acknowledged');
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'parked', reason });
  });
});

describe('needs a person', () => {
  const steps = ['Open the organisation in the platform.', 'Restore member 42 there.'];
  const refusing = fakeWorkspace({
    ensureAccess: async () => {
      throw new NeedsPersonError('The platform cannot take a person back.', { steps });
    },
  });

  test('the grant is parked as action_required with the exact steps, and an error in the log raises the alarm', async () => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    expect(await fateAmongOthers(record, { workspace: refusing })).toBe('acknowledged');
    expect(await grantOf(hire)).toMatchObject({ state: 'parked', reason: 'action_required', steps });
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'parked', reason: 'action_required' });
    expect(logged('delivery.parked')).toMatchObject([{ level: 'error', reason: 'action_required' }]);
  });

  test('once the person has helped, a redelivery completes it', async () => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    await worker.run([record], { workspace: refusing });
    await worker.run([record]);
    expect(worker.demo.membersOf(hire.project)).toEqual([hire.workEmail]);
    const grant = await grantOf(hire);
    expect(grant).toMatchObject({ state: 'open' });
    expect([grant?.reason, grant?.steps]).toEqual([undefined, undefined]);
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'done', reason: 'provisioned' });
  });

  test('a contract that ends while it waits is over: nobody is let in later', async () => {
    const hire = newHire();
    const record = queuedDelivery({ event: contractStarted(hire) });
    await worker.run([record], { workspace: refusing });
    await worker.run([queuedDelivery({ event: contractEnded(hire) })]);
    await worker.run([record]);
    expect(await grantOf(hire)).toMatchObject({ state: 'ended' });
    expect(worker.demo.membersOf(hire.project)).toEqual([]);
  });

  test('to take a trainer out: the delivery is parked with the exact steps, and the alarm is raised', async () => {
    const hire = newHire();
    await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
    const stuck = fakeWorkspace({
      revokeAccess: async () => {
        throw new NeedsPersonError('The platform removes nobody by its API.', { steps });
      },
    });
    const ended = queuedDelivery({ event: contractEnded(hire) });
    expect(await fateAmongOthers(ended, { workspace: stuck })).toBe('acknowledged');
    expect(await grantOf(hire)).toMatchObject({ state: 'ended' });
    expect(await worker.recordOf(ended.messageId)).toMatchObject({
      status: 'parked',
      reason: 'action_required',
      steps,
    });
    expect(logged('delivery.parked')).toMatchObject([{ level: 'error', reason: 'action_required' }]);
  });
});

describe('anything else: retried, never acknowledged', () => {
  class NeverSeenBefore extends Error {
    readonly surprise = true;
  }
  const surprising = (thrown: unknown) =>
    fakeWorkspace({
      ensureAccess: async () => {
        throw thrown;
      },
    });

  test.each([
    ['an error type that the code has never seen', new NeverSeenBefore('surprise')],
    ['an error without a message', new NeverSeenBefore()],
    ['an error that is its own cause', bitingItsTail()],
    ['a string', 'surprise'],
    ['undefined', undefined],
    ['null', null],
    ['an object without a prototype', Object.create(null)],
  ])('%s', async (_, thrown) => {
    const record = queuedDelivery({ event: contractStarted(newHire()) });
    expect(await fateAmongOthers(record, { workspace: surprising(thrown) })).toBe(2);
    expect(await worker.recordOf(record.messageId)).toMatchObject({ status: 'waiting', reason: 'unforeseen' });
    expect(logged('delivery.retried')).toMatchObject([{ level: 'error', reason: 'unforeseen' }]);
  });

  test('a refusal for good by the workspace is retried, too: no event is thrown away on one word', async () => {
    worker.demo.respondNext(422);
    const record = queuedDelivery({ event: contractStarted(newHire()) });
    expect(await fateAmongOthers(record)).toBe(2);
  });

  test('a message that is not an envelope is retried, not acknowledged, and costs no request', async () => {
    const before = worker.requests.count;
    const records = [
      '',
      'hello',
      '{}',
      'null',
      '{"version":2}',
      packedDelivery({ connection: '../acme', event: {} }),
    ].map((body, index) => queuedMessage(body, { messageId: `unreadable-${index}`, receives: 2 }));
    const fates = await worker.run(records);
    expect(Object.values(fates)).toEqual(records.map(() => 4));
    expect(worker.requests.count).toBe(before);
    expect(logged('message.unreadable')).toHaveLength(records.length);
    expect(worker.lines.every(({ level }) => level === 'error')).toBe(true);
  });

  test('after the last attempt it goes to the dead-letter queue as it came', async () => {
    const stubborn = await startWorker({ maxReceives: 2 });
    onTestFinished(() => stubborn.close());
    const handler = stubborn.handlerFor({ workspace: surprising(new NeverSeenBefore('surprise')) });
    const poison = packedDelivery({ delivery: 'poison', event: contractStarted(newHire()) });
    const harmless = packedDelivery({ delivery: 'harmless', event: milestoneEvent('milestone.funded', 'contract-1') });
    await stubborn.queue.send(poison, 'acme');
    await stubborn.queue.send('not an envelope', 'acme');
    await stubborn.queue.send(harmless, 'acme');
    await pumpUntilEmpty(stubborn, handler);

    const receive = new ReceiveMessageCommand({
      QueueUrl: stubborn.emulators.deadLetterQueueUrl,
      MaxNumberOfMessages: 10,
    });
    const { Messages = [] } = await sqsClient(stubborn.emulators).send(receive);
    expect(Messages.map(({ Body }) => Body).sort()).toEqual(['not an envelope', poison].sort());
    expect(await stubborn.recordOf('poison')).toMatchObject({ status: 'waiting', attempts: 2 });
    expect(await stubborn.recordOf('harmless')).toMatchObject({ status: 'done' });
  });
});

describe('a batch', () => {
  test('hands back only what failed: the rest of it is not done twice', async () => {
    const hires = [newHire(), newHire(), newHire()];
    const deliveries = hires.map((hire, index) =>
      packedDelivery({ delivery: `partial-${index}`, event: contractStarted(hire) }),
    );
    worker.demo.respondNext(503);
    const before = worker.demo.requests.count;
    for (const body of deliveries) await worker.queue.send(body, 'acme');
    await pumpUntilEmpty(worker, worker.handlerFor());
    expect(hires.map(({ project }) => worker.demo.membersOf(project).length)).toEqual([1, 1, 1]);
    expect(worker.demo.requests.count - before, 'three, and one of them twice').toBe(4);
    const attempts = await Promise.all([0, 1, 2].map((index) => worker.recordOf(`partial-${index}`)));
    expect(attempts.map((record) => record?.attempts).sort()).toEqual([1, 1, 2]);
  });

  test('is worked off by five at a time, never more', async () => {
    let inside = 0;
    let most = 0;
    const five = gate();
    const workspace = fakeWorkspace({
      async ensureAccess() {
        inside += 1;
        most = Math.max(most, inside);
        if (inside === 5) setTimeout(five.open, 50);
        await five.opened;
        inside -= 1;
        return {};
      },
    });
    const records = Array.from({ length: 10 }, () => queuedDelivery({ event: contractStarted(newHire()) }));
    const fates = await worker.run(records, { workspace });
    expect(Object.values(fates)).toEqual(records.map(() => 'acknowledged'));
    expect(most).toBe(5);
  });

  test('with one slow and one poisonous message in it: the others are done meanwhile', async () => {
    const slow = newHire({ trainer: 'slow' });
    const poisonous = newHire({ trainer: 'poisonous' });
    const others = Array.from({ length: 7 }, () => newHire());
    const othersIn = gate();
    let waitedFor = others.length;
    const workspace = fakeWorkspace({
      async ensureAccess({ opentrainUserId }) {
        if (opentrainUserId === 'poisonous') throw new Error('surprise');
        // Were it in the others' way, this would never end.
        if (opentrainUserId === 'slow') await othersIn.opened;
        else if (--waitedFor === 0) othersIn.open();
        return {};
      },
    });
    const events = [slow, poisonous, ...others].map((hire) => queuedDelivery({ event: contractStarted(hire) }));
    const unreadable = queuedMessage('not an envelope');
    const fates = await worker.run([...events, unreadable], { workspace });
    expect(Object.values(fates)).toEqual(['acknowledged', 2, ...others.map(() => 'acknowledged'), 2]);
  });

  test('whose time runs out: what was begun is retried, what was not is handed back at once and untouched', async () => {
    const workspace = fakeWorkspace({
      ensureAccess: (_trainer, _project, signal) =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    });
    const records = Array.from({ length: 7 }, () => queuedDelivery({ event: contractStarted(newHire()) }));
    // The worker keeps five seconds back for its notes.
    const fates = await worker.run(records, { workspace, remaining: 5_400 });
    expect(Object.values(fates)).toEqual([2, 2, 2, 2, 2, 1, 1]);
    const retried = logged('delivery.retried').map(({ level, reason }) => `${level}: ${reason}`);
    expect(retried).toEqual(Array(5).fill('warn: out_of_time'));
    const notes = await Promise.all(records.map(({ messageId }) => worker.recordOf(messageId)));
    expect(notes, 'with no time left, no request is spent on a note').toEqual(records.map(() => undefined));
  });

  test('that comes when no time is left is handed back without a single request', async () => {
    const before = worker.requests.count;
    const records = Array.from({ length: 3 }, () => queuedDelivery({ event: contractStarted(newHire()) }));
    const fates = await worker.run(records, { remaining: 5_000 });
    expect(Object.values(fates)).toEqual([1, 1, 1]);
    expect(worker.requests.count).toBe(before);
  });

  test('whose back-off cannot be set is handed back all the same: the queue brings it back in its own time', async () => {
    const handler = worker.handlerFor();
    worker.demo.respondNext(503);
    const record = queuedDelivery({ event: contractStarted(newHire()) });
    // The queue does not know this receipt handle.
    const { batchItemFailures } = await handler({ Records: [record] }, { getRemainingTimeInMillis: () => 60_000 });
    expect(batchItemFailures).toEqual([{ itemIdentifier: record.messageId }]);
    expect(logged('message.back-off-failed')).toMatchObject([{ level: 'warn' }]);
  });
});

describe('project_link.removed with a longer list than one attempt gets through', () => {
  /** Besides the five that the worker keeps back for its notes. */
  const ONE_SECOND = 6_000;
  const untilTimeIsOver = (signal: AbortSignal | undefined) =>
    new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

  /** A link with so many trainers in its project, and its removal. */
  async function removalOf(trainers: number) {
    const { link, project } = newHire();
    const hires = Array.from({ length: trainers }, () => newHire({ link, project }));
    for (const hire of hires) await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
    const [first = newHire()] = hires;
    const removed = queuedDelivery({ event: linkEvent('project_link.removed', first) });
    return { removed, project, trainers: hires.map(({ trainer }) => trainer).sort() };
  }

  test('gets on with every attempt: whoever is out already is not called for again', async () => {
    const { removed, trainers } = await removalOf(6);
    const out: unknown[] = [];
    const attempts: number[] = [];
    const twoAtMost = () => {
      let calls = 0;
      return fakeWorkspace({
        async revokeAccess({ opentrainUserId }, _project, signal) {
          calls += 1;
          if (calls > 2) await untilTimeIsOver(signal);
          out.push(opentrainUserId);
        },
      });
    };
    let fate: unknown;
    while (fate !== 'acknowledged' && attempts.length < 10) {
      fate = (await worker.run([removed], { workspace: twoAtMost(), remaining: ONE_SECOND }))[removed.messageId];
      attempts.push(out.length);
    }
    expect(attempts, 'how many are out after each').toEqual([2, 4, 6]);
    expect(out.toSorted(), 'each of them once').toEqual(trainers);
    expect(await worker.recordOf(removed.messageId)).toMatchObject({ status: 'done', reason: 'offboarded' });
  });

  test('one that takes all the time there is keeps nobody else in', async () => {
    const { removed, trainers } = await removalOf(4);
    const [stuck, ...others] = trainers;
    const out: unknown[] = [];
    const workspace = fakeWorkspace({
      async revokeAccess({ opentrainUserId }, _project, signal) {
        if (opentrainUserId === stuck) await untilTimeIsOver(signal);
        out.push(opentrainUserId);
      },
    });
    for (const _attempt of [1, 2]) {
      expect(await worker.run([removed], { workspace, remaining: ONE_SECOND })).toEqual({ [removed.messageId]: 2 });
    }
    expect(out.toSorted()).toEqual(others);
  });

  test('after trouble with some of it calls for those alone', async () => {
    const { removed, project, trainers } = await removalOf(5);
    worker.demo.respondNext(503, {}, 2);
    const before = worker.demo.requests.count;
    expect(await fateAmongOthers(removed)).toBe(2);
    expect(worker.demo.membersOf(project)).toHaveLength(2);
    expect(worker.demo.requests.count - before).toBe(trainers.length);
    expect(await worker.run([removed])).toEqual({ [removed.messageId]: 'acknowledged' });
    expect(worker.demo.membersOf(project)).toEqual([]);
    expect(worker.demo.requests.count - before - trainers.length).toBe(2);
  });
});

test('the table is away: nothing is acknowledged', async () => {
  const broken = await startWorker();
  onTestFinished(() => broken.close());
  const record = queuedDelivery({ event: contractStarted(newHire()) });
  const nonsense = queuedDelivery({ event: 'hello' });
  await broken.emulators.close();
  expect(await broken.run([record, nonsense])).toEqual({ [record.messageId]: 2, [nonsense.messageId]: 2 });
});

test('what a trainer is known by in the seat is theirs alone: two trainers of one project do not meet', async () => {
  const [maria, joao] = [newHire({ project: 'shared' }), newHire({ project: 'shared' })];
  await worker.run([maria, joao].map((hire) => queuedDelivery({ event: contractStarted(hire) })));
  await worker.run([queuedDelivery({ event: contractEnded(maria) })]);
  expect(worker.demo.membersOf('shared')).toEqual([joao.workEmail]);
  expect((await seatOf(joao))?.openGrants).toEqual(new Set([`acme/${joao.contract}/${joao.link}`]));
});

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

function bitingItsTail(): Error {
  const error = new Error('surprise');
  error.cause = error;
  return error;
}

/** Plays Lambda over the worker's real queue until it is empty. */
async function pumpUntilEmpty({ emulators }: Worker, handler: WorkerHandler): Promise<void> {
  const sqs = sqsClient(emulators);
  const pump = startQueuePump({ sqs, queueUrl: emulators.environment.QUEUE_URL, handler, logger: silentLogger });
  await pump.idle();
  await pump.stop();
}
