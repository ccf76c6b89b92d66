import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createUsageHandler, type UsageHandlerParts } from '../../functions/usage/handler.ts';
import { readUsageSettings } from '../../functions/usage/settings.ts';
import type { QueueMessage } from '../../shared/aws/queue.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import type { ConnectionJob } from '../../shared/jobs/connection-job.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { CONTRACTS_AT_MOST } from '../../shared/usage/report-connection.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { queuedMessage, sqsEvent } from '../support/sqs-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { type UsageFaults, usageParts } from '../support/usage.ts';
import {
  dateOf,
  HOUR,
  MINUTE,
  refusal,
  type SentReport,
  type UsageStory,
  usageStory,
  watchReports,
} from '../support/usage-story.ts';

let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

interface HandlerFaults extends UsageFaults {
  /** Milliseconds that are left of the function's time. @default 300000 */
  readonly remaining?: number;
  readonly setVisibility?: () => Promise<void>;
}

/** The handler over the story's parts, its queue a list. */
async function startHandler({ remaining = 300_000, ...faults }: HandlerFaults = {}) {
  const sent: QueueMessage[] = [];
  const waits: number[] = [];
  const batches: number[] = [];
  const { parts, lines } = await usageParts(story, faults);
  const queue: UsageHandlerParts['queue'] = {
    async send(body, group) {
      sent.push({ body, group });
    },
    async sendAll(messages) {
      if (messages.length > 0) batches.push(messages.length);
      sent.push(...messages);
    },
    async setVisibility(_, seconds) {
      await faults.setVisibility?.();
      waits.push(seconds);
    },
  };
  const backOff = { baseSeconds: 4, capSeconds: 900 };
  const rest = { queue, lookBackDays: 3, intervalMinutes: 60, backOff, random: () => 0.5 };
  const handler = createUsageHandler({ ...parts, ...rest });
  const context = { getRemainingTimeInMillis: () => remaining };
  return {
    sent,
    batches,
    lines,
    plan: (scheduledTime?: string) =>
      handler({ source: 'schedule', ...(scheduledTime === undefined ? {} : { scheduledTime }) }, context),
    /** Hands over one message. @returns `acknowledged`, or after how many seconds it comes back */
    async work(body: string | ConnectionJob, receives = 1) {
      waits.length = 0;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const { batchItemFailures } = await handler(sqsEvent([queuedMessage(text, { receives })]), context);
      if (batchItemFailures.length === 0) return 'acknowledged';
      expect(batchItemFailures).toEqual([{ itemIdentifier: 'message-1' }]);
      return waits[0];
    },
  };
}

const jobOf = (connectionId: ConnectionId, plannedAt = days.now()): ConnectionJob => ({
  connectionId,
  runId: 'usage-1',
  plannedAt,
});

/** A customer whose trainer worked for ten minutes. */
async function atWork() {
  await days.nextDayAt(9);
  const hire = await days.hireFor(0);
  await days.advanceTo(days.now() + 2 * HOUR);
  hire.work(days.now() - HOUR, 600);
  return { ...hire, seconds: () => Object.values(days.reported(hire.contract))[0] };
}

describe('the schedule', () => {
  test('plans a run: a message for every connection there is, ten a request', async () => {
    const ids = Array.from({ length: 23 }, () => story.unique('planned') as ConnectionId);
    for (const id of ids) await story.store.connections.connect({ id, workspaceId: DEFAULT_WORKSPACE }, days.now());
    await story.store.connections.disconnectByOperator(ids[0] as ConnectionId, { gone: true }, days.now());
    const { plan, sent, batches, lines } = await startHandler();
    expect(await plan('2026-11-21T05:00:00Z')).toEqual({ batchItemFailures: [] });
    const jobs = sent.map(({ body }) => JSON.parse(body) as ConnectionJob);
    expect(jobs.map(({ connectionId }) => connectionId)).toEqual(expect.arrayContaining(ids));
    expect(new Set(jobs.map(({ connectionId }) => connectionId)).size).toBe(jobs.length);
    expect(sent.map(({ group }) => group)).toEqual(jobs.map(({ connectionId }) => connectionId));
    expect(new Set(jobs.map(({ runId }) => runId))).toEqual(new Set(['usage-2026-11-21T05:00:00Z']));
    expect(Math.max(...batches)).toBe(10);
    expect(lines).toContainEqual(expect.objectContaining({ event: 'usage.planned', count: jobs.length }));
  });

  test('names its run by the time when no schedule told when it was due', async () => {
    const { plan, sent } = await startHandler();
    await plan('<aws.scheduler.scheduled-time>');
    await plan();
    for (const { body } of sent)
      expect((JSON.parse(body) as ConnectionJob).runId).toMatch(/^usage-\d{4}-\d\d-\d\dT[\d:]{8}Z$/);
    expect(sent.length).toBeGreaterThan(0);
  });

  test('twice for one run does no harm: through the queue, both reach every connection, and nothing counts twice', async () => {
    const one = await atWork();
    const other = await atWork();
    await Promise.all([story.connector.reportUsage(), story.connector.reportUsage()]);
    expect([one.seconds(), other.seconds()]).toEqual([600, 600]);
    const reports = () =>
      story.opentrain.calls.filter(({ operationId }) => operationId === 'reportContractUsage').length;
    const before = reports();
    await story.connector.reportUsage();
    expect(reports()).toBe(before);
  });
});

