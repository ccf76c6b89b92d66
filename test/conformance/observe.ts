import { expect } from 'vitest';
import type { Member, Trainer } from '../../shared/workspace/port.ts';

export async function collect<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** The error that a call ends with; a call that succeeds is the failure. */
export async function failureOf(call: Promise<unknown>): Promise<Error> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('The call was expected to fail, and succeeded.');
}

/** Rule 7: whatever an error could put into a log or on a screen, its causes included, holds nothing of the kind. */
export function expectToldNothingOf(error: Error, secrets: readonly string[]): void {
  const told = toldBy(error);
  for (const secret of secrets) expect(told.toLowerCase()).not.toContain(secret.toLowerCase());
}

function toldBy(error: Error): string {
  const cause = error.cause instanceof Error ? toldBy(error.cause) : '';
  return `${error.stack} ${error.message} ${JSON.stringify(error)} ${cause}`;
}

/** Whether a row is about the trainer, by whichever of the three ids the platform tells. */
export function isSame(row: Member, trainer: Trainer, known: Member): boolean {
  return (
    row.opentrainUserId === trainer.opentrainUserId ||
    row.workEmail === trainer.workEmail ||
    (row.memberId !== undefined && row.memberId === known.memberId)
  );
}
