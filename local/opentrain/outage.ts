import type { HttpBindings } from '@hono/node-server';
import type { MiddlewareHandler } from 'hono';
import type { NewId } from './new-id.ts';
import type { Schemas } from './state.ts';

/** How the Platform API fails: with 503, with 429 and `Retry-After`, or by dropping the connection. */
export type OutageMode = 'none' | 'unavailable' | 'rate-limited' | 'dropped';

/** Seconds that a rate-limited call is told to wait. */
export const RETRY_AFTER_SECONDS = 7;

export interface Outage {
  set(mode: OutageMode): void;
  readonly middleware: MiddlewareHandler<{ Bindings: HttpBindings }>;
}

export function createOutage(newId: NewId): Outage {
  let mode: OutageMode = 'none';
  const envelope = (code: Schemas['ErrorCode'], error: string): Schemas['Error'] => ({
    error,
    code,
    requestId: newId('req'),
  });
  return {
    set(next) {
      mode = next;
    },
    async middleware(context, next) {
      if (mode === 'none') return next();
      if (mode === 'rate-limited') {
        const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
        return context.json(envelope('RATE_LIMITED', 'Too many requests'), 429, headers);
      }
      if (mode === 'dropped') context.env.incoming.destroy();
      return context.json(envelope('INTERNAL_ERROR', 'OpenTrain is not available'), 503);
    },
  };
}
