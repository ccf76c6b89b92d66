import type { Queue } from '../../shared/aws/queue.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import type { ConnectionJob } from '../../shared/jobs/connection-job.ts';
import { lagOf } from '../../shared/jobs/lag.ts';
import { type JobParts, type JobResult, processJob } from '../../shared/jobs/process-job.ts';
import { reportConnection, type UsageParts } from '../../shared/usage/report-connection.ts';
import { resumeRun, splitRun } from '../../shared/usage/split-run.ts';
import { lookBack } from '../../shared/usage/usage-window.ts';
import { createScheduledHandler, type ScheduledHandler } from '../scheduled-handler.ts';

export type UsageHandlerParts = UsageParts &
  JobParts & {
    readonly queue: Queue;
    readonly lookBackDays: number;
  };

/** The schedule's event plans a run, a message a connection; each message reports one connection's work. */
export function createUsageHandler(parts: UsageHandlerParts): ScheduledHandler {
  const { store, clock, logger, lookBackDays } = parts;
  const jobParts = {
    ...parts,
    async readLag(id: ConnectionId) {
      const connection = await store.connections.get(id);
      return lagOf(connection, connection.usageReportedAt, clock.now());
    },
  };

  async function run(job: ConnectionJob, signal: AbortSignal): Promise<JobResult> {
    const outcome = await reportConnection({ ...job, ...lookBack(lookBackDays, clock.now()) }, parts, signal);
    const { connectionId, runId } = job;
    switch (outcome.kind) {
      case 'split':
        await splitRun(job, outcome.parts, parts);
        break;
      case 'disconnected':
        logger.info({ event: 'usage.disconnected', connectionId, runId });
        break;
      case 'superseded':
        logger.info({ event: 'usage.already-reported', connectionId, runId });
        break;
      case 'retry':
        if (outcome.resume === undefined) return outcome;
        await resumeRun(job, outcome.resume, parts);
    }
    return { kind: 'finished' };
  }

  return createScheduledHandler(
    'usage',
    (body, attempt, signal) => processJob('usage', body, attempt, run, jobParts, signal),
    parts,
  );
}