describe('a message', () => {
  test('is one connection’s: its work is reported, and it is acknowledged', async () => {
    const { customer, seconds } = await atWork();
    const { work, lines } = await startHandler();
    expect(await work(jobOf(customer.id))).toBe('acknowledged');
    expect(seconds()).toBe(600);
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'usage.connection-done',
        connectionId: customer.id,
        runId: 'usage-1',
        count: 1,
        sent: 1,
      }),
    );
  });

  test.each<[string, string | object]>([
    ['no JSON', '{'],
    ['of another kind', { source: 'schedule' }],
    ['of a connection that cannot be one', { connectionId: 'No Such', runId: 'r', plannedAt: 1 }],
    ['without a time', { connectionId: 'acme', runId: 'r' }],
    ['of a part that cannot be one', { connectionId: 'acme', runId: 'r', plannedAt: 1, part: { index: 0, of: 1 } }],
  ])('that is %s goes back, to the dead-letter queue in the end', async (_, body) => {
    const { work, lines } = await startHandler();
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    expect(await work(text)).toBe(2);
    expect(await work(text, 5)).toBe(32);
    expect(lines[0]).toMatchObject({ level: 'error', event: 'usage.job-unreadable', attempt: 1 });
  });

  test('that comes back when its successor is there already is acknowledged without a call', async () => {
    const { customer } = await atWork();
    const { work, lines } = await startHandler({ store: () => unavailable() });
    const planned = days.now() - 61 * MINUTE;
    expect(await work(jobOf(customer.id, planned), 2)).toBe('acknowledged');
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'usage.superseded', attempt: 2 }));
  });

  test('that only waited long is worked off: nobody has tried it yet', async () => {
    const { customer, seconds } = await atWork();
    expect(await (await startHandler()).work(jobOf(customer.id, days.now() - 61 * MINUTE))).toBe('acknowledged');
    expect(seconds()).toBe(600);
  });

  test('that comes back within the interval is worked off', async () => {
    const { customer, seconds } = await atWork();
    expect(await (await startHandler()).work(jobOf(customer.id, days.now() - 59 * MINUTE), 2)).toBe('acknowledged');
    expect(seconds()).toBe(600);
  });

  test('of a connection that is disconnected is acknowledged, and nothing is reported', async () => {
    const { customer, seconds } = await atWork();
    await story.store.connections.disconnectByOperator(customer.id, { gone: true }, days.now());
    const { work, lines } = await startHandler();
    expect(await work(jobOf(customer.id))).toBe('acknowledged');
    expect(seconds()).toBeUndefined();
    expect(lines).toContainEqual(expect.objectContaining({ event: 'usage.disconnected', connectionId: customer.id }));
  });
});

