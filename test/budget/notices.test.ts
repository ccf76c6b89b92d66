import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type BudgetParts, noteBudgetAnswer, refreshBudget } from '../../shared/budget/budgets.ts';
import { convergeNotice } from '../../shared/budget/converge-notice.ts';
import type { ContractId, ProjectId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import type { Budget } from '../../shared/opentrain/relied-on.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { contractEnded, contractStarted, milestoneEvent, newHire } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterEach(() => story.workspace.outage(false));
afterAll(() => story.close());

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

/** A trainer at work, on a contract with so many hours funded; OpenTrain delivers what it tells. */
async function fundedHire(options: Parameters<Story['newHire']>[0] = {}) {
  const hired = await story.newHire({ delivered: true, ...options });
  story.opentrain.fundMilestone(hired.contract.id, { volume: 40 });
  await story.idle();
  return hired;
}

/** What the platform reports; OpenTrain tells of the thresholds that are crossed. */
async function work(customer: Customer, contract: { id: string }, hours: number) {
  const workDate = new Date(story.opentrain.clock.now()).toISOString().slice(0, 10);
  // A day has 24 hours: the others were worked the day before.
  const dayBefore = new Date(story.opentrain.clock.now() - 86_400_000).toISOString().slice(0, 10);
  const seconds = Math.round(hours * 3600);
  await customer.client.reportContractUsage(contract.id as ContractId, [
    { workDate: dayBefore, totalSeconds: Math.min(seconds, 86_400) },
    { workDate, totalSeconds: Math.max(0, seconds - 86_400) },
  ]);
  await story.idle();
}

const noticeOf = (project: string) => story.workspace.noticeOf(project);
const noticeCalls = () => story.workspace.requests.of('putNotice') + story.workspace.requests.of('deleteNotice');
const titleOf = (contract: { id: string }) => story.opentrain.contract(contract.id).title;

/** As the usage function has them. */
function parts(): BudgetParts {
  return {
    store: story.store,
    placeOf: async (workspaceId) => ({ workspaceId, workspace: story.connector.workspace }),
    clock: story.opentrain.clock,
    logger: createLogger((line) => story.lines.push(JSON.parse(line))),
    topUpUrl: 'https://pay.example/{contractId}/top-up',
  };
}

const signal = new AbortController().signal;

/** What usage does for each project at the end of a run. */
const show = (project: string) =>
  convergeNotice({ workspaceId: DEFAULT_WORKSPACE, projectId: project as ProjectId }, parts(), signal, { anew: false });

/** OpenTrain's own word, as it is answered to a report. */
function answer(contract: { id: string }, consumed: number, differences: Partial<Budget> = {}): Budget {
  return {
    contractId: contract.id as ContractId,
    state: consumed >= 40 ? 'DEPLETED' : consumed >= 32 ? 'LOW' : 'OK',
    paymentType: 'PAY_PER_HOUR',
    consumedFraction: consumed / 40,
    fundedVolume: 40,
    consumedVolume: consumed,
    remainingVolume: Math.max(0, 40 - consumed),
    activeMilestone: { id: 'milestone-1', name: 'First' },
    ...differences,
  };
}

describe('out of OpenTrain itself', () => {
  test('LOW appears, DEPLETED takes its place, and funding takes it away', async () => {
    const { customer, contract, project } = await fundedHire();
    expect(noticeOf(project)).toBeUndefined();

    await work(customer, contract, 34.8);
    const title = titleOf(contract);
    expect(noticeOf(project)).toEqual({
      state: 'LOW',
      text: `87 % of the funded hours of “${title}” are used (34.8 of 40 h): top up on OpenTrain.`,
      url: `${new URL(story.opentrain.platformApiUrl).origin}/`,
    });
    await work(customer, contract, 41.2);
    expect(noticeOf(project)).toMatchObject({
      state: 'DEPLETED',
      text: `The funded hours of “${title}” are used up (41.2 of 40 h): funded work is exhausted until it is topped up on OpenTrain.`,
    });
    story.opentrain.fundMilestone(contract.id, { volume: 40 });
    await story.idle();
    expect(noticeOf(project)).toBeUndefined();
  });

  test('of two contracts in one project the worse is told in full, the other counted', async () => {
    const { customer, jobId, contract, project } = await fundedHire();
    const other = customer.hire(jobId);
    story.opentrain.fundMilestone(other.id, { volume: 40 });
    await work(customer, contract, 33);
    await work(customer, other, 42);
    expect(noticeOf(project)?.state).toBe('DEPLETED');
    expect(noticeOf(project)?.text).toMatch(/\(42 of 40 h\).* One more contract is running out, too\.$/);
    story.opentrain.fundMilestone(other.id, { volume: 40 });
    await story.idle();
    expect(noticeOf(project)?.text).toMatch(/\(33 of 40 h\): top up on OpenTrain\.$/);
  });

  test('two customers have a project in common: the worse of theirs is shown, and each goes by itself', async () => {
    const project = story.unique('shared project');
    const [one, two] = [await fundedHire({ project }), await fundedHire({ project })];
    await work(one.customer, one.contract, 33);
    await work(two.customer, two.contract, 41);
    expect(noticeOf(project)?.text).toMatch(/\(41 of 40 h\).* One more contract is running out, too\.$/);
    story.opentrain.endContract(two.contract.id);
    await story.idle();
    expect(noticeOf(project)).toMatchObject({ state: 'LOW', text: expect.stringContaining('(33 of 40 h)') });
    story.opentrain.endContract(one.contract.id);
    await story.idle();
    expect(noticeOf(project)).toBeUndefined();
  });

  test('a contract that ends with its funds used up takes its notice along, and its copy is forgotten in 35 days', async () => {
    const { customer, contract, project } = await fundedHire();
    await work(customer, contract, 41);
    expect(noticeOf(project)?.state).toBe('DEPLETED');
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(noticeOf(project)).toBeUndefined();
    const [copy] = await copiesIn(project);
    expect((copy?.expiresAt ?? 0) * 1000 - story.opentrain.clock.now()).toBeGreaterThan(34.9 * 86_400_000);
  });

  test('so does a link that is removed, with one call for all of its contracts', async () => {
    const { customer, jobId, link, contract, project } = await fundedHire();
    const other = customer.hire(jobId);
    story.opentrain.fundMilestone(other.id, { volume: 40 });
    await work(customer, contract, 33);
    await work(customer, other, 33);
    const calls = noticeCalls();
    story.opentrain.unlinkProject(customer.installId, link.id);
    await story.idle();
    expect(noticeOf(project)).toBeUndefined();
    expect(noticeCalls() - calls).toBe(1);
  });

  test('a contract with two links warns in both projects, and ends in both', async () => {
    const customer = await story.newCustomer({ delivered: true });
    const jobId = customer.postJob();
    const projects = [customer.link(jobId).project, customer.link(jobId).project];
    const contract = customer.hire(jobId);
    story.opentrain.fundMilestone(contract.id, { volume: 40 });
    await work(customer, contract, 33);
    expect(projects.map((project) => noticeOf(project)?.state)).toEqual(['LOW', 'LOW']);
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(projects.map(noticeOf)).toEqual([undefined, undefined]);
  });

  test('a contract that never warned ends without a word about notices', async () => {
    const { customer, contract, project } = await fundedHire();
    await work(customer, contract, 10);
    const calls = noticeCalls();
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(noticeCalls()).toBe(calls);
    expect(noticeOf(project)).toBeUndefined();
  });
});

async function copiesIn(project: string) {
  const copies = [];
  const ref = { workspaceId: DEFAULT_WORKSPACE, projectId: project as ProjectId };
  for await (const copy of story.store.budgets.listCopies(ref)) copies.push(copy);
  return copies;
}

describe('the latest word counts', () => {
  /** A trainer at work; the test delivers what it likes. */
  async function atWork() {
    const customer = await story.newCustomer();
    const hire = newHire();
    await customer.deliver(contractStarted(hire));
    const contract = { id: hire.contract };
    const at = (minutes: number) => story.opentrain.clock.now() + minutes * 60_000;
    return {
      customer,
      hire,
      contract,
      now: at(0),
      /** A milestone event of so many minutes from now. */
      tell: (type: string, budget: object, minutes = 0) => {
        const event = milestoneEvent(type, hire.contract, { ...answer(contract, 0), state: undefined, ...budget });
        return customer.deliver({ ...event, createdAt: new Date(at(minutes)).toISOString() });
      },
      async note(consumed: number, askedAt: number, differences: Partial<Budget> = {}) {
        const budget = answer(contract, consumed, differences);
        await noteBudgetAnswer(customer.id, budget.contractId, budget, askedAt, parts());
        await show(hire.project);
      },
      state: () => noticeOf(hire.project)?.state,
    };
  }

  test('an answer to a report warns, and clears, without any event', async () => {
    const { note, now, hire, state } = await atWork();
    await note(33, now);
    expect(noticeOf(hire.project)).toMatchObject({
      state: 'LOW',
      text: '82 % of the funded hours of “Draw boxes” are used (33 of 40 h): top up on OpenTrain.',
      url: `https://pay.example/${hire.contract}/top-up`,
    });
    await note(12, now + 1);
    expect(state()).toBeUndefined();
  });

  test('an event that is older by its id is ignored', async () => {
    const { customer, hire, state } = await atWork();
    const low = milestoneEvent('milestone.budget_low', hire.contract);
    const funded = milestoneEvent('milestone.funded', hire.contract, { state: 'OK', consumedFraction: 0.4 });
    expect(await customer.deliver(funded)).toBe('done: recorded');
    expect(await customer.deliver(low)).toBe('done: older_than_known');
    expect(state()).toBeUndefined();
  });

  test('an event is ignored that was created before OpenTrain gave a later answer', async () => {
    const { note, tell, now, state } = await atWork();
    await note(12, now);
    expect(await tell('milestone.budget_depleted', { consumedFraction: 1.1 }, -1)).toBe('done: older_than_known');
    expect(state()).toBeUndefined();
    expect(await tell('milestone.budget_low', { consumedFraction: 0.9 }, 0)).toBe('done: recorded');
    expect(state()).toBe('LOW');
  });

  test('an answer is ignored that was asked for before the latest event', async () => {
    const { note, tell, now, state } = await atWork();
    await tell('milestone.budget_depleted', { consumedFraction: 1.1 });
    await note(12, now - 60_000);
    expect(state()).toBe('DEPLETED');
  });

  test('so is one that was asked for before another answer', async () => {
    const { note, now, state } = await atWork();
    await note(12, now);
    await note(41, now - 1);
    expect(state()).toBeUndefined();
  });

  test('an event out of the future counts as one of now: the next answer still counts', async () => {
    const { note, tell, state } = await atWork();
    await tell('milestone.budget_depleted', { consumedFraction: 1.1 }, 60);
    expect(state()).toBe('DEPLETED');
    await note(12, story.opentrain.clock.now());
    expect(state()).toBeUndefined();
  });

  test('a fixed price never warns, whatever is said of it', async () => {
    const { customer, note, tell, now, hire, state } = await atWork();
    const calls = story.calls();
    await tell('milestone.budget_depleted', {
      paymentType: 'FIXED_PRICE',
      state: 'DEPLETED',
      consumedFraction: undefined,
    });
    expect(story.calls(), 'nobody is asked').toBe(calls);
    expect(state()).toBeUndefined();
    await note(41, now + 1, { paymentType: 'FIXED_PRICE' });
    expect(state()).toBeUndefined();
    // Even if its type is not told again.
    await customer.deliver(milestoneEvent('milestone.budget_low', hire.contract));
    expect(state()).toBeUndefined();
  });

  test('an end takes away what only an answer had told', async () => {
    const { customer, note, now, hire, state } = await atWork();
    await note(41, now);
    expect(state()).toBe('DEPLETED');
    await customer.deliver(contractEnded(hire));
    expect(state()).toBeUndefined();
  });

  test('a late warning about a contract that is over shows nothing', async () => {
    const { customer, note, tell, now, hire, state } = await atWork();
    await customer.deliver(contractEnded(hire));
    expect(await tell('milestone.budget_depleted', { consumedFraction: 1.1 })).toBe('done: recorded');
    await note(45, now + 1);
    expect(state()).toBeUndefined();
  });
});

describe('refreshBudget', () => {
  test('heals what a missed funding event left behind', async () => {
    const { customer, contract, project } = await fundedHire();
    await work(customer, contract, 41);
    expect(noticeOf(project)?.state).toBe('DEPLETED');
    // The endpoint is gone, so the event reaches nobody.
    await customer.client.deleteWebhookEndpoint(customer.endpointId);
    story.opentrain.fundMilestone(contract.id, { volume: 40 });
    await story.idle();
    expect(noticeOf(project)?.state).toBe('DEPLETED');
    await refreshBudget(customer.id, contract.id as ContractId, customer.client, parts(), signal);
    await show(project);
    expect(noticeOf(project)).toBeUndefined();
  });

  test('leaves a contract alone that OpenTrain does not know', async () => {
    const customer = await story.newCustomer();
    await refreshBudget(customer.id, 'gone' as ContractId, customer.client, parts(), signal);
    expect(await customer.budget({ id: 'gone' })).toBeUndefined();
  });

  test('throws what OpenTrain’s refusal is', async () => {
    const { customer, contract } = await story.newHire();
    story.opentrain.revoke(customer.installId);
    const asked = refreshBudget(customer.id, contract.id as ContractId, customer.client, parts(), signal);
    await expect(asked).rejects.toMatchObject({ kind: 'forbidden' });
  });
});

describe('a workspace in trouble', () => {
  test('is away while the notice is set: the delivery waits, and shows it afterwards', async () => {
    const { customer, contract, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started', contract.id));
    story.workspace.outage(true);
    const event = milestoneEvent('milestone.budget_low', contract.id);
    await customer.deliver(event, { delivery: 'low', wait: false });
    await expect
      .poll(() => story.outcomeOf(customer.id, 'low'), { timeout: 30_000 })
      .toBe('waiting: workspace_unavailable');
    expect(noticeOf(project)).toBeUndefined();
    story.workspace.outage(false);
    await story.connector.idle();
    expect(await story.outcomeOf(customer.id, 'low')).toBe('done: older_than_known');
    expect(noticeOf(project)?.state).toBe('LOW');
  });

  test('is away while usage sets it: the failure is thrown, and what was answered is kept for the next run', async () => {
    const { customer, contract, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started', contract.id));
    const budget = answer(contract, 33);
    await noteBudgetAnswer(customer.id, budget.contractId, budget, story.opentrain.clock.now(), parts());
    story.workspace.outage(true);
    await expect(show(project)).rejects.toMatchObject({ name: 'WorkspaceUnavailableError' });
    expect(noticeOf(project)).toBeUndefined();
    story.workspace.outage(false);
    await show(project);
    expect(noticeOf(project)?.state).toBe('LOW');
  });

  test('refuses the notice for good: the delivery is done, a line says so, and the next news try again', async () => {
    const { customer, contract, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started', contract.id));
    story.workspace.respondNext(404);
    expect(await customer.deliver(milestoneEvent('milestone.budget_low', contract.id))).toBe('done: recorded');
    expect(story.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'notice.rejected', projectId: project }),
    );
    expect(noticeOf(project)).toBeUndefined();
    await customer.deliver(milestoneEvent('milestone.budget_low', contract.id));
    expect(noticeOf(project)?.state).toBe('LOW');
  });
});
