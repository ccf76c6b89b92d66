import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Lets the command write to the terminal itself. @default false, its output is told when it fails */
  readonly showOutput?: boolean;
}

/** A command that could not be started or that ended badly; the message holds the end of what it wrote. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Commands that are running now: each the head of a process group, so that an interruption ends its children too. */
const running = new Set<number>();

/** @throws {CommandError} unless the command ends with 0 */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env = process.env, showOutput = false } = options;
  const stream = showOutput ? 'inherit' : 'pipe';
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', stream, stream] });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  let output = '';
  for (const source of [child.stdout, child.stderr]) {
    source?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  try {
    const [code, signal] = await once(child, 'close');
    if (code === 0) return output;
    throw new CommandError(`${command} ${args.join(' ')} ended with ${code ?? signal}.\n${lastLines(output)}`);
  } finally {
    if (pid !== undefined) running.delete(pid);
  }
}

export function killRunningCommands(): void {
  for (const pid of running) process.kill(-pid, 'SIGTERM');
}

export const lastLines = (text: string, count = 40): string => text.trimEnd().split('\n').slice(-count).join('\n');