describe('what becomes of a message', () => {
  const waits: {
    title: string;
    strike: (report: SentReport) => Response;
    fate: 'acknowledged' | number;
    receives?: number;
  }[] = [
    { title: '429 with Retry-After', strike: () => refusal(429, 'RATE_LIMITED', { 'retry-after': '40' }), fate: 42 },
    { title: '503, the third time', strike: () => refusal(503, 'INTERNAL_ERROR'), fate: 8, receives: 3 },
    {
      title: 'no connection',
      strike: () => {
        throw new TypeError('fetch failed');
      },
      fate: 2,
    },
    { title: '403, which the next run asks for again', strike: () => refusal(403, 'FORBIDDEN'), fate: 'acknowledged' },
    {
      title: '401, which the next run asks for again',
      strike: () => refusal(401, 'UNAUTHORIZED'),
      fate: 'acknowledged',
    },
    { title: '404', strike: () => refusal(404, 'NOT_FOUND'), fate: 'acknowledged' },
    { title: '409', strike: () => refusal(409, 'CONFLICT'), fate: 'acknowledged' },
    { title: '400', strike: () => refusal(400, 'BAD_REQUEST'), fate: 'acknowledged' },
    { title: 'what nobody foresaw', strike: () => refusal(418, 'TEAPOT'), fate: 2 },
  ];
  test.each(waits)('OpenTrain answers $title: $fate', async ({ strike, fate, receives = 1 }) => {
    const { customer } = await atWork();
    const { reports: _, ...faults } = watchReports(strike);
    const { work } = await startHandler(faults);
    expect(await work(jobOf(customer.id), receives)).toBe(fate);
  });

  test('one connection’s trouble is its own', async () => {
    const troubled = await atWork();
    const other = await atWork();
    const { reports: _, ...faults } = watchReports(({ contractId }) =>
      contractId === troubled.contract.id ? refusal(503, 'INTERNAL_ERROR') : undefined,
    );
    const { work } = await startHandler(faults);
    expect(await work(jobOf(troubled.customer.id))).toBe(2);
    expect(await work(jobOf(other.customer.id))).toBe('acknowledged');
    expect([troubled.seconds(), other.seconds()]).toEqual([undefined, 600]);
  });

  test('the workspace is away', async () => {
    const { customer } = await atWork();
    story.workspace.outage(true);
    expect(await (await startHandler()).work(jobOf(customer.id))).toBe(2);
    story.workspace.outage(false);
  });

  test('the table is away', async () => {
    const { customer } = await atWork();
    const { work, lines } = await startHandler({ store: () => unavailable() });
    expect(await work(jobOf(customer.id))).toBe(2);
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        event: 'usage.failed',
        connectionId: customer.id,
        reason: 'unforeseen',
      }),
    );
  });

  test('no time is left to begin: it comes back at once, and nothing was called', async () => {
    const { customer, seconds } = await atWork();
    const { reports, ...faults } = watchReports();
    expect(await (await startHandler({ ...faults, remaining: 15_000 })).work(jobOf(customer.id))).toBe(1);
    expect(reports).toEqual([]);
    expect(seconds()).toBeUndefined();
  });

  test('its back-off cannot be set: the queue’s visibility timeout brings it back', async () => {
    const { customer } = await atWork();
    const { reports: _, ...faults } = watchReports(() => refusal(503, 'INTERNAL_ERROR'));
    const setVisibility = async () => {
      throw new Error('The queue is away.');
    };
    const { work, lines } = await startHandler({ ...faults, setVisibility });
    expect(await work(jobOf(customer.id))).toBeUndefined();
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'message.back-off-failed' }));
  });
});

describe('more contracts than may be in memory at once', () => {
  /** So many contracts, with so many trainers, each of whom did as many seconds as the contract’s number tells. */
  async function crowd(count: number, trainers = count) {
    const connectionId = story.unique('crowd') as ConnectionId;
    await story.store.connections.connect({ id: connectionId, workspaceId: DEFAULT_WORKSPACE }, days.now());
    await story.connector.parameters.put(story.connector.names.token(connectionId), 'ot_ptk_crowd');
    const startDate = new Date(days.now() - 30 * 24 * HOUR).toISOString();
    const contracts = Array.from({ length: count }, (_, index) => ({
      contractId: `${connectionId}-${index}` as ContractId,
      trainerId: `user-${index % trainers}` as TrainerId,
      projectId: `project-${Math.floor(index / trainers)}` as ProjectId,
      seconds: index + 1,
    }));
    for (const { contractId, trainerId, projectId } of contracts) {
      const ref = { connectionId, contractId, linkId: 'link' as LinkId };
      const workEmail = `${trainerId}@opentrain.work` as WorkEmail;
      const details = { trainerId, workEmail, projectId, workspaceId: DEFAULT_WORKSPACE, startDate };
      await story.store.grants.open(ref, details, days.now());
    }
    const workDate = dateOf(days.now());
    const workspace: Partial<Workspace> = {
      async *dailyTotals({ project }) {
        for (const { trainerId, projectId, seconds } of contracts) {
          if (projectId !== project.projectId) continue;
          yield { member: { opentrainUserId: trainerId }, project, workDate, seconds };
        }
      },
    };
    const { reports, opentrainFetch } = watchReports(() => Response.json({ accepted: 1, budget: null }));
    const handler = await startHandler({ workspace, opentrainFetch });
    const expected = contracts.map(({ contractId, seconds }) => [contractId, seconds]).sort();
    const reported = () => reports.map(({ contractId, entries }) => [contractId, entries[0]?.totalSeconds]).sort();
    return { connectionId, handler, expected, reported };
  }

  test('are reported in parts, which have every contract exactly once', async () => {
    const { connectionId, handler, expected, reported } = await crowd(CONTRACTS_AT_MOST + 20);
    expect(await handler.work(jobOf(connectionId))).toBe('acknowledged');
    expect(reported()).toEqual([]);
    const parts = handler.sent.map(({ body }) => JSON.parse(body) as ConnectionJob);
    expect(parts.map(({ part }) => part)).toEqual([0, 1, 2].map((index) => ({ index, of: 3 })));
    expect(parts).toMatchObject(parts.map(() => ({ connectionId, runId: 'usage-1', plannedAt: parts[0]?.plannedAt })));

    for (const { body } of handler.sent.slice()) expect(await handler.work(body)).toBe('acknowledged');
    expect(reported()).toEqual(expected);
    expect(handler.sent.length, 'no part is divided again').toBe(3);
  }, 120_000);

  test('are done in one part where one trainer has them all: dividing again would never end', async () => {
    const { connectionId, handler, expected, reported } = await crowd(CONTRACTS_AT_MOST + 1, 1);
    await handler.work(jobOf(connectionId));
    const { length } = handler.sent;
    for (const { body } of handler.sent.slice()) expect(await handler.work(body)).toBe('acknowledged');
    expect(handler.sent.length).toBe(length);
    expect(reported()).toEqual(expected);
  }, 120_000);
});

