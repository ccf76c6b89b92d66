/** Runs work as soon as fewer than the limit are running; the rest wait in the order in which they came. */
export type Limiter = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** @param limit - how many may run at once, 1 or more */
export function createLimiter(limit: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async (work) => {
    // Whoever ends hands the place over, so nobody who comes meanwhile can take it.
    if (running < limit) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
