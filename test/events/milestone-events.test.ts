import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milestoneEvent, without } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

/** A milestone event with the id that the test wants. */
const withId = (id: string, type: string, contract: string, budget = {}) => ({
  ...milestoneEvent(type, contract, budget),
  id,
});

describe('milestone events', () => {
  test('out of OpenTrain itself: funded, low and depleted are recorded one after the other', async () => {
    const { customer, contract } = await story.newHire({ delivered: true });
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    await story.idle();
    expect(await customer.budget(contract)).toMatchObject({ eventType: 'milestone.funded', state: 'OK' });

    const workDate = new Date(story.opentrain.clock.now()).toISOString().slice(0, 10);
    const report = (hours: number) =>
      customer.client.reportContractUsage(contract.id as never, [{ workDate, totalSeconds: hours * 3600 }]);
    await report(8);
    await story.idle();
    expect(await customer.budget(contract)).toMatchObject({
      eventType: 'milestone.budget_low',
      state: 'LOW',
      consumedFraction: 0.8,
    });
    await report(11);
    await story.idle();
    expect(await customer.budget(contract)).toMatchObject({
      eventType: 'milestone.budget_depleted',
      state: 'DEPLETED',
    });
    story.opentrain.fundMilestone(contract.id, { volume: 20 });
    await story.idle();
    expect(await customer.budget(contract)).toMatchObject({ eventType: 'milestone.funded', state: 'OK' });
    expect((await customer.outcomes()).filter((outcome) => outcome.startsWith('milestone'))).toEqual([
      'milestone.funded: done: recorded',
      'milestone.budget_low: done: recorded',
      'milestone.budget_depleted: done: recorded',
      'milestone.funded: done: recorded',
    ]);
    expect(story.opentrain.calls.filter(({ operationId }) => operationId === 'getContractBudget')).toEqual([]);
  });

  test('the latest by event id counts, not the latest to arrive: an older one is ignored', async () => {
    const customer = await story.newCustomer();
    const contract = { id: 'c1' };
    const low = withId('100', 'milestone.budget_low', contract.id, { state: 'LOW' });
    const funded = withId('101', 'milestone.funded', contract.id, { state: 'OK', consumedFraction: 0.4 });
    expect(await customer.deliver(funded)).toBe('done: recorded');
    expect(await customer.deliver(low)).toBe('done: older_than_known');
    expect(await customer.budget(contract)).toMatchObject({
      eventType: 'milestone.funded',
      state: 'OK',
      lastEventId: '101',
    });
  });

  test.each([
    ['9', '10'],
    ['999', '1000'],
    ['9007199254740992', '9007199254740993'],
    ['18446744073709551615', '18446744073709551616'],
    [`1${'0'.repeat(60)}`, `1${'0'.repeat(59)}1`],
  ])('%s comes before %s, in whichever order they arrive', async (before, after) => {
    const customer = await story.newCustomer();
    for (const [contract, order] of [
      ['c1', [before, after]],
      ['c2', [after, before]],
    ] as const) {
      for (const id of order) await customer.deliver(withId(id, 'milestone.funded', contract));
      expect(await customer.budget({ id: contract })).toMatchObject({ lastEventId: after });
    }
  });

  test('what the latest one does not tell is not taken over from an older one', async () => {
    const customer = await story.newCustomer();
    const contract = { id: 'c1' };
    const told = { paymentType: 'PAY_PER_HOUR', fundedVolume: 40, consumedVolume: 32, remainingVolume: 8 };
    await customer.deliver(milestoneEvent('milestone.budget_low', contract.id, told));
    const low = await customer.budget(contract);
    expect(low).toMatchObject({ state: 'LOW', consumedFraction: 0.8, milestoneId: 'milestone-1', ...told });
    const funded = milestoneEvent('milestone.funded', contract.id);
    const silent = { ...funded, data: { budget: { contractId: contract.id } } };
    expect(await customer.deliver(silent)).toBe('done: recorded');
    const budget = await customer.budget(contract);
    expect(budget).toMatchObject({ eventType: 'milestone.funded', lastEventId: funded.id, state: 'OK' });
    const numbers = ['consumedFraction', 'fundedVolume', 'consumedVolume', 'remainingVolume', 'milestoneId'];
    for (const field of numbers) expect(budget).not.toHaveProperty(field);
    expect(budget, 'a contract keeps its payment type').toMatchObject({ paymentType: 'PAY_PER_HOUR' });
  });

  test('the same event as another delivery changes nothing', async () => {
    const customer = await story.newCustomer();
    const event = milestoneEvent('milestone.budget_low', 'c1');
    expect(await customer.deliver(event)).toBe('done: recorded');
    expect(await customer.deliver(event)).toBe('done: older_than_known');
  });

  test('an event that tells of no milestone is about its resource, if that is a contract which is known', async () => {
    const { customer, contract } = await story.newHire({ delivered: true });
    await story.idle();
    const bare = without(
      milestoneEvent('milestone.budget_low', contract.id),
      'data.milestone',
      'data.budget.contractId',
    );
    expect(await customer.deliver({ ...bare, resourceId: contract.id })).toBe('done: recorded');
    expect(await customer.budget(contract)).toMatchObject({ eventType: 'milestone.budget_low', lastEventId: bare.id });
    expect(await customer.deliver({ ...bare, id: `${bare.id}1`, resourceId: 'milestone-1' })).toBe(
      'parked: no_contract',
    );
  });

  test('the contract is taken from the budget, or is the resource when no milestone applies', async () => {
    const customer = await story.newCustomer();
    await customer.deliver(milestoneEvent('milestone.budget_low', 'c1'));
    expect(await customer.budget({ id: 'c1' })).toMatchObject({ milestoneId: 'milestone-1' });

    const bare = without(milestoneEvent('milestone.budget_low', 'c2'), 'data.budget.contractId');
    expect(await customer.deliver({ ...bare, resourceId: 'c2', data: { ...bare.data, milestone: null } })).toBe(
      'done: recorded',
    );
    expect(await customer.budget({ id: 'c2' })).toMatchObject({ state: 'LOW' });
    expect(await customer.deliver(bare), 'a milestone’s id is no contract').toBe('parked: no_contract');
  });

  test('of one contract say nothing of another, nor of another customer’s', async () => {
    const [one, other] = [await story.newCustomer(), await story.newCustomer()];
    await one.deliver(withId('100', 'milestone.budget_low', 'c1'));
    expect(await one.deliver(withId('50', 'milestone.funded', 'c2'))).toBe('done: recorded');
    expect(await other.deliver(withId('50', 'milestone.funded', 'c1'))).toBe('done: recorded');
  });

  test('about a contract that is in no project call nobody, whatever they lack', async () => {
    const customer = await story.newCustomer();
    const calls = story.calls();
    await customer.deliver(milestoneEvent('milestone.budget_depleted', 'c1'));
    await customer.deliver(without(milestoneEvent('milestone.budget_depleted', 'c1'), 'data.budget.consumedFraction'));
    expect(story.calls()).toBe(calls);
  });
});

