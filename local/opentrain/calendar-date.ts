/** Whether the text is `YYYY-MM-DD` and that day exists. */
export function isCalendarDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && calendarDate(time) === text;
}

/** The UTC day of a time in milliseconds since the epoch. */
export function calendarDate(time: number): string {
  return isoTime(time).slice(0, 10);
}

export function isoTime(time: number): string {
  return new Date(time).toISOString();
}
