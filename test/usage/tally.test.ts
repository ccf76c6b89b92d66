import { expect, test } from 'vitest';
import type { ConnectionId, ContractId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { createTally } from '../../shared/usage/tally.ts';

const reported = (isAnswered: boolean) =>
  ({ kind: 'reported', sent: 1, setAside: 0, unchanged: 0, isAnswered, isBudgetTold: false }) as const;

function start() {
  const tally = createTally({ connectionId: 'acme' as ConnectionId, runId: 'run' }, silentLogger);
  const error = new OpenTrainError('away', { operation: 'reportContractUsage', kind: 'transient', status: 500 });
  const fail = () => tally.fail(error, new AbortController().signal, { contractId: 'contract' as ContractId });
  return { tally, fail };
}

test('three failures in a row end a run, unless OpenTrain takes something in between', () => {
  const { tally, fail } = start();
  for (let time = 0; time < 4; time += 1) {
    fail();
    fail();
    tally.note(reported(true));
  }
  expect(tally.isOver()).toBe(false);
  for (let time = 0; time < 3; time += 1) fail();
  expect(tally.isOver()).toBe(true);
});

test('a contract of which nothing had to be sent says nothing of OpenTrain', () => {
  const { tally, fail } = start();
  for (let time = 0; time < 3; time += 1) {
    fail();
    tally.note(reported(false));
  }
  expect(tally.isOver()).toBe(true);
});
