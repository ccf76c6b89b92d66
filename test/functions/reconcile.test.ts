import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReconcileHandler, type ReconcileHandlerParts } from '../../functions/reconcile/handler.ts';
import { readReconcileSettings } from '../../functions/reconcile/settings.ts';
import type { QueueMessage } from '../../shared/aws/queue.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import type { ConnectionJob } from '../../shared/jobs/connection-job.ts';
import type { Store } from '../../shared/store/store.ts';
import { type ReconcileFaults, reconcileParts } from '../support/reconcile.ts';
import { queuedMessage, sqsEvent } from '../support/sqs-event.ts';
import { type Story, startStory } from '../support/story.ts';

const MINUTE = 60_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

interface HandlerFaults extends ReconcileFaults {
  /** Milliseconds that are left of the function's time. @default 300000 */
  readonly remaining?: number;
  readonly setVisibility?: () => Promise<void>;
}

/** The handler over the story's parts, its queue a list. */
function startHandler({ remaining = 300_000, setVisibility = async () => {}, ...faults }: HandlerFaults = {}) {
  const sent: QueueMessage[] = [];
  const waits: number[] = [];
  const { parts, lines } = reconcileParts(story, faults);
  const queue: ReconcileHandlerParts['queue'] = {
    async send(body, group) {
      sent.push({ body, group });
    },
    async sendAll(messages) {
      sent.push(...messages);
    },
    async setVisibility(_, seconds) {
      await setVisibility();
      waits.push(seconds);
    },
  };
  const backOff = { baseSeconds: 4, capSeconds: 900 };
  const handler = createReconcileHandler({ ...parts, queue, backOff, random: () => 0.5, intervalMinutes: 30 });
  const context = { getRemainingTimeInMillis: () => remaining };
  return {
    sent,
    lines,
    plan: (scheduledTime: string) => handler({ source: 'schedule', scheduledTime }, context),
    /** Hands over one message. @returns `acknowledged`, or after how many seconds it comes back */
    async work(body: string | ConnectionJob, receives = 1) {
      waits.length = 0;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const { batchItemFailures } = await handler(sqsEvent([queuedMessage(text, { receives })]), context);
      if (batchItemFailures.length === 0) return 'acknowledged';
      expect(batchItemFailures).toEqual([{ itemIdentifier: 'message-1' }]);
      return waits[0] ?? 'when the queue likes';
    },
  };
}

const jobOf = (connectionId: ConnectionId, age = 0): ConnectionJob => ({
  connectionId,
  runId: 'reconcile-1',
  plannedAt: story.opentrain.clock.now() - age,
});

test('the schedule plans a run: a message for every connection, disconnected ones too', async () => {
  const [one, other] = [await story.newCustomer(), await story.newCustomer()];
  await story.store.connections.disconnectByOperator(other.id, { gone: true }, story.opentrain.clock.now());
  const { plan, sent, lines } = startHandler();
  expect(await plan('2026-11-21T05:30:00Z')).toEqual({ batchItemFailures: [] });
  const jobs = sent.map(({ body }) => JSON.parse(body) as ConnectionJob);
  expect(jobs.map(({ connectionId }) => connectionId)).toEqual(expect.arrayContaining([one.id, other.id]));
  expect(sent.map(({ group }) => group)).toEqual(jobs.map(({ connectionId }) => connectionId));
  expect(new Set(jobs.map(({ runId }) => runId))).toEqual(new Set(['reconcile-2026-11-21T05:30:00Z']));
  expect(lines).toContainEqual(expect.objectContaining({ event: 'reconcile.planned', count: jobs.length }));
});

describe('a message', () => {
  test('is one connection’s: it is reconciled under the name of the run, and acknowledged', async () => {
    const { customer, project, workEmail } = await story.newHire();
    expect(await startHandler().work(jobOf(customer.id))).toBe('acknowledged');
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await story.store.reconciliations.get(customer.id)).toMatchObject({ runId: 'reconcile-1', checked: 1 });
  });

  test('tells the workspace which run its calls are made for', async () => {
    const { customer } = await story.newHire();
    const before = story.workspace.requests.log.length;
    await startHandler().work(jobOf(customer.id));
    const calls = story.workspace.requests.log.slice(before);
    expect(calls.map(({ operationId }) => operationId)).toContain('putMember');
    expect(new Set(calls.map(({ correlationId }) => correlationId))).toEqual(new Set(['reconcile-1']));
  });

  test.each(['{', '{"source":"schedule"}', '{"connectionId":"No Such","runId":"r","plannedAt":1}'])(
    'that says %s goes back, to the dead-letter queue in the end',
    async (body) => {
      const { work, lines } = startHandler();
      expect(await work(body)).toBe(2);
      expect(lines).toEqual([
        expect.objectContaining({ level: 'error', event: 'reconcile.job-unreadable', attempt: 1 }),
      ]);
    },
  );

  test('that comes back when its successor is there already is acknowledged without a call', async () => {
    const { customer, project } = await story.newHire();
    const { work, lines } = startHandler({ store: away });
    expect(await work(jobOf(customer.id, 31 * MINUTE), 2)).toBe('acknowledged');
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', event: 'reconcile.superseded', attempt: 2 })]);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('that comes to nothing tells for how long the connection has been behind, its successor’s turn included', async () => {
    const { customer } = await story.newHire();
    await startHandler().work(jobOf(customer.id));
    await story.opentrain.clock.advance(7 * 60 * MINUTE);
    const opentrainFetch: typeof fetch = async () => Response.json({}, { status: 503 });
    const { work, lines } = startHandler({ opentrainFetch });
    await work(jobOf(customer.id));
    await work(jobOf(customer.id, 31 * MINUTE), 2);
    const about = { level: 'warn', connectionId: customer.id, lagSeconds: 7 * 3600 };
    expect(lines).toEqual([
      expect.objectContaining({ event: 'reconcile.connection-unfinished' }),
      expect.objectContaining({ event: 'reconcile.failed', ...about }),
      expect.objectContaining({ event: 'reconcile.superseded', ...about }),
    ]);
  });

  test.each([
    { title: 'only waited long', age: 31 * MINUTE, receives: 1 },
    { title: 'comes back within the interval', age: 29 * MINUTE, receives: 2 },
  ])('that $title is worked off', async ({ age, receives }) => {
    const { customer, project } = await story.newHire();
    expect(await startHandler().work(jobOf(customer.id, age), receives)).toBe('acknowledged');
    expect(story.membersOf(project)).toHaveLength(1);
  });
});

