/** One reading of HTTP answers for both sides, OpenTrain's and the workspace's. */
export type StatusMeaning = 'ok' | 'transient' | 'rate-limited' | 'forbidden' | 'rejected';

export function meaningOfStatus(status: number): StatusMeaning {
  if (status >= 200 && status < 300) return 'ok';
  if (status === 429) return 'rate-limited';
  if (status === 408 || status === 425 || status >= 500) return 'transient';
  if (status === 401 || status === 403) return 'forbidden';
  return 'rejected';
}

/**
 * Reads `Retry-After`: seconds, or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @param now - milliseconds since the epoch
 * @returns seconds to wait, 0 or more; undefined when absent or unreadable
 */
export function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim());
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}