describe('a run whose time is over', () => {
  test('goes on in a message of its own, which is dropped once the next run is due', async () => {
    await days.nextDayAt(9);
    const first = await days.hireFor(0);
    const { customer } = first;
    const hires: Pick<typeof first, 'contract' | 'work'>[] = [first];
    while (hires.length < 5) hires.push(await days.hireAnother(customer));
    await days.advanceTo(days.now() + 2 * HOUR);
    for (const { work } of hires) work(days.now() - HOUR, 600);
    const reported = () => hires.flatMap(({ contract }) => Object.values(days.reported(contract)));

    const read: string[] = [];
    const workspace: Partial<Workspace> = {
      async *dailyTotals(query, signal) {
        if (new Set([...read, query.project.projectId]).size > 3) {
          await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
          throw new Error('Nobody waits any more.');
        }
        read.push(query.project.projectId);
        yield* story.connector.workspace.dailyTotals(query, signal);
      },
    };
    const plannedAt = days.now();
    const short = await startHandler({ workspace, remaining: 15_000 + 1_000 });
    expect(await short.work(jobOf(customer.id, plannedAt))).toBe('acknowledged');
    expect(reported()).toEqual([600, 600, 600]);
    const [rest, ...others] = short.sent;
    expect(others).toEqual([]);
    const resume = { after: expect.any(Number), hasLeft: false, until: expect.any(Number) };
    expect(JSON.parse(rest?.body ?? '')).toMatchObject({ connectionId: customer.id, plannedAt, resume });

    const next = await startHandler();
    expect(await next.work(rest?.body ?? '')).toBe('acknowledged');
    expect(reported()).toEqual([600, 600, 600, 600, 600]);
    await story.opentrain.clock.advance(61 * MINUTE);
    expect(await next.work(rest?.body ?? '')).toBe('acknowledged');
    expect(next.lines.map(({ event }) => event)).toContain('usage.superseded');
  });
});

describe('the settings', () => {
  const environment = {
    TABLE_NAME: 'table',
    USAGE_QUEUE_URL: 'https://sqs.example.com/usage',
    CREDENTIALS_PATH: '/opentrain/test',
    OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
    WORKSPACE: 'http',
    WORKSPACE_URL: 'https://platform.example.com/opentrain',
  };

  test('look three days back and come every hour unless the stack says otherwise', () => {
    expect(readUsageSettings(environment)).toMatchObject({ lookBackDays: 3, intervalMinutes: 60 });
    const given = { ...environment, USAGE_LOOK_BACK_DAYS: '7', USAGE_INTERVAL_MINUTES: '1440' };
    expect(readUsageSettings(given)).toMatchObject({ lookBackDays: 7, intervalMinutes: 1_440 });
  });

  test.each([
    { USAGE_LOOK_BACK_DAYS: '0' },
    { USAGE_LOOK_BACK_DAYS: '31' },
    { USAGE_INTERVAL_MINUTES: 'hourly' },
    { USAGE_QUEUE_URL: '' },
  ])('%o is refused', (given) => {
    expect(() => readUsageSettings({ ...environment, ...given })).toThrow(Object.keys(given)[0]);
  });
});

/** A table of which nothing comes back. */
function unavailable(): never {
  return new Proxy(
    {},
    {
      get: () =>
        new Proxy(
          {},
          {
            get: () => async () => {
              throw new Error('The table is away.');
            },
          },
        ),
    },
  ) as never;
}
