import { DAY_MILLISECONDS, midnightOf } from './work-days.ts';

/** The work that a run is about, [since, until): milliseconds since the epoch. */
export interface UsageWindow {
  /** A midnight, UTC: a day that is reported in part would replace the whole. */
  readonly since: number;
  readonly until: number;
}

/** Today so far, and so many days before it: corrections of those are sent, too. @param days - 1 to 30 */
export function lookBack(days: number, now: number): UsageWindow {
  return { since: midnightOf(now) - days * DAY_MILLISECONDS, until: now };
}
