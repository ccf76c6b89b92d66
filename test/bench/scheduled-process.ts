import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { FunctionAnswer, FunctionCall } from './function-process.ts';

/**
 * Runs in a process of its own: one execution environment of a scheduled function. It is given one event after the other,
 * and reports what the function answers and how much memory the process has needed so far.
 */
const [, script = '', handlerFile = ''] = process.argv;
const { handler } = createRequire(script)(handlerFile) as {
  readonly handler: (event: unknown, context: object) => Promise<unknown>;
};

process.on('message', async ({ event, remainingMilliseconds }: FunctionCall) => {
  const end = performance.now() + remainingMilliseconds;
  const result = await handler(event, { getRemainingTimeInMillis: () => Math.floor(end - performance.now()) });
  process.send?.({ result, peakRssBytes: peakRssBytes() } satisfies FunctionAnswer);
});

/** Linux counts what the parent had in memory at the start into `maxRSS`, but not into this. */
function peakRssBytes(): number {
  const [, kilobytes] = process.platform === 'linux' ? (/^VmHWM:\s+(\d+) kB$/m.exec(status()) ?? []) : [];
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) * 1024;
}

const status = (): string => readFileSync('/proc/self/status', 'utf8');
