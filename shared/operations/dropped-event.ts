import * as v from 'valibot';
import { scrub } from '../logging.ts';

/** An event of a schedule that came to nothing. The next one does the same work: it is kept to be looked at only. */
export interface DroppedEvent {
  readonly kind: 'event';
  /** ISO 8601: when it was due; null where that is not told. */
  readonly dueAt: string | null;
  /** Who gave it up: EventBridge Scheduler, which could not call the function, or Lambda, since the function failed. */
  readonly givenUpBy: 'scheduler' | 'lambda';
  /** As AWS or the function puts it, scrubbed. */
  readonly reason: string;
}

/** What infra/connection-schedule.ts has the schedule send. */
const scheduled = v.object({ source: v.literal('schedule'), scheduledTime: v.optional(v.string()) });

/** What Lambda writes of an asynchronous invocation that failed: "Capturing records of Lambda asynchronous invocations". */
const invocation = v.object({
  requestContext: v.object({ condition: v.string() }),
  requestPayload: scheduled,
  responsePayload: v.nullish(v.object({ errorType: v.optional(v.string()), errorMessage: v.optional(v.string()) })),
});

const body = v.union([invocation, scheduled]);

/**
 * @param attributes - those of the message: EventBridge Scheduler puts its reason there, see "Configuring a dead-letter queue
 * for EventBridge Scheduler"
 * @returns undefined for what neither of them has written
 */
export function parseDroppedEvent(
  text: string,
  attributes: Readonly<Record<string, string | undefined>>,
): DroppedEvent | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), body), text);
  if (!parsed.success) return undefined;
  if (!('requestPayload' in parsed.output)) {
    const { ERROR_CODE, ERROR_MESSAGE } = attributes;
    return {
      kind: 'event',
      dueAt: due(parsed.output),
      givenUpBy: 'scheduler',
      reason: joined(ERROR_CODE, ERROR_MESSAGE),
    };
  }
  const { requestContext, requestPayload, responsePayload } = parsed.output;
  const { errorType, errorMessage } = responsePayload ?? {};
  const reason = joined(requestContext.condition, errorType, errorMessage);
  return { kind: 'event', dueAt: due(requestPayload), givenUpBy: 'lambda', reason };
}

function due({ scheduledTime = '' }: v.InferOutput<typeof scheduled>): string | null {
  const time = Date.parse(scheduledTime);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

const joined = (...parts: readonly (string | undefined)[]): string =>
  scrub(parts.filter((part) => part !== undefined && part !== '').join(': ')) || 'not told';
