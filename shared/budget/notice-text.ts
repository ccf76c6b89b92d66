import type { BudgetCopy } from '../store/budgets.ts';
import type { BudgetNotice } from '../workspace/port.ts';
import { worstFirst } from './budget-state.ts';
import type { ContractBudget } from './project-budget.ts';

/**
 * What a project's people are told of its contracts: the worst of them in full, the others as a number.
 *
 * @returns null when none of them warns
 */
export function noticeOf(contracts: readonly BudgetCopy[]): BudgetNotice | null {
  const [worst, ...others] = contracts.filter(({ state }) => state !== 'OK').sort(worstFirst);
  if (worst === undefined || worst.state === 'OK') return null;
  const sentence = worst.state === 'LOW' ? lowSentence(worst) : depletedSentence(worst);
  const { length } = others;
  const more =
    length === 0 ? '' : ` ${counted(length)} more ${length === 1 ? 'contract is' : 'contracts are'} running out, too.`;
  return { state: worst.state, text: `${sentence}${more}`, url: worst.url };
}

/** What a contract's volumes are counted in; null for a payment type that is not known, or has none. */
export function unitOf({ paymentType }: Pick<BudgetCopy, 'paymentType'>): ContractBudget['unit'] {
  if (paymentType === 'PAY_PER_HOUR') return 'hours';
  return paymentType === 'PAY_PER_LABEL' ? 'labels' : null;
}

function lowSentence(contract: BudgetCopy): string {
  const share = percentOf(contract);
  const funds = fundsOf(contract);
  const isUsed =
    share === undefined
      ? `The ${funds} ${verbFor(contract)} running low`
      : `${share} of the ${funds} ${verbFor(contract)} used`;
  return `${isUsed}${volumesOf(contract)}: top up on OpenTrain.`;
}

function depletedSentence(contract: BudgetCopy): string {
  return (
    `The ${fundsOf(contract)} ${verbFor(contract)} used up${volumesOf(contract)}: ` +
    'funded work is exhausted until it is topped up on OpenTrain.'
  );
}

/** `funded hours of “Label street signs”`. */
function fundsOf(contract: BudgetCopy): string {
  return `funded ${unitOf(contract) ?? 'work'} of ${nameOf(contract)}`;
}

const verbFor = (contract: BudgetCopy): string => (unitOf(contract) === null ? 'is' : 'are');

/** A title is somebody else's text: it goes on one line, and leaves room for what is said of it. */
const TITLE_CHARACTERS = 100;

function nameOf({ title = '', contractId }: BudgetCopy): string {
  const characters = [...title.replaceAll(/\s+/g, ' ').trim()];
  if (characters.length === 0) return `contract ${contractId}`;
  const isLong = characters.length > TITLE_CHARACTERS;
  return `“${characters.slice(0, TITLE_CHARACTERS).join('')}${isLong ? '…' : ''}”`;
}

/** Rounded down: 99.96 % is not yet all of it. The tiny addition undoes 0.29 * 100 = 28.999999999999996. */
function percentOf({ consumedFraction }: BudgetCopy): string | undefined {
  if (consumedFraction === undefined) return undefined;
  return `${Math.min(100, Math.floor(consumedFraction * 100 + 1e-9))} %`;
}

/** ` (34.8 of 40 h)`; nothing when a volume or the unit is not known. */
function volumesOf(contract: BudgetCopy): string {
  const { consumedVolume, fundedVolume } = contract;
  const unit = unitOf(contract);
  if (consumedVolume === undefined || fundedVolume === undefined || unit === null) return '';
  const digits = unit === 'hours' ? 1 : 0;
  const funded = format(fundedVolume, digits);
  const rounded = format(consumedVolume, digits);
  // What is not yet all of it must not look so.
  const isAll = consumedVolume >= fundedVolume;
  const used = rounded === funded && !isAll ? format(roundDown(consumedVolume, digits), digits) : rounded;
  return ` (${used} of ${funded}${unit === 'hours' ? ' h' : ''})`;
}

function format(volume: number, maximumFractionDigits: number): string {
  return new Intl.NumberFormat('en-US', { maximumFractionDigits }).format(volume);
}

const roundDown = (volume: number, digits: number): number => Math.floor(volume * 10 ** digits) / 10 ** digits;

const WORDS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];

const counted = (count: number): string => WORDS[count] ?? format(count, 0);
