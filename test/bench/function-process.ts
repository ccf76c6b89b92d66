import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Execution } from './measured-process.ts';

/** What `scheduled-process.ts` is asked. */
export interface FunctionCall {
  readonly event: unknown;
  /** Of the function's time. */
  readonly remainingMilliseconds: number;
}

/** What it answers. */
export interface FunctionAnswer {
  readonly result: unknown;
  /** Of the process since its start. */
  readonly peakRssBytes: number;
}

/** One execution environment of a function. */
export interface FunctionProcess {
  /**
   * One at a time, as in Lambda.
   *
   * @throws {Error} when the function throws, which ends the process
   */
  call(request: FunctionCall): Promise<FunctionAnswer>;
  stop(): Promise<void>;
}

export function startFunction({ command, environment }: Execution): FunctionProcess {
  const child = spawn(process.execPath, command, { env: environment, stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  // The function's log.
  child.stdout?.resume();
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${command.join(' ')} ended with ${code ?? signal}.`);
  });
  // Told only to whoever is waiting for an answer.
  ended.catch(() => {});
  return {
    call(request) {
      const answered = new Promise<FunctionAnswer>((resolve) => {
        child.once('message', (answer) => resolve(answer as FunctionAnswer));
      });
      child.send(request);
      return Promise.race([answered, ended]);
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}
