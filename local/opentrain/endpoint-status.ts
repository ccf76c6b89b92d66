import { isoTime } from './calendar-date.ts';
import type { WebhookEndpoint } from './state.ts';

/** Whatever the endpoint has failed at before no longer counts. */
export function enable(endpoint: WebhookEndpoint): void {
  endpoint.status = 'ACTIVE';
  endpoint.consecutiveFailures = 0;
  endpoint.disabledAt = null;
  endpoint.disabledReason = null;
}

/** @param now - milliseconds since the epoch */
export function disable(endpoint: WebhookEndpoint, reason: string, now: number): void {
  if (endpoint.status === 'DISABLED') return;
  endpoint.status = 'DISABLED';
  endpoint.disabledAt = isoTime(now);
  endpoint.disabledReason = reason;
}
