import { describe, expect, test } from 'vitest';
import { startWithLinkedJob, TODAY } from './opentrain-story.ts';

type PaymentType = 'PAY_PER_HOUR' | 'PAY_PER_LABEL' | 'FIXED_PRICE';

async function startWithContract(paymentType: PaymentType = 'PAY_PER_HOUR') {
  const story = await startWithLinkedJob({ paymentType });
  const { opentrain, install, job, call } = story;
  const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
  const report = (...entries: object[]) => call('POST', `/contracts/${contract.id}/usage`, { entries });
  const budgetEvents = () =>
    opentrain
      .eventsOf(install.installId)
      .map(({ type }) => type)
      .filter((type) => type.startsWith('milestone.'));
  return { ...story, contract, report, budgetEvents };
}

const hours = (count: number) => count * 3600;

describe('usage', () => {
  test('replaces the total of a worker and day, and keeps the fields that are left out', async () => {
    const { opentrain, contract, report } = await startWithContract();
    await report({ workDate: TODAY, totalSeconds: 600, tasksCompleted: 3 });
    const answer = await report({ workDate: TODAY, totalSeconds: 900 });
    expect(answer).toMatchObject({ status: 200, body: { contractId: contract.id, accepted: 1 } });
    expect(answer.body.budget.consumed).toEqual({ seconds: 900, hours: 0.25, labels: 0, tasks: 3 });
    expect(opentrain.usageOf(contract.id)).toEqual([
      {
        workDate: TODAY,
        workerOpentrainUserId: opentrain.trainer('Maria Silva').opentrainUserId,
        totalSeconds: 900,
        tasksCompleted: 3,
        labelsCompleted: 0,
      },
    ]);
  });

  test.each([
    ['no workDate', { totalSeconds: 1 }],
    ['a malformed workDate', { workDate: '15.06.2026' }],
    ['a day that does not exist', { workDate: '2026-02-30' }],
    ['a future day', { workDate: '2026-06-16' }],
    ['more seconds than a day has', { workDate: TODAY, totalSeconds: 86_401 }],
    ['negative seconds', { workDate: TODAY, totalSeconds: -1 }],
    ['negative tasks', { workDate: TODAY, tasksCompleted: -1 }],
    ['negative labels', { workDate: TODAY, labelsCompleted: -1 }],
    ['a worker who is no participant', { workDate: TODAY, workerOpentrainUserId: 'user_unknown' }],
    ['a worker and day twice', { workDate: '2026-06-14', totalSeconds: 2 }],
  ])('%s in one entry fails the whole request', async (_, bad) => {
    const { opentrain, contract, report } = await startWithContract();
    const answer = await report({ workDate: '2026-06-14', totalSeconds: 1 }, bad);
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    expect(opentrain.usageOf(contract.id)).toEqual([]);
  });

  test('takes 1 to 100 entries', async () => {
    const { report } = await startWithContract();
    const days = Array.from({ length: 101 }, (_, day) => ({
      workDate: new Date(Date.UTC(2026, 0, 1 + day)).toISOString().slice(0, 10),
      totalSeconds: 1,
    }));
    expect(await report()).toMatchObject({ status: 400 });
    expect(await report(...days)).toMatchObject({ status: 400 });
    expect(await report(...days.slice(1))).toMatchObject({ status: 200, body: { accepted: 100 } });
  });

  test('of an unknown contract or an unlinked job is not found', async () => {
    const { opentrain, install, link, call, report } = await startWithContract();
    const entries = [{ workDate: TODAY }];
    expect(await call('POST', '/contracts/unknown/usage', { entries })).toMatchObject({ status: 404 });
    opentrain.unlinkProject(install.installId, link.id);
    expect(await report({ workDate: TODAY })).toMatchObject({ status: 404 });
  });

  test('without a hired trainer to attribute it to is a conflict', async () => {
    const { opentrain, contract, report } = await startWithContract();
    opentrain.loseTrainer(contract.id);
    expect(await report({ workDate: TODAY })).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  });
});

describe('the budget', () => {
  test.each([
    ['PAY_PER_HOUR', { totalSeconds: hours(7.9) }, 'OK'],
    ['PAY_PER_HOUR', { totalSeconds: hours(8) }, 'LOW'],
    ['PAY_PER_HOUR', { totalSeconds: hours(10) }, 'DEPLETED'],
    ['PAY_PER_LABEL', { labelsCompleted: 7, totalSeconds: hours(20) }, 'OK'],
    ['PAY_PER_LABEL', { labelsCompleted: 8 }, 'LOW'],
    ['PAY_PER_LABEL', { labelsCompleted: 12 }, 'DEPLETED'],
    ['FIXED_PRICE', { labelsCompleted: 99, totalSeconds: hours(20) }, 'OK'],
  ] as const)('%s of 10 after %j is %s', async (paymentType, work, state) => {
    const { opentrain, contract, call, report } = await startWithContract(paymentType);
    opentrain.fundMilestone(contract.id, { volume: 10 });
    await report({ workDate: TODAY, ...work });
    expect((await call('GET', `/contracts/${contract.id}/budget`)).body).toMatchObject({ paymentType, state });
  });

  test('is OK while nothing is funded', async () => {
    const { report } = await startWithContract();
    const { body } = await report({ workDate: TODAY, totalSeconds: hours(20) });
    expect(body.budget).toMatchObject({ state: 'OK', fundedVolume: 0, consumedFraction: 0, activeMilestone: null });
  });

  test('tells of each threshold once on the way up, and again after funding has lowered it', async () => {
    const { opentrain, contract, report, budgetEvents } = await startWithContract();
    opentrain.fundMilestone(contract.id, { volume: 10 });
    await report({ workDate: TODAY, totalSeconds: hours(8) });
    await report({ workDate: TODAY, totalSeconds: hours(9) });
    await report({ workDate: TODAY, totalSeconds: hours(11) });
    await report({ workDate: TODAY, totalSeconds: hours(12) });
    opentrain.fundMilestone(contract.id, { volume: 10 });
    await report({ workDate: TODAY, totalSeconds: hours(16) });
    expect(budgetEvents()).toEqual([
      'milestone.funded',
      'milestone.budget_low',
      'milestone.budget_depleted',
      'milestone.funded',
      'milestone.budget_low',
    ]);
  });

  test('tells of both thresholds when one report crosses both', async () => {
    const { opentrain, install, contract, report } = await startWithContract();
    const milestone = opentrain.fundMilestone(contract.id, { volume: 1 });
    await report({ workDate: TODAY, totalSeconds: hours(2) });
    expect(opentrain.eventsOf(install.installId).slice(-2)).toMatchObject([
      { type: 'milestone.budget_low', resourceId: milestone.id, data: { budget: { contractId: contract.id } } },
      { type: 'milestone.budget_depleted', resourceId: milestone.id, data: { budget: { state: 'DEPLETED' } } },
    ]);
  });

  test('reading it emits nothing', async () => {
    const { opentrain, contract, call, budgetEvents } = await startWithContract();
    opentrain.fundMilestone(contract.id, { volume: 10 });
    await call('GET', `/contracts/${contract.id}/budget`);
    expect(budgetEvents()).toEqual(['milestone.funded']);
  });
});
