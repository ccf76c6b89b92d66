import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import pMap from 'p-map';
import type { Queue } from '../../shared/aws/queue.ts';
import { correlated } from '../../shared/correlation.ts';
import { waitSeconds } from '../../shared/deliveries/back-off.ts';
import { unpackEnvelope } from '../../shared/deliveries/envelope.ts';
import { type DeliveryParts, processDelivery } from '../../shared/deliveries/process-delivery.ts';
import { putBack, timeUp } from '../sqs-batch.ts';

export type WorkerHandler = (
  event: SQSEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<SQSBatchResponse>;

export interface WorkerHandlerParts extends DeliveryParts {
  readonly queue: Queue;
}

/** Half a batch at once: a slow delivery leaves four lanes to the others. */
const CONCURRENCY = 5;
/** Kept back from Lambda's time for noting where each delivery stands. */
const RESERVE_MILLISECONDS = 5_000;

/** A batch of deliveries: each stands on its own, and only those to be tried again stay in the queue. */
export function createWorkerHandler(parts: WorkerHandlerParts): WorkerHandler {
  return async ({ Records }, context) => {
    const signal = timeUp(context, RESERVE_MILLISECONDS);
    const waits = await pMap(Records, (record) => attempt(record, parts, signal), { concurrency: CONCURRENCY });
    const failed: SQSRecord[] = [];
    for (const [index, record] of Records.entries()) {
      const wait = waits[index];
      if (wait === undefined) continue;
      failed.push(record);
      await putBack(record, wait, parts);
    }
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** @returns after how many seconds the message is to come back; undefined when it is finished */
async function attempt(record: SQSRecord, parts: WorkerHandlerParts, signal: AbortSignal): Promise<number | undefined> {
  // Not begun: another invocation may have it at once.
  if (signal.aborted) return 1;
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const envelope = unpackEnvelope(record.body);
  if (envelope === undefined) {
    parts.logger.error({ event: 'message.unreadable', attempt: receives });
    return waitSeconds(receives, undefined, parts.backOff, parts.random);
  }
  const outcome = await correlated(envelope.deliveryId, () => processDelivery(envelope, receives, parts, signal));
  return outcome.kind === 'retry' ? outcome.waitSeconds : undefined;
}
