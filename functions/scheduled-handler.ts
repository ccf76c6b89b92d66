import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Queue } from '../shared/aws/queue.ts';
import { type PlanParts, planRun, type Schedule } from '../shared/jobs/plan-run.ts';
import type { JobOutcome } from '../shared/jobs/process-job.ts';
import { putBack, timeUp } from './sqs-batch.ts';

/** What a schedule sends: see infra/connection-schedule.ts. */
export interface ScheduleEvent {
  readonly source: 'schedule';
  /** When it was due, ISO 8601: a second attempt at one schedule plans the same run. */
  readonly scheduledTime?: string;
}

export type ScheduledHandler = (
  event: ScheduleEvent | SQSEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<SQSBatchResponse>;

export interface ScheduledHandlerParts extends PlanParts {
  readonly queue: Queue;
}

/** Kept back from Lambda's time for noting what was done, which an answer that is on its way may still need. */
const RESERVE_MILLISECONDS = 15_000;

/** The schedule's event plans a run, a message a connection; each message is worked off on its own. */
export function createScheduledHandler(
  schedule: Schedule,
  process: (body: string, attempt: number, signal: AbortSignal) => Promise<JobOutcome>,
  parts: ScheduledHandlerParts,
): ScheduledHandler {
  return async (event, context) => {
    if (!('Records' in event)) {
      await planRun(schedule, `${schedule}-${timeOf(event, parts.clock.now())}`, parts);
      return { batchItemFailures: [] };
    }
    const signal = timeUp(context, RESERVE_MILLISECONDS);
    const batchItemFailures: { itemIdentifier: string }[] = [];
    for (const record of event.Records) {
      const outcome = await process(record.body, Number(record.attributes.ApproximateReceiveCount), signal);
      if (outcome.kind === 'finished') continue;
      batchItemFailures.push({ itemIdentifier: record.messageId });
      await putBack(record, outcome.waitSeconds, parts);
    }
    return { batchItemFailures };
  };
}

function timeOf({ scheduledTime }: ScheduleEvent, now: number): string {
  const due = Date.parse(scheduledTime ?? '');
  return `${new Date(Number.isNaN(due) ? now : due).toISOString().slice(0, 19)}Z`;
}
