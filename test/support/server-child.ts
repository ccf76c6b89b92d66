import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { sleep } from '../../shared/clock.ts';
import { lastLines } from './child.ts';

export interface ServerChildOptions {
  /** What messages call it: "The emulator". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: NodeJS.ProcessEnv;
  /** Takes what it writes. */
  readonly logFile: string;
  /** Asked again and again until it no longer throws. */
  readonly probe: () => Promise<void>;
  readonly readySeconds: number;
}

/** A server in a process of its own. */
export interface ServerChild {
  readonly name: string;
  readonly logFile: string;
  stop(): Promise<void>;
}

const PROBE_MILLISECONDS = 200;
/** For an orderly end, after which it is killed. */
const STOP_MILLISECONDS = 5_000;

/** @returns the server once it is ready @throws with its last words when it ends before that, or takes too long */
export async function startServerChild(options: ServerChildOptions): Promise<ServerChild> {
  const { name, command, args, cwd, env, logFile } = options;
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  // However this process ends, the server does not outlive it.
  const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  try {
    await untilReady(child, options);
  } catch (cause) {
    await stop(child);
    throw new Error(`${name} did not start.\n${lastLines(await readFile(logFile, 'utf8'))}`, { cause });
  }
  return { name, logFile, stop: () => stop(child) };
}

async function untilReady(child: ChildProcess, { probe, readySeconds }: ServerChildOptions): Promise<void> {
  const deadline = Date.now() + readySeconds * 1000;
  for (;;) {
    const ending = child.exitCode ?? child.signalCode;
    if (ending !== null) throw new Error(`It ended with ${ending}.`);
    try {
      return await probe();
    } catch (cause) {
      if (Date.now() > deadline) throw new Error(`It was not ready after ${readySeconds} s.`, { cause });
    }
    await sleep(PROBE_MILLISECONDS);
  }
}

/** Ends it with whatever it runs: they are one process group, begun by us. */
async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-pid, 'SIGTERM');
  const force = setTimeout(() => process.kill(-pid, 'SIGKILL'), STOP_MILLISECONDS);
  await ended;
  clearTimeout(force);
}
