import type { Context, SQSRecord } from 'aws-lambda';
import type { Queue } from '../shared/aws/queue.ts';
import type { Logger } from '../shared/logging.ts';

/** Aborted when nothing but the reserve is left of Lambda's time. @param reserveMilliseconds - kept back from it */
export function timeUp(context: Pick<Context, 'getRemainingTimeInMillis'>, reserveMilliseconds: number): AbortSignal {
  const remaining = context.getRemainingTimeInMillis() - reserveMilliseconds;
  // A timeout of nothing fires only after the first work has begun.
  return remaining > 0 ? AbortSignal.timeout(remaining) : AbortSignal.abort();
}

/** Gives the message a back-off of its own. Where that fails, the queue's visibility timeout brings it back. */
export async function putBack(
  { receiptHandle }: SQSRecord,
  seconds: number,
  { queue, logger }: { readonly queue: Queue; readonly logger: Logger },
): Promise<void> {
  try {
    await queue.setVisibility(receiptHandle, seconds);
  } catch (error) {
    logger.warn({ event: 'message.back-off-failed', error });
  }
}