describe('what becomes of a message', () => {
  const answering =
    (status: number, headers = {}): typeof fetch =>
    async () =>
      Response.json({ error: 'no', code: 'NO', requestId: 'r' }, { status, headers });

  test.each<{ title: string; faults: HandlerFaults; receives?: number; fate: string | number; level: string }>([
    {
      title: 'OpenTrain is in a hurry',
      faults: { opentrainFetch: answering(429, { 'retry-after': '40' }) },
      fate: 42,
      level: 'warn',
    },
    {
      title: 'OpenTrain is away, the third time',
      faults: { opentrainFetch: answering(503) },
      receives: 3,
      fate: 8,
      level: 'warn',
    },
    {
      title: 'OpenTrain answers what nobody foresaw',
      faults: { opentrainFetch: answering(418) },
      fate: 2,
      level: 'error',
    },
    { title: 'the table is away', faults: { store: away }, fate: 2, level: 'error' },
    { title: 'the function has no time left', faults: { remaining: 10_000 }, fate: 1, level: 'warn' },
  ])('$title: it comes back', async ({ faults, receives, fate, level }) => {
    const { customer } = await story.newHire();
    const { work, lines } = startHandler(faults);
    expect(await work(jobOf(customer.id), receives)).toBe(fate);
    expect(lines.at(-1)).toMatchObject({ level, event: 'reconcile.failed', connectionId: customer.id });
  });

  test('the workspace is in a hurry: it comes back when that may be asked again, with what was done noted', async () => {
    const { customer } = await story.newHire();
    story.workspace.rateLimit({ calls: 0, perSeconds: 30 });
    expect(await startHandler().work(jobOf(customer.id))).toBe(32);
    story.workspace.rateLimit(null);
    expect(await story.store.reconciliations.get(customer.id)).toMatchObject({ failed: 1, outcome: 'busy' });
  });

  test('OpenTrain refuses: it is acknowledged, for a person must look and the next run asks again', async () => {
    const { customer } = await story.newHire();
    expect(await startHandler({ opentrainFetch: answering(403) }).work(jobOf(customer.id))).toBe('acknowledged');
    expect((await customer.connection()).attention).toBe('opentrain_forbidden');
  });

  test('it cannot be put back in time: the queue brings it back by itself', async () => {
    const { customer } = await story.newHire();
    const setVisibility = async () => {
      throw new Error('SQS is away.');
    };
    const { work, lines } = startHandler({ opentrainFetch: answering(503), setVisibility });
    expect(await work(jobOf(customer.id))).toBe('when the queue likes');
    expect(lines.at(-1)).toMatchObject({ level: 'warn', event: 'message.back-off-failed' });
  });

  test('one connection’s trouble holds up no other', async () => {
    const [sick, well] = [await story.newHire(), await story.newHire()];
    await story.connector.parameters.put(story.connector.names.token(sick.customer.id), 'ot_ptk_of_nobody');
    await story.connector.reconcile();
    expect(story.membersOf(well.project)).toEqual([well.workEmail]);
    expect(await story.store.reconciliations.get(sick.customer.id)).toMatchObject({ outcome: 'refused' });
  });
});

describe('the settings', () => {
  const environment = {
    TABLE_NAME: 'table',
    CREDENTIALS_PATH: '/opentrain/test',
    OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
    WORKSPACE: 'http',
    WORKSPACE_URL: 'https://workspace.example',
    RECONCILE_QUEUE_URL: 'https://sqs.example/queue',
    WEBHOOK_BASE_URL: 'https://api.example/',
  };

  test('have a run every half hour and a grace of a day, unless they say otherwise', () => {
    expect(readReconcileSettings(environment)).toMatchObject({
      intervalMinutes: 30,
      graceHours: 24,
      keepAfterUnlink: false,
      webhookBaseUrl: 'https://api.example',
    });
    const given = { RECONCILE_MINUTES: '60', GRACE_HOURS: '0', KEEP_AFTER_UNLINK: 'true' };
    expect(readReconcileSettings({ ...environment, ...given })).toMatchObject({
      intervalMinutes: 60,
      graceHours: 0,
      keepAfterUnlink: true,
    });
  });

  test.each([
    { RECONCILE_QUEUE_URL: '' },
    { WEBHOOK_BASE_URL: 'nowhere' },
    { GRACE_HOURS: '-1' },
    { RECONCILE_MINUTES: '0' },
  ])('refuse %j', (wrong) => {
    expect(() => readReconcileSettings({ ...environment, ...wrong })).toThrow(Object.keys(wrong)[0]);
  });
});

/** A store of which every part fails. */
function away(store: Store): Store {
  const connections: Store['connections'] = {
    ...store.connections,
    get: async () => {
      throw new Error('The table is away.');
    },
  };
  return { ...store, connections };
}
