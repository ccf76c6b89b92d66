import { expect, test } from 'vitest';
import { done } from '../../shared/events/event-context.ts';
import { forEachInTurn } from '../../shared/events/for-each-in-turn.ts';
import { NeedsPersonError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';

const inTime = new AbortController().signal;
const person = (step: string) => new NeedsPersonError('A person must help.', { steps: [step] });
const away = new WorkspaceUnavailableError('The workspace is away.');

/** Each one either is done or fails with its error. */
function goThrough(all: readonly (Error | string)[]) {
  const acted: unknown[] = [];
  const outcome = forEachInTurn(all, inTime, async (one) => {
    acted.push(one);
    if (one instanceof Error) throw one;
    return done(one);
  });
  return { acted, outcome };
}

test('one that fails keeps none of the others waiting', async () => {
  const { acted, outcome } = goThrough([away, 'a', person('1'), 'b']);
  await expect(outcome).rejects.toBe(away);
  expect(acted).toHaveLength(4);
});

test('what the queue can mend is never acknowledged along with what needs a person', async () => {
  await expect(goThrough([person('1'), away]).outcome).rejects.toBe(away);
});

test('where all that failed needs a person, the steps of all are told', async () => {
  const error = await goThrough([person('1'), 'a', person('2')]).outcome.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(NeedsPersonError);
  expect(error.steps).toEqual(['1', '2']);
});

test('it stops between two when the worker’s time runs out', async () => {
  const time = new AbortController();
  const acted: string[] = [];
  const outcome = forEachInTurn(['a', 'b'], time.signal, async (one) => {
    acted.push(one);
    time.abort(new Error('out of time'));
    return done(one);
  });
  await expect(outcome).rejects.toThrow('out of time');
  expect(acted).toEqual(['a']);
});

test('of those that went well each verdict is returned', async () => {
  expect(await goThrough(['a', 'b']).outcome).toEqual([done('a'), done('b')]);
});
