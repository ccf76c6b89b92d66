import type { DayTotals } from '../store/usage.ts';
import { parseWorkDate, workDateOf } from './work-days.ts';

export const MEASURES = ['seconds', 'tasks', 'labels'] as const;

/** A day has 86,400 s, and OpenTrain refuses more. Source: `POST /contracts/{id}/usage`. */
export const SECONDS_OF_A_DAY = 86_400;

/** What a day's work comes to, or why it cannot be right. */
export interface DayWork {
  readonly totals: DayTotals;
  readonly fault?: DayFault | undefined;
}

/** Why a day is set aside before it is ever sent. */
export type DayFault =
  | 'seconds_out_of_range'
  | 'negative_count'
  | 'count_out_of_range'
  | 'not_a_whole_number'
  | 'not_a_number'
  | 'future_date'
  | 'outside_window'
  | 'malformed_date';

/** Whether the row belongs to no day that could be asked for, so that nothing can be said of any day. */
export const isOfNoDay = (reason: string | undefined): boolean =>
  reason === 'future_date' || reason === 'malformed_date' || reason === 'outside_window';

export function addTotals(one: DayTotals, other: DayTotals): DayTotals {
  const sums = MEASURES.flatMap((measure) => {
    const values = [one[measure], other[measure]].filter((value) => value !== undefined);
    return values.length === 0 ? [] : [[measure, values.reduce((sum, value) => sum + value, 0)] as const];
  });
  return Object.fromEntries(sums);
}

/** Two parts of one day: a fault in either spoils the day, since a part of it would replace the whole at OpenTrain. */
export function addWork(one: DayWork | undefined, other: DayWork): DayWork {
  if (one === undefined) return other;
  return { totals: addTotals(one.totals, other.totals), fault: one.fault ?? other.fault };
}

/** Looks at one row of a workspace, before a bad number can hide in a sum. */
export function workOf(totals: DayTotals): DayWork {
  return { totals, fault: faultOf(totals) };
}

function faultOf(totals: DayTotals): DayFault | undefined {
  for (const measure of MEASURES) {
    const value = totals[measure];
    if (value === undefined) continue;
    if (!Number.isFinite(value)) return 'not_a_number';
    if (value < 0) return measure === 'seconds' ? 'seconds_out_of_range' : 'negative_count';
    if (measure !== 'seconds' && !Number.isInteger(value)) return 'not_a_whole_number';
  }
  return undefined;
}

/** Rounds a contract's day, once and at the end, and looks at the sum. */
export function finishDay({ totals, fault }: DayWork): DayWork {
  const seconds = totals.seconds === undefined ? {} : { seconds: Math.round(totals.seconds) };
  const rounded = { ...totals, ...seconds };
  return { totals: rounded, fault: fault ?? faultOfSum(rounded) };
}

function faultOfSum({ seconds = 0, tasks = 0, labels = 0 }: DayTotals): DayFault | undefined {
  if (seconds > SECONDS_OF_A_DAY) return 'seconds_out_of_range';
  return Math.max(tasks, labels) > Number.MAX_SAFE_INTEGER ? 'count_out_of_range' : undefined;
}

/** Why a row cannot be of the window that was asked for; undefined when it can. @param window - milliseconds, [from, to) */
export function faultOfDate(
  workDate: string,
  window: { readonly from: number; readonly to: number },
  now: number,
): DayFault | undefined {
  if (parseWorkDate(workDate) === undefined) return 'malformed_date';
  if (workDate > workDateOf(now)) return 'future_date';
  if (workDate < workDateOf(window.from) || workDate > workDateOf(window.to - 1)) return 'outside_window';
  return undefined;
}

/** With zero for what was told before and is there no more: a field that is left out of a report keeps what it was. */
export function fillIn(totals: DayTotals, before: DayTotals | undefined): DayTotals {
  const values = MEASURES.flatMap((measure) => {
    const value = totals[measure] ?? (before?.[measure] === undefined ? undefined : 0);
    return value === undefined ? [] : [[measure, value] as const];
  });
  return Object.fromEntries(values);
}

export const isSame = (one: DayTotals, other: DayTotals): boolean =>
  MEASURES.every((measure) => one[measure] === other[measure]);
