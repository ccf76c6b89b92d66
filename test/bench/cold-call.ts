import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { CandidateHandler, ColdCall } from './measured-process.ts';

/**
 * Runs in a fresh process: loads a handler and makes the first call, as a cold Lambda does, and reports how long that
 * took on file descriptor 3. Nothing that a handler needs is loaded before the clock runs.
 */
const [, script = '', handlerFile = '', eventFile = ''] = process.argv;
const event: unknown = JSON.parse(readFileSync(eventFile, 'utf8'));
const require = createRequire(script);

async function measure(): Promise<ColdCall> {
  const began = process.hrtime.bigint();
  const { handler } = require(handlerFile) as { handler: CandidateHandler };
  const loaded = process.hrtime.bigint();
  const { statusCode } = await handler(event);
  const answered = process.hrtime.bigint();
  return { statusCode, importNanoseconds: Number(loaded - began), totalNanoseconds: Number(answered - began) };
}

measure().then((result) => {
  writeSync(3, JSON.stringify(result));
  // A connection that is kept alive must not keep the process.
  process.exit();
});
