import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { factsOfAnswer, factsOfEvent } from '../../shared/budget/budget-facts.ts';
import type { ContractId } from '../../shared/ids.ts';
import { type OpenTrainEvent, parseEvent } from '../../shared/opentrain/events.ts';
import { type Budget, OPERATIONS } from '../../shared/opentrain/relied-on.ts';

function eventIn(type: string, data: object): OpenTrainEvent {
  const parsed = parseEvent(Buffer.from(JSON.stringify({ id: '1', type, data })));
  if (parsed.kind === 'event') return parsed.event;
  throw new Error(`Expected an event, found ${parsed.reason}.`);
}

function answerIn(budget: object): Budget {
  return v.parse(OPERATIONS.getContractBudget.answer, { contractId: 'c1' as ContractId, ...budget });
}

const all = {
  paymentType: 'PAY_PER_HOUR',
  state: 'LOW',
  fundedVolume: 40,
  consumedVolume: 34.8,
  remainingVolume: 5.2,
  consumedFraction: 0.87,
};

describe('an event', () => {
  test('tells all that it carries', () => {
    const event = eventIn('milestone.budget_low', { budget: { contractId: 'c1', ...all }, milestone: { id: 'm1' } });
    expect(factsOfEvent(event)).toEqual({ ...all, milestoneId: 'm1' });
  });

  test.each([
    ['milestone.funded', {}, 'OK'],
    ['milestone.funded', { state: 'LOW' }, 'LOW'],
    ['milestone.funded', { consumedFraction: 0.95 }, 'LOW'],
    ['milestone.budget_low', {}, 'LOW'],
    ['milestone.budget_low', { state: 'OK' }, 'OK'],
    ['milestone.budget_low', { state: 'SOMETHING_NEW', consumedFraction: 0.5 }, 'LOW'],
    ['milestone.budget_low', { consumedFraction: 1.2 }, 'DEPLETED'],
    ['milestone.budget_depleted', {}, 'DEPLETED'],
    ['milestone.budget_depleted', { consumedFraction: 0.9 }, 'DEPLETED'],
    ['milestone.budget_depleted', { paymentType: 'FIXED_PRICE', state: 'DEPLETED' }, 'OK'],
  ])('%s with %j is %s', (type, budget, state) => {
    expect(factsOfEvent(eventIn(type, { budget })).state).toBe(state);
  });

  test('tells its state by its type alone where it carries no budget at all', () => {
    expect(factsOfEvent(eventIn('milestone.budget_depleted', {}))).toMatchObject({ state: 'DEPLETED' });
  });
});

describe('an answer', () => {
  test('tells all that it carries', () => {
    expect(factsOfAnswer(answerIn({ ...all, activeMilestone: { id: 'm1', name: 'First' } }))).toEqual({
      ...all,
      milestoneId: 'm1',
    });
  });

  test.each([
    [{ state: 'LOW' }, 'LOW'],
    [{ state: 'SOMETHING_NEW' }, 'OK'],
    [{ state: 'SOMETHING_NEW', consumedFraction: 0.79 }, 'OK'],
    [{ state: 'SOMETHING_NEW', consumedFraction: 0.8 }, 'LOW'],
    [{ state: 'SOMETHING_NEW', consumedFraction: 1 }, 'DEPLETED'],
    [{ state: 'DEPLETED', paymentType: 'FIXED_PRICE' }, 'OK'],
  ])('%j is %s', (budget, state) => {
    expect(factsOfAnswer(answerIn(budget)).state).toBe(state);
  });
});

test.each([
  ['negative', -1],
  ['more than the table can hold', 1e300],
  ['a text', '12'],
  ['null', null],
])('an amount that is %s counts as not told', (_, amount) => {
  const odd = { consumedFraction: amount, fundedVolume: amount, consumedVolume: amount, remainingVolume: amount };
  const nothing = { consumedFraction: undefined, fundedVolume: undefined, consumedVolume: undefined };
  expect(factsOfEvent(eventIn('milestone.funded', { budget: odd }))).toMatchObject({ state: 'OK', ...nothing });
  expect(factsOfAnswer(answerIn({ state: 'OK', ...odd }))).toMatchObject({ state: 'OK', ...nothing });
});
