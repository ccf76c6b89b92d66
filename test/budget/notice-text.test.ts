import { describe, expect, test } from 'vitest';
import { noticeOf } from '../../shared/budget/notice-text.ts';
import type { ConnectionId, ContractId } from '../../shared/ids.ts';
import type { BudgetCopy } from '../../shared/store/budgets.ts';
import { depletedCopy, lowCopy, newCopy } from './copies.ts';

const textOf = (...contracts: BudgetCopy[]) => noticeOf(contracts)?.text;
const contractId = (name: string) => name as ContractId;
const labels = { paymentType: 'PAY_PER_LABEL', fundedVolume: 40_000, consumedVolume: 34_800 };
const withoutNumbers = { consumedFraction: undefined, fundedVolume: undefined, consumedVolume: undefined };

test('nothing is said of contracts that are OK, or of none', () => {
  expect(noticeOf([])).toBeNull();
  expect(noticeOf([newCopy({ state: 'OK' })])).toBeNull();
});

describe('one contract', () => {
  test.each<[string, BudgetCopy, string]>([
    [
      'LOW, by the hour',
      lowCopy,
      '87 % of the funded hours of “Label street signs” are used (34.8 of 40 h): top up on OpenTrain.',
    ],
    [
      'DEPLETED, by the hour',
      depletedCopy,
      'The funded hours of “Label street signs” are used up (41.2 of 40 h): funded work is exhausted until it is topped up on OpenTrain.',
    ],
    [
      'LOW, by the label',
      newCopy(labels),
      '87 % of the funded labels of “Label street signs” are used (34,800 of 40,000): top up on OpenTrain.',
    ],
    [
      'DEPLETED, by the label',
      newCopy({ ...labels, state: 'DEPLETED', consumedVolume: 41_200.4 }),
      'The funded labels of “Label street signs” are used up (41,200 of 40,000): funded work is exhausted until it is topped up on OpenTrain.',
    ],
    [
      'LOW, of a payment type that is not known',
      newCopy({ paymentType: undefined }),
      '87 % of the funded work of “Label street signs” is used: top up on OpenTrain.',
    ],
    [
      'LOW, without numbers',
      newCopy(withoutNumbers),
      'The funded hours of “Label street signs” are running low: top up on OpenTrain.',
    ],
    [
      'DEPLETED, without numbers and payment type',
      newCopy({ ...withoutNumbers, paymentType: undefined, state: 'DEPLETED' }),
      'The funded work of “Label street signs” is used up: funded work is exhausted until it is topped up on OpenTrain.',
    ],
    [
      'without a title',
      newCopy({ title: undefined }),
      '87 % of the funded hours of contract c-1 are used (34.8 of 40 h): top up on OpenTrain.',
    ],
    [
      'with a title of several lines',
      newCopy({ title: ' Label\n street\tsigns ' }),
      '87 % of the funded hours of “Label street signs” are used (34.8 of 40 h): top up on OpenTrain.',
    ],
    [
      'with a title without end',
      newCopy({ title: '🚏'.repeat(500) }),
      `87 % of the funded hours of “${'🚏'.repeat(100)}…” are used (34.8 of 40 h): top up on OpenTrain.`,
    ],
  ])('%s', (_, contract, text) => {
    expect(noticeOf([contract])).toEqual({ state: contract.state, text, url: contract.url });
  });

  test.each([
    [0.796, '79 %'],
    [0.8, '80 %'],
    [0.29, '29 %'],
    [0.999_6, '99 %'],
    [1.2, '100 %'],
  ])('LOW at %d says %s: rounded down, and never more than all', (consumedFraction, share) => {
    expect(textOf(newCopy({ consumedFraction }))).toMatch(new RegExp(`^${share} of`));
  });

  test.each([
    [34.84, 40, '34.8 of 40 h'],
    [34.86, 40, '34.9 of 40 h'],
    [39.96, 40, '39.9 of 40 h'],
    [40, 40, '40 of 40 h'],
    [1234.5, 1500, '1,234.5 of 1,500 h'],
  ])('%d of %d hours are written as %s: what is not yet all of it does not look so', (used, fundedVolume, text) => {
    expect(textOf(newCopy({ consumedVolume: used, fundedVolume }))).toContain(`(${text})`);
  });
});

describe('several contracts', () => {
  const other = (name: string, differences: Partial<BudgetCopy> = {}) =>
    newCopy({ contractId: contractId(name), title: name, ...differences });

  test('the worst state counts, and in it the most consumed; the others are counted', () => {
    const worst = { ...depletedCopy, contractId: contractId('worst'), title: 'Worst', consumedFraction: 1.4 };
    const notice = noticeOf([lowCopy, depletedCopy, worst, newCopy({ state: 'OK' })]);
    expect(notice).toMatchObject({ state: 'DEPLETED', url: worst.url });
    expect(notice?.text).toMatch(
      /^The funded hours of “Worst” .* OpenTrain\. Two more contracts are running out, too\.$/,
    );
  });

  test.each([
    [1, 'One more contract is running out, too.'],
    [2, 'Two more contracts are running out, too.'],
    [9, 'Nine more contracts are running out, too.'],
    [10, '10 more contracts are running out, too.'],
    [1200, '1,200 more contracts are running out, too.'],
  ])('%d others are %s', (count, sentence) => {
    const others = Array.from({ length: count }, (_, index) => other(`c-${index + 2}`));
    expect(textOf(lowCopy, ...others)?.endsWith(` top up on OpenTrain. ${sentence}`)).toBe(true);
  });

  test('equals say the same in whichever order they come', () => {
    const [one, two] = [other('a'), other('b', { connectionId: 'beta' as ConnectionId })];
    expect(noticeOf([one, two])).toEqual(noticeOf([two, one]));
    expect(textOf(one, two)).toContain('“a”');
  });
});
