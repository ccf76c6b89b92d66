import { TokenUnreadableError } from '../bearer-fetch.ts';
import { meaningOfStatus } from '../http-status.ts';
import type { OpenTrainError } from './errors.ts';
import { OPERATIONS } from './relied-on.ts';

/** Whether and when a call that failed is made again, within one call of the client. */
export type Repeat = { readonly kind: 'after'; readonly milliseconds: number } | { readonly kind: 'give-up' };

export interface RepeatQuestion {
  readonly error: OpenTrainError;
  /** The attempts made so far, 1 or more. */
  readonly attempts: number;
  /** The first one included. */
  readonly maxAttempts: number;
  /** Milliseconds that may still go by. */
  readonly remaining: number;
  /** From 0 (included) to 1 (not included). */
  readonly random: () => number;
}

const BASE_MILLISECONDS = 250;
const CAP_MILLISECONDS = 4_000;

/**
 * Full jitter over 250 ms, 500 ms, 1 s, … up to 4 s, or what OpenTrain asks for with Retry-After. A wait that does not fit into
 * what remains is not begun: the error carries it, and the queue can wait longer than a function can.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function repeatAfter({ error, attempts, maxAttempts, remaining, random }: RepeatQuestion): Repeat {
  if (attempts >= maxAttempts || !mayBeRepeated(error)) return { kind: 'give-up' };
  const ceiling = Math.min(CAP_MILLISECONDS, BASE_MILLISECONDS * 2 ** (attempts - 1));
  const asked = error.retryAfterSeconds;
  const milliseconds = asked === undefined ? Math.floor(random() * ceiling) : asked * 1000;
  return milliseconds < remaining ? { kind: 'after', milliseconds } : { kind: 'give-up' };
}

function mayBeRepeated(error: OpenTrainError): boolean {
  if (error.kind !== 'transient' && error.kind !== 'rate-limited') return false;
  // Whatever has refused it in OpenTrain's stead will not think better of it within seconds.
  const meaning = error.status === undefined ? 'transient' : meaningOfStatus(error.status);
  if (meaning !== 'transient' && meaning !== 'rate-limited') return false;
  return OPERATIONS[error.operation].repetition === 'repeatable' || nothingWasDone(error);
}

/** 429, and 503 with Retry-After, are refusals at the door; without a connection nobody was asked at all. */
export function nothingWasDone({ status, retryAfterSeconds, cause }: OpenTrainError): boolean {
  if (status === undefined) return cause instanceof TokenUnreadableError || NOT_CONNECTED.has(codeOf(cause));
  return status === 429 || (status === 503 && retryAfterSeconds !== undefined);
}

const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** `fetch` wraps the system's error once. */
function codeOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
  return inner instanceof Error && 'code' in inner ? String(inner.code) : '';
}
