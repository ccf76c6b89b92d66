import type { Clock } from '../clock.ts';
import { correlated } from '../correlation.ts';
import { type BackOff, waitSeconds } from '../deliveries/back-off.ts';
import { classify } from '../deliveries/classify.ts';
import type { ConnectionId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import { type ConnectionJob, parseConnectionJob } from './connection-job.ts';
import type { Schedule } from './plan-run.ts';

export type JobOutcome =
  | { readonly kind: 'finished' }
  /** Tried again after so many seconds, 1 to 900. */
  | { readonly kind: 'retry'; readonly waitSeconds: number };

/** What a job itself comes to. */
export type JobResult =
  | { readonly kind: 'finished' }
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfterSeconds: number | undefined };

export interface JobParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly backOff: BackOff;
  /** Within [0, 1). */
  readonly random: () => number;
  /** Minutes between two plans: a job that is older, and was tried or begun before, has a successor that does the same. */
  readonly intervalMinutes: number;
  /**
   * For how long the connection has been behind, seconds: told of a job that comes to nothing, since a job that says
   * nothing of it would hide a connection that fails in every run.
   */
  readonly readLag?: ((connection: ConnectionId) => Promise<number | undefined>) | undefined;
}

/**
 * Takes one message of a schedule's queue through an attempt. Never throws: what nobody foresaw is tried again (rule 1).
 *
 * @param attempt - how often the queue has handed this message out, 1 for the first
 * @param signal - aborted when the function's own time runs out
 */
export async function processJob(
  schedule: Schedule,
  body: string,
  attempt: number,
  run: (job: ConnectionJob, signal: AbortSignal) => Promise<JobResult>,
  { clock, logger, backOff, random, intervalMinutes, readLag }: JobParts,
  signal: AbortSignal,
): Promise<JobOutcome> {
  const retry = (retryAfterSeconds?: number): JobOutcome => ({
    kind: 'retry',
    waitSeconds: waitSeconds(attempt, retryAfterSeconds, backOff, random),
  });
  const job = parseConnectionJob(body);
  if (job === undefined) {
    logger.error({ event: `${schedule}.job-unreadable`, attempt });
    return retry();
  }
  const { connectionId, runId } = job;
  // Where the table is away, too, there is nobody to ask.
  const lag = async () => readLag?.(connectionId).catch(() => undefined);
  if ((attempt > 1 || job.resume !== undefined) && clock.now() > job.plannedAt + intervalMinutes * 60_000) {
    logger.warn({ event: `${schedule}.superseded`, connectionId, runId, attempt, lagSeconds: await lag() });
    return { kind: 'finished' };
  }
  try {
    const result = await correlated(runId, () => run(job, signal));
    if (result.kind === 'finished') return { kind: 'finished' };
    // Time that ran out is no failure of anybody's: whoever has time now goes on at once.
    return result.reason === 'out-of-time' ? { kind: 'retry', waitSeconds: 1 } : retry(result.retryAfterSeconds);
  } catch (error) {
    const meaning = classify(error, signal);
    const level = meaning.kind === 'busy' || meaning.kind === 'out-of-time' ? 'warn' : 'error';
    const about = { connectionId, runId, attempt, reason: meaning.kind, lagSeconds: await lag() };
    logger[level]({ event: `${schedule}.failed`, ...about, error });
    if (meaning.kind === 'out-of-time') return { kind: 'retry', waitSeconds: 1 };
    return retry(meaning.kind === 'busy' ? meaning.retryAfterSeconds : undefined);
  }
}
