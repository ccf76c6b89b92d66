export const DAY_MILLISECONDS = 24 * 3600_000;

/** Of the UTC day that the moment lies in. @param at - milliseconds since the epoch */
export const midnightOf = (at: number): number => Math.floor(at / DAY_MILLISECONDS) * DAY_MILLISECONDS;

/** `YYYY-MM-DD`, UTC. @param at - milliseconds since the epoch */
export const workDateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

const WORK_DATE = /^\d{4}-\d\d-\d\d$/;

/** Whether it looks like a date; the 31st of February does. */
export const isDateShaped = (text: string): boolean => WORK_DATE.test(text);

/** @returns the first moment of the day, milliseconds since the epoch; undefined for what is no date */
export function parseWorkDate(text: string): number | undefined {
  if (!isDateShaped(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) || workDateOf(at) !== text ? undefined : at;
}
