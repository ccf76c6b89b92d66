import { InterruptedError } from './errors.ts';

/**
 * Aborted by the first Ctrl+C, so that a command can leave nothing behind; the second one ends the process at once, as ever.
 */
export function onInterruption(): AbortSignal {
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new InterruptedError('Interrupted.')));
  return interrupted.signal;
}

/** Waits for work that stops when the signal says so, and takes that for its end. */
export async function unlessInterrupted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  await work.catch((error: unknown) => {
    if (!signal.aborted || error !== signal.reason) throw error;
  });
}
