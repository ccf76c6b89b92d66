import { AsyncLocalStorage } from 'node:async_hooks';

/** The header by which a request to the workspace tells what it was made for. */
export const CORRELATION_HEADER = 'x-correlation-id';

const current = new AsyncLocalStorage<string>();

/**
 * Does some work for a delivery or a run. Every request to the workspace that it makes carries the id, so that a line in the
 * platform's own log leads to the lines in ours, and to the delivery at OpenTrain.
 *
 * @param id - a delivery's id, or a run's
 */
export const correlated = <Result>(id: string, work: () => Result): Result => current.run(id, work);

/** Empty where nobody said what the work is for, or where the id, which came from outside, could not be a header. */
export function correlationHeaders(): Readonly<Record<string, string>> {
  const id = current.getStore();
  return id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id) ? { [CORRELATION_HEADER]: id } : {};
}
