import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

/** How often each operation was requested, by its name on the wire: `DynamoDB_20120810.UpdateItem`. */
export type AwsRequests = ReadonlyMap<string, number>;

/** Node tells here of every request that any server in this process receives. */
const CHANNEL = 'http.server.request.start';

/**
 * Counts what arrives at the embedded AWS services while something goes on: every request over the wire, repeats of the
 * SDK included, whichever process sent it.
 */
export async function countAwsRequests(work: () => Promise<void>): Promise<AwsRequests> {
  const requests = new Map<string, number>();
  const count = (message: unknown) => {
    const { request } = message as { readonly request: IncomingMessage };
    const operation = request.headers['x-amz-target'];
    if (typeof operation === 'string') requests.set(operation, (requests.get(operation) ?? 0) + 1);
  };
  subscribe(CHANNEL, count);
  try {
    await work();
  } finally {
    unsubscribe(CHANNEL, count);
  }
  return requests;
}

/** @param prefix - of the operations that count: `DynamoDB_`; all of them by default */
export function totalOf(requests: AwsRequests, prefix = ''): number {
  const counted = [...requests].filter(([operation]) => operation.startsWith(prefix));
  return counted.reduce((total, [, count]) => total + count, 0);
}
