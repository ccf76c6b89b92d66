import { NeedsPersonError } from '../workspace/errors.ts';
import type { Verdict } from './event-context.ts';

/**
 * Goes through several contracts or links of one delivery. One's trouble keeps none of the others waiting; for it the
 * delivery as a whole is tried again.
 *
 * @throws the first failure that trying again may mend; where all that failed needs a person, one error with all steps
 */
export async function forEachInTurn<One>(
  all: Iterable<One> | AsyncIterable<One>,
  signal: AbortSignal,
  act: (one: One) => Promise<Verdict>,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const failures: unknown[] = [];
  for await (const one of all) {
    signal.throwIfAborted();
    try {
      verdicts.push(await act(one));
    } catch (error) {
      failures.push(error);
    }
  }
  const forPersons = failures.filter((failure) => failure instanceof NeedsPersonError);
  // A delivery that waits for a person is acknowledged: what the queue can mend must not go with it.
  if (forPersons.length < failures.length) throw failures.find((failure) => !(failure instanceof NeedsPersonError));
  const [first] = forPersons;
  if (first !== undefined) {
    throw new NeedsPersonError(first.message, { steps: forPersons.flatMap(({ steps }) => steps), cause: first });
  }
  return verdicts;
}
