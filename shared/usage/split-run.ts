import type { Queue } from '../aws/queue.ts';
import type { ConnectionJob } from '../jobs/connection-job.ts';
import type { Logger } from '../logging.ts';

/** Puts the parts of a run that is too large on the queue, where each is a job of its own. */
export async function splitRun(
  job: ConnectionJob,
  of: number,
  { queue, logger }: { readonly queue: Pick<Queue, 'sendAll'>; readonly logger: Logger },
): Promise<void> {
  const jobs = Array.from({ length: of }, (_, index): ConnectionJob => ({ ...job, part: { index, of } }));
  await queue.sendAll(jobs.map((one) => ({ body: JSON.stringify(one), group: one.connectionId })));
  logger.info({ event: 'usage.split', connectionId: job.connectionId, runId: job.runId, count: of });
}
