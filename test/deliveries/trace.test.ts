import { afterAll, beforeAll, expect, test } from 'vitest';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { contractEnded, contractStarted, linkEvent, newHire, without } from '../support/opentrain-event.ts';
import { queuedDelivery } from '../support/sqs-event.ts';
import { fakeWorkspace, startWorker, type Worker } from '../support/worker.ts';

/** What the worker keeps of a delivery for people who ask later. */

let worker: Worker;

beforeAll(async () => {
  worker = await startWorker();
});
afterAll(() => worker.close());

const recordOf = async (delivery: { messageId: string }) => {
  const record = await worker.recordOf(delivery.messageId);
  if (record === undefined) throw new Error('There is no record.');
  return record;
};

test('whom and what it is about, and what was asked of the workspace', async () => {
  const hire = newHire();
  const delivery = queuedDelivery({ event: contractStarted(hire) });
  await worker.run([delivery]);
  expect(await recordOf(delivery)).toMatchObject({
    contractId: hire.contract,
    linkId: hire.link,
    trainerId: hire.trainer,
    history: [
      {
        at: expect.any(Number),
        attempt: 1,
        status: 'done',
        reason: 'provisioned',
        calls: [{ call: 'ensureAccess', project: hire.project, answer: 'ok' }],
      },
    ],
  });
});

test('who it is about is known from before, where it does not tell', async () => {
  const hire = newHire();
  await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
  const ended = queuedDelivery({ event: without(contractEnded(hire), 'data.freelancer') });
  await worker.run([ended]);
  expect(await recordOf(ended)).toMatchObject({ trainerId: hire.trainer, history: [{ reason: 'offboarded' }] });
});

test('every attempt, the last ten of them', async () => {
  const delivery = queuedDelivery({ event: contractStarted(newHire()) });
  const workspace = fakeWorkspace({
    ensureAccess: async () => {
      throw new WorkspaceUnavailableError('The workspace is away.');
    },
  });
  for (let attempt = 1; attempt <= 12; attempt += 1) {
    const again = { ...delivery, attributes: { ...delivery.attributes, ApproximateReceiveCount: String(attempt) } };
    await worker.run([again], attempt < 12 ? { workspace } : {});
  }
  const { history = [], attempts } = await recordOf(delivery);
  expect(attempts).toBe(12);
  expect(history.map(({ attempt, status }) => `${attempt} ${status}`)).toEqual([
    ...[3, 4, 5, 6, 7, 8, 9, 10, 11].map((attempt) => `${attempt} waiting`),
    '12 done',
  ]);
  expect(history[0]).toMatchObject({
    reason: 'workspace_unavailable',
    calls: [{ call: 'ensureAccess', answer: 'WorkspaceUnavailableError' }],
  });
});

test('of many calls the first five', async () => {
  const hires = Array.from({ length: 7 }, () => newHire({ link: 'link-of-many', project: 'project-of-many' }));
  for (const hire of hires) await worker.run([queuedDelivery({ event: contractStarted(hire) })]);
  const [one = newHire()] = hires;
  const removed = queuedDelivery({ event: linkEvent('project_link.removed', one) });
  await worker.run([removed]);
  expect((await recordOf(removed)).history?.[0]?.calls).toHaveLength(5);
});

test('it costs no request more: still six for a contract that begins', async () => {
  const delivery = queuedDelivery({ event: contractStarted(newHire()) });
  const before = worker.requests.count;
  await worker.run([delivery]);
  expect(worker.requests.count - before).toBe(6);
});

test('no address is kept in it', async () => {
  const hire = newHire();
  const delivery = queuedDelivery({ event: contractStarted(hire) });
  await worker.run([delivery]);
  expect(JSON.stringify(await recordOf(delivery))).not.toContain('@');
});
