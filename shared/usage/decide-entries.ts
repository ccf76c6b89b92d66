import type { DayTotals, SetAsideDay, UsageRecord } from '../store/usage.ts';
import { type DayWork, fillIn, finishDay, isOfNoDay, isSame, MEASURES } from './totals.ts';
import { isDateShaped } from './work-days.ts';

/** What is to be sent of a contract, and what is not. */
export interface Decision {
  /** By work date, oldest first. */
  readonly send: ReadonlyMap<string, DayTotals>;
  /** Newly set aside, or for another reason or with other totals than before. */
  readonly setAside: ReadonlyMap<string, SetAsideDay>;
  /** Set aside once and fine now, or gone. */
  readonly mended: readonly string[];
  readonly unchanged: number;
  /** All that is set aside now. */
  readonly asideCount: number;
}

/** What OpenTrain refused is sent again after a day even when it is unchanged: what it refused it for may be over. */
const AGAIN_MILLISECONDS = 24 * 3600_000;

/** Why a day is set aside that was sent: OpenTrain answered 400 to it alone. */
export const REFUSED = 'refused_by_opentrain';

/**
 * Compares what was done with what OpenTrain has.
 *
 * A day that was reported and is no more there was deleted, or turned out to lie outside the contract: it becomes zero.
 *
 * @param firstDay - the first work date that was looked at; earlier ones stay as they are
 * @param now - milliseconds since the epoch
 */
export function decideEntries(
  days: ReadonlyMap<string, DayWork>,
  { reported, setAside }: UsageRecord,
  { firstDay, lastDay, now }: { readonly firstDay: string; readonly lastDay: string; readonly now: number },
): Decision {
  const send = new Map<string, DayTotals>();
  const newlyAside = new Map<string, SetAsideDay>();
  const aside = new Set<string>();
  let unchanged = 0;

  const gone = [...reported.keys()].filter((date) => date >= firstDay && date <= lastDay && !days.has(date));
  for (const workDate of [...new Set([...days.keys(), ...gone])].sort()) {
    const before = reported.get(workDate);
    const work = days.get(workDate);
    const { totals: found, fault } = work === undefined ? { totals: {}, fault: undefined } : finishDay(work);
    const totals = fillIn(found, before);
    const known = setAside.get(workDate);
    if (fault !== undefined) {
      aside.add(workDate);
      // What does not even look like a date cannot be kept by its date.
      if (!isDateShaped(workDate)) continue;
      const kept = storable(found);
      if (known?.reason !== fault || !isSame(known, kept))
        newlyAside.set(workDate, { ...kept, reason: fault, since: now });
    } else if (known?.reason === REFUSED && isSame(known, totals) && now < known.since + AGAIN_MILLISECONDS) {
      aside.add(workDate);
    } else if (before !== undefined && before.unconfirmed !== true && isSame(before, totals)) {
      unchanged += 1;
    } else if (MEASURES.some((measure) => totals[measure] !== undefined)) {
      send.set(workDate, totals);
    }
  }
  const isLookedAt = (date: string, { reason }: SetAsideDay) =>
    (date >= firstDay && date <= lastDay) || isOfNoDay(reason);
  const mended = [...setAside]
    .filter(([date, known]) => isLookedAt(date, known) && !aside.has(date) && !send.has(date))
    .map(([date]) => date);
  return { send, setAside: newlyAside, mended, unchanged, asideCount: aside.size };
}

/** What cannot be right may be what the table cannot hold: NaN, infinity, more digits than it has. */
function storable(totals: DayTotals): DayTotals {
  return Object.fromEntries(Object.entries(totals).filter(([, value]) => Number.isSafeInteger(value)));
}
