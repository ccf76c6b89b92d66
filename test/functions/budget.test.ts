import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBudgetHandler } from '../../functions/budget/handler.ts';
import { noteBudgetAnswer } from '../../shared/budget/budgets.ts';
import type { ProjectBudget } from '../../shared/budget/project-budget.ts';
import type { ContractId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import type { Budget } from '../../shared/opentrain/relied-on.ts';
import { createStore, type Store } from '../../shared/store/store.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';
import { contractEnded, contractStarted, type Hire, milestoneEvent, newHire } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { countedTable } from '../support/worker.ts';

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const NOW = Date.parse('2026-10-01T12:00:00Z');
const lines: Record<string, unknown>[] = [];
const logger = createLogger((line) => lines.push(JSON.parse(line)));

/** A request as API Gateway hands it to the function: payload format 2.0, the path's parameters decoded. */
function budgetEvent(pathParameters: Record<string, string>): APIGatewayProxyEventV2 {
  const { body: _, ...event } = webhookEvent();
  return { ...event, routeKey: 'GET /connections/{connectionId}/projects/{externalProjectId}/budget', pathParameters };
}

async function ask(connectionId: string, externalProjectId: string, store: Store = story.store) {
  const answer = await createBudgetHandler({ store, logger })(budgetEvent({ connectionId, externalProjectId }));
  return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(answer.body ?? '') };
}

async function budgetOf(connectionId: string, projectId: string): Promise<ProjectBudget> {
  const { status, body } = await ask(connectionId, projectId);
  expect(status).toBe(200);
  return body;
}

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

async function atWork(customer: Customer, given: Partial<Hire> = {}): Promise<Hire> {
  const hire = newHire(given);
  await customer.deliver(contractStarted(hire));
  return hire;
}

/** What OpenTrain answers to a report of usage, as the usage function notes it. */
async function note(customer: Customer, { contract }: Hire, hours: number, differences: Partial<Budget> = {}) {
  const budget: Budget = {
    contractId: contract as ContractId,
    state: hours >= 40 ? 'DEPLETED' : hours >= 32 ? 'LOW' : 'OK',
    paymentType: 'PAY_PER_HOUR',
    consumedFraction: hours / 40,
    fundedVolume: 40,
    consumedVolume: hours,
    remainingVolume: Math.max(0, 40 - hours),
    activeMilestone: null,
    ...differences,
  };
  const { store } = story;
  const { clock } = story.opentrain;
  await noteBudgetAnswer(customer.id, budget.contractId, budget, NOW + hours, {
    store,
    clock,
    topUpUrl: 'https://pay.example/{contractId}',
  });
}

