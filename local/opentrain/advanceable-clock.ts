import type { Clock } from '../../shared/clock.ts';

/** Time that goes by itself and can also be moved forward, so that a retry after two hours takes no two hours. */
export interface AdvanceableClock extends Clock {
  /**
   * Moves time forward. Whatever falls due rings in the order of its times, each at its own time, one after the other.
   *
   * @returns once all of it has finished
   */
  advance(milliseconds: number): Promise<void>;
  /**
   * Rings once at the given time (milliseconds since the epoch), when time gets there by itself or is moved there.
   *
   * @returns a function that calls it off
   */
  schedule(at: number, ring: () => Promise<void> | void): () => void;
  /** Calls everything off. */
  stop(): void;
}

interface Alarm {
  readonly at: number;
  readonly ring: () => Promise<void> | void;
}

/** The longest time that `setTimeout` can wait. */
const LONGEST_TIMER_MILLISECONDS = 2 ** 31 - 1;

/**
 * @param options.running - whether time also goes by itself; default true. Standing still gives tests exact times.
 * @param options.start - milliseconds since the epoch; default now
 */
export function createAdvanceableClock(
  options: { readonly running?: boolean; readonly start?: number } = {},
): AdvanceableClock {
  const { running = true, start = Date.now() } = options;
  const startedAt = Date.now();
  const alarms = new Set<Alarm>();
  let advanced = 0;
  let timer: NodeJS.Timeout | undefined;

  const now = () => start + advanced + (running ? Date.now() - startedAt : 0);
  const moveTo = (at: number) => {
    advanced += Math.max(0, at - now());
  };
  const takeDue = (until: number) => {
    const next = earliest(alarms);
    if (next === undefined || next.at > until) return undefined;
    alarms.delete(next);
    return next;
  };
  const setTimer = () => {
    clearTimeout(timer);
    const next = earliest(alarms);
    if (!running || next === undefined) return;
    timer = setTimeout(ringDue, Math.min(Math.max(0, next.at - now()), LONGEST_TIMER_MILLISECONDS));
    timer.unref();
  };
  const ringDue = () => {
    for (let due = takeDue(now()); due !== undefined; due = takeDue(now())) void due.ring();
    setTimer();
  };

  return {
    now,
    async advance(milliseconds) {
      const target = now() + milliseconds;
      for (let due = takeDue(target); due !== undefined; due = takeDue(target)) {
        moveTo(due.at);
        await due.ring();
      }
      moveTo(target);
      setTimer();
    },
    schedule(at, ring) {
      const alarm = { at, ring };
      alarms.add(alarm);
      setTimer();
      return () => {
        alarms.delete(alarm);
        setTimer();
      };
    },
    stop() {
      alarms.clear();
      clearTimeout(timer);
    },
  };
}

function earliest(alarms: Iterable<Alarm>): Alarm | undefined {
  let first: Alarm | undefined;
  for (const alarm of alarms) if (first === undefined || alarm.at < first.at) first = alarm;
  return first;
}
