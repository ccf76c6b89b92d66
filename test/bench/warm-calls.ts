import { createRequire } from 'node:module';
import type { CandidateHandler, WarmAnswer, WarmRequest } from './measured-process.ts';

/** Runs in a process of its own: keeps a handler warm, calls it as often as it is told and reports each call's time. */
const [, script = '', handlerFile = ''] = process.argv;
const { handler } = createRequire(script)(handlerFile) as { handler: CandidateHandler };

process.on('message', async ({ event, calls }: WarmRequest) => {
  const nanoseconds: number[] = [];
  const statusCodes = new Set<number>();
  for (let call = 0; call < calls; call += 1) {
    const began = process.hrtime.bigint();
    const { statusCode } = await handler(event);
    nanoseconds.push(Number(process.hrtime.bigint() - began));
    statusCodes.add(statusCode);
  }
  process.send?.({ nanoseconds, statusCodes: [...statusCodes] } satisfies WarmAnswer);
});
