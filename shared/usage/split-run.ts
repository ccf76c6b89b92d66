import type { Queue } from '../aws/queue.ts';
import type { ConnectionJob, JobResume } from '../jobs/connection-job.ts';
import type { Logger } from '../logging.ts';

interface SplitParts {
  readonly queue: Pick<Queue, 'sendAll'>;
  readonly logger: Logger;
}

/** Puts the parts of a run that is too large on the queue, where each is a job of its own. */
export async function splitRun(job: ConnectionJob, of: number, { queue, logger }: SplitParts): Promise<void> {
  const jobs = Array.from({ length: of }, (_, index): ConnectionJob => ({ ...job, part: { index, of } }));
  await queue.sendAll(jobs.map((one) => ({ body: JSON.stringify(one), group: one.connectionId })));
  logger.info({ event: 'usage.split', connectionId: job.connectionId, runId: job.runId, count: of });
}

/** Puts what is left of a run whose time was over on the queue, as a job that does not begin with what was done. */
export async function resumeRun(job: ConnectionJob, resume: JobResume, { queue, logger }: SplitParts): Promise<void> {
  const { connectionId, runId } = job;
  await queue.sendAll([{ body: JSON.stringify({ ...job, resume }), group: connectionId }]);
  logger.info({ event: 'usage.resumed', connectionId, runId });
}
