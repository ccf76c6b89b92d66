import type { Queue } from '../aws/queue.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logging.ts';
import type { Store } from '../store/store.ts';
import type { ConnectionJob } from './connection-job.ts';

/** What is done for every connection on a schedule of its own. */
export type Schedule = 'usage' | 'reconcile';

export interface PlanParts {
  readonly store: Pick<Store, 'connections'>;
  readonly queue: Pick<Queue, 'sendAll'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Enough to fill a request to SQS, few enough that the directory is never in memory as a whole. */
const MESSAGES = 10;

/**
 * Plans one run: a message a connection, so that none waits for another (rule 8). Twice for one schedule is no harm: the
 * second finds nothing to do.
 *
 * @param runId - names the run in logs
 */
export async function planRun(schedule: Schedule, runId: string, parts: PlanParts): Promise<void> {
  const { store, queue, clock, logger } = parts;
  const plannedAt = clock.now();
  let messages: { body: string; group: string }[] = [];
  let count = 0;
  for await (const connectionId of store.connections.list()) {
    const job = { connectionId, runId, plannedAt } satisfies ConnectionJob;
    messages.push({ body: JSON.stringify(job), group: connectionId });
    count += 1;
    if (messages.length < MESSAGES) continue;
    await queue.sendAll(messages);
    messages = [];
  }
  await queue.sendAll(messages);
  logger.info({ event: `${schedule}.planned`, runId, count });
}
