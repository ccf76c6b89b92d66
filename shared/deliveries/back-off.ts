/** How long a delivery waits before it is tried again. */
export interface BackOff {
  /** The first wait's upper end; it doubles with every attempt. */
  readonly baseSeconds: number;
  /** No wait is longer. */
  readonly capSeconds: number;
}

/** 4 s doubles to 15 min in eight attempts: quick to heal from a hiccup, cheap through a long outage. */
export const DEFAULT_BACK_OFF: BackOff = { baseSeconds: 4, capSeconds: 900 };

/**
 * Full jitter: anything from 1 s up to the doubled base, so that a crowd that failed together does not come back together.
 * Source: AWS Architecture Blog, "Exponential Backoff And Jitter".
 *
 * @param attempt - 1 for the first
 * @param retryAfterSeconds - what the other side asked for: the least to wait, as far as the cap allows
 * @param random - within [0, 1)
 * @returns whole seconds, 1 to the cap
 */
export function waitSeconds(
  attempt: number,
  retryAfterSeconds: number | undefined,
  { baseSeconds, capSeconds }: BackOff,
  random: () => number,
): number {
  const ceiling = Math.min(capSeconds, baseSeconds * 2 ** Math.min(attempt - 1, 30));
  const wait = (retryAfterSeconds ?? 0) + random() * ceiling;
  return Math.max(1, Math.min(capSeconds, Math.round(wait)));
}
