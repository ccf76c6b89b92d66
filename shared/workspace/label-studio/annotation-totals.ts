import type { MemberId } from '../../ids.ts';
import type { DailyTotal, UsageQuery } from '../port.ts';
import type { Annotation } from './answers.ts';

/** What one account did on one UTC day. */
export interface AccountDay extends Required<Pick<DailyTotal, 'workDate' | 'seconds' | 'tasks' | 'labels'>> {
  readonly memberId: MemberId;
}

/** An annotation without what was drawn, which may be megabytes: all that counts of it is how many labels it has. */
export type CountedAnnotation = Omit<Annotation, 'result'> & { readonly labels: number };

export function countAnnotation({ result, ...annotation }: Annotation): CountedAnnotation {
  return { ...annotation, labels: countLabels(result ?? []) };
}

/**
 * Adds up annotations per account and UTC day.
 *
 * The day, and whether it falls into the window, go by `created_at`, the moment of the first submission. It never changes,
 * so an edit, which makes `lead_time` longer, and a deletion correct the very day that was told before.
 */
export function sumAnnotations(
  annotations: Iterable<CountedAnnotation>,
  { from, to }: Pick<UsageQuery, 'from' | 'to'>,
): AccountDay[] {
  const days = new Map<string, { -readonly [Field in keyof AccountDay]: AccountDay[Field] }>();
  for (const { completed_by: accountId, created_at: at, lead_time, was_cancelled, labels } of annotations) {
    // Nobody: the account was deleted for good, and Label Studio forgot whose work it was.
    if (accountId == null || at < from || at >= to) continue;
    const memberId = String(accountId) as MemberId;
    const workDate = new Date(at).toISOString().slice(0, 10);
    const key = `${workDate} ${memberId}`;
    const day = days.get(key) ?? { memberId, workDate, seconds: 0, tasks: 0, labels: 0 };
    days.set(key, day);
    day.seconds += Math.max(0, lead_time ?? 0);
    // A skipped task took time, but nothing was submitted.
    if (was_cancelled === true) continue;
    day.tasks += 1;
    day.labels += labels;
  }
  return [...days.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, day]) => day);
}

/**
 * Label Studio writes a region once for its shape and once more for each thing said about it, all with one id. A relation
 * between two regions has none, and is not a label.
 */
function countLabels(result: readonly unknown[]): number {
  const regions = new Set<unknown>();
  let withoutId = 0;
  for (const item of result) {
    const { id, type } = (item ?? {}) as { id?: unknown; type?: unknown };
    if (type === 'relation') continue;
    if (id === undefined) withoutId += 1;
    else regions.add(id);
  }
  return regions.size + withoutId;
}
