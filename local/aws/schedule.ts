import type { SQSClient } from '@aws-sdk/client-sqs';
import type { ScheduledHandler } from '../../functions/scheduled-handler.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/logging.ts';
import { startQueuePump } from './queue-pump.ts';

/** A schedule with its function and its queue on one machine; what rings it is up to the caller. */
export interface LocalSchedule {
  /** What the schedule does when it is due. Resolves once every connection is through, retries included. */
  run(): Promise<void>;
  stop(): Promise<void>;
}

export interface LocalScheduleOptions {
  readonly handler: ScheduledHandler;
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** As deployed. */
const TIMEOUT_MILLISECONDS = 5 * 60_000;

export function startLocalSchedule({ handler, sqs, queueUrl, clock, logger }: LocalScheduleOptions): LocalSchedule {
  const timeoutMilliseconds = TIMEOUT_MILLISECONDS;
  const pump = startQueuePump({ sqs, queueUrl, handler, logger, batchSize: 1, timeoutMilliseconds });
  return {
    async run() {
      const scheduledTime = new Date(clock.now()).toISOString();
      await handler({ source: 'schedule', scheduledTime }, { getRemainingTimeInMillis: () => timeoutMilliseconds });
      await pump.idle();
    },
    stop: pump.stop,
  };
}
