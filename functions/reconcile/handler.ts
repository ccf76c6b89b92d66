import type { Queue } from '../../shared/aws/queue.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import type { ConnectionJob } from '../../shared/jobs/connection-job.ts';
import { type JobParts, type JobResult, processJob } from '../../shared/jobs/process-job.ts';
import { readLag } from '../../shared/reconcile/read-lag.ts';
import { type ReconcileParts, reconcileConnection } from '../../shared/reconcile/reconcile-connection.ts';
import { createScheduledHandler, type ScheduledHandler } from '../scheduled-handler.ts';

export interface ReconcileHandlerParts extends ReconcileParts, JobParts {
  readonly queue: Queue;
}

/** The schedule's event plans a run, a message a connection; each message reconciles one connection. */
export function createReconcileHandler(parts: ReconcileHandlerParts): ScheduledHandler {
  async function run({ connectionId, runId, plannedAt }: ConnectionJob, signal: AbortSignal): Promise<JobResult> {
    const outcome = await reconcileConnection({ connectionId, runId, plannedAt }, parts, signal);
    return outcome.kind === 'done' ? { kind: 'finished' } : outcome;
  }
  const jobParts = { ...parts, readLag: (id: ConnectionId) => readLag(id, parts.store, parts.clock.now()) };
  return createScheduledHandler(
    'reconcile',
    (body, attempt, signal) => processJob('reconcile', body, attempt, run, jobParts, signal),
    parts,
  );
}