describe('GET /connections/{connectionId}/projects/{externalProjectId}/budget', () => {
  test('tells the project’s contracts, worst first, in the words of its notice', async () => {
    const customer = await story.newCustomer();
    const low = await atWork(customer);
    const inProject = { project: low.project, link: low.link };
    const [ok, depleted] = [await atWork(customer, inProject), await atWork(customer, inProject)];
    await note(customer, ok, 10);
    await note(customer, low, 34.8);
    await note(customer, depleted, 41.2);

    const answer = await ask(customer.id, low.project);
    expect(answer.status).toBe(200);
    expect(answer.headers).toEqual({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    const common = { title: 'Draw boxes', paymentType: 'PAY_PER_HOUR', fundedVolume: 40, unit: 'hours' } as const;
    const budgetAt = (hire: Hire, hours: number, rest: number) => ({
      contractId: hire.contract,
      ...common,
      consumedFraction: hours / 40,
      consumedVolume: hours,
      remainingVolume: rest,
    });
    expect(answer.body).toEqual({
      connectionId: customer.id,
      projectId: low.project,
      state: 'DEPLETED',
      text:
        'The funded hours of “Draw boxes” are used up (41.2 of 40 h): funded work is exhausted until it is topped up on OpenTrain. ' +
        'One more contract is running out, too.',
      url: `https://pay.example/${depleted.contract}`,
      contracts: [
        { ...budgetAt(depleted, 41.2, 0), state: 'DEPLETED' },
        { ...budgetAt(low, 34.8, 40 - 34.8), state: 'LOW' },
        { ...budgetAt(ok, 10, 30), state: 'OK' },
      ],
      updatedAt: new Date(NOW + 41.2).toISOString(),
    });
  });

  test('tells nothing to warn of as OK, without words', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer);
    await note(customer, hire, 10);
    expect(await budgetOf(customer.id, hire.project)).toMatchObject({ state: 'OK', text: null, url: null });
  });

  test('tells a project that it knows nothing of as OK, without contracts', async () => {
    const customer = await story.newCustomer();
    expect(await budgetOf(customer.id, 'never heard of')).toEqual({
      connectionId: customer.id,
      projectId: 'never heard of',
      state: 'OK',
      text: null,
      url: null,
      contracts: [],
      updatedAt: null,
    });
  });

  test('leaves out what an event did not tell', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer);
    await customer.deliver(milestoneEvent('milestone.budget_low', hire.contract));
    expect((await budgetOf(customer.id, hire.project)).contracts).toEqual([
      {
        contractId: hire.contract,
        title: 'Draw boxes',
        state: 'LOW',
        paymentType: null,
        consumedFraction: 0.8,
        fundedVolume: null,
        consumedVolume: null,
        remainingVolume: null,
        unit: null,
      },
    ]);
  });

  test('counts labels where those are paid', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer);
    await note(customer, hire, 34, { paymentType: 'PAY_PER_LABEL' });
    expect(await budgetOf(customer.id, hire.project)).toMatchObject({
      text: '85 % of the funded labels of “Draw boxes” are used (34 of 40): top up on OpenTrain.',
      contracts: [{ unit: 'labels' }],
    });
  });

  test('tells a contract no more once it is over', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer);
    await note(customer, hire, 41);
    await customer.deliver(contractEnded(hire));
    expect(await budgetOf(customer.id, hire.project)).toMatchObject({ state: 'OK', contracts: [], updatedAt: null });
  });

  test('tells a customer nothing of another who has the project in common, though its notice does', async () => {
    const [one, other] = [await story.newCustomer(), await story.newCustomer()];
    const hire = await atWork(one);
    const others = await atWork(other, { project: hire.project });
    await note(one, hire, 10);
    await note(other, others, 41);
    const { state, contracts } = await budgetOf(one.id, hire.project);
    expect({ state, contracts: contracts.map(({ contractId }) => contractId) }).toEqual({
      state: 'OK',
      contracts: [hire.contract],
    });
    expect(await budgetOf(other.id, hire.project)).toMatchObject({ state: 'DEPLETED' });
  });

  test('takes a project’s id as the platform writes it', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer, { project: 'team/7 #ä 🚏' });
    await note(customer, hire, 33);
    expect(await budgetOf(customer.id, 'team/7 #ä 🚏')).toMatchObject({ projectId: 'team/7 #ä 🚏', state: 'LOW' });
  });

  test('costs three requests of the table for up to a hundred contracts, and writes nothing', async () => {
    const customer = await story.newCustomer();
    const hire = await atWork(customer);
    await note(customer, hire, 33);
    const { table, requests } = countedTable(story.connector.emulators);
    const readOnly = createStore({
      ...table,
      change: () => {
        throw new Error('The budget function may not write.');
      },
    });
    expect(await ask(customer.id, hire.project, readOnly)).toMatchObject({ status: 200, body: { state: 'LOW' } });
    expect(requests.count).toBe(3);
  });

  test('a connection that does not exist is a 404', async () => {
    const answer = await ask('nobody', 'signs');
    expect(answer).toMatchObject({
      status: 404,
      headers: { 'cache-control': 'no-store' },
      body: { code: 'NOT_FOUND' },
    });
    expect(answer.body.error).toBe('There is no connection "nobody".');
  });

  test.each([
    ['Not An Id', 'signs'],
    ['', 'signs'],
    ['a'.repeat(65), 'signs'],
    ['acme', ''],
    ['acme', 'p'.repeat(201)],
  ])('ids that cannot be any (%j, %j) are a 400', async (connection, project) => {
    const answer = await ask(connection, project);
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
  });

  test('what nobody foresaw is a 503 without a detail, and a line in the log', async () => {
    const broken: Store = {
      ...story.store,
      connections: {
        ...story.store.connections,
        find: async () => {
          throw new Error('the table is on fire');
        },
      },
    };
    const answer = await ask('acme', 'signs', broken);
    expect(answer).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
    expect(JSON.stringify(answer)).not.toContain('fire');
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        event: 'budget.unavailable',
        connectionId: 'acme',
        projectId: 'signs',
      }),
    );
  });
});