describe('an event that lacks the numbers', () => {
  const lacking = (contract: string) =>
    without(milestoneEvent('milestone.budget_low', contract), 'data.budget.consumedFraction', 'data.budget.state');
  const timesAsked = () =>
    story.opentrain.calls.filter(({ operationId }) => operationId === 'getContractBudget').length;

  /** A trainer at work, whose funds are low as OpenTrain knows them. */
  async function atWork() {
    const hired = await story.newHire();
    const { customer, contract } = hired;
    await customer.deliver(customer.event('contract.started', contract.id));
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    const workDate = new Date(story.opentrain.clock.now()).toISOString().slice(0, 10);
    await customer.client.reportContractUsage(contract.id as never, [{ workDate, totalSeconds: 9 * 3600 }]);
    return hired;
  }

  test('has OpenTrain asked for them, once', async () => {
    const { customer, contract, project } = await atWork();
    const before = timesAsked();
    expect(await customer.deliver(lacking(contract.id))).toBe('done: recorded');
    expect(timesAsked() - before).toBe(1);
    expect(await customer.budget(contract)).toMatchObject({ state: 'LOW', consumedFraction: 0.9, fundedVolume: 10 });
    expect(story.workspace.noticeOf(project)?.text).toMatch(/^90 % of the funded hours of “.*” are used \(9 of 10 h\)/);
  });

  test('is shown without them when OpenTrain does not tell', async () => {
    const { customer, contract, project } = await atWork();
    story.opentrain.setOutage('unavailable');
    expect(await customer.deliver(lacking(contract.id))).toBe('done: recorded');
    story.opentrain.setOutage('none');
    expect(story.workspace.noticeOf(project)?.text).toMatch(
      /^The funded work of “.*” is running low: top up on OpenTrain\.$/,
    );
    expect(story.lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'budget.not-told' }));
  });

  test('is no proof that a refused token is good again', async () => {
    const { customer, contract, project } = await atWork();
    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    await story.store.connections.markAttention(customer.id, 'opentrain_forbidden', story.opentrain.clock.now());
    expect(await customer.deliver(lacking(contract.id))).toBe('done: recorded');
    expect(story.workspace.noticeOf(project)?.state).toBe('LOW');
    expect(await customer.connection()).toMatchObject({ attention: 'opentrain_forbidden' });
  });
});
