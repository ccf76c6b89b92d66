import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** A handler as far as its caller here cares. */
export type CandidateHandler = (event: unknown) => Promise<{ readonly statusCode: number }>;

/** What `cold-call.ts` reports. */
export interface ColdCall {
  readonly statusCode: number;
  readonly importNanoseconds: number;
  /** Import and first call. */
  readonly totalNanoseconds: number;
}

/** What `warm-calls.ts` is asked. */
export interface WarmRequest {
  readonly event: unknown;
  readonly calls: number;
}

/** What it answers. */
export interface WarmAnswer {
  readonly nanoseconds: readonly number[];
  readonly statusCodes: readonly number[];
}

export interface Execution {
  /** The built script and its arguments. */
  readonly command: readonly string[];
  /** All of it: what else this process has in its environment would be read by the SDK. */
  readonly environment: NodeJS.ProcessEnv;
}

const ACCEPTED = 202;

/** @throws {Error} unless the delivery was accepted: a failure would be fast */
export async function callCold({ command, environment }: Execution): Promise<ColdCall> {
  // Standard output is a pipe in Lambda too.
  const child = spawn(process.execPath, command, { env: environment, stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
  child.stdout?.resume();
  const report = await text(child.stdio[3] as Readable);
  if (report === '') throw new Error(`${command.join(' ')} ended without a result.`);
  const result = JSON.parse(report) as ColdCall;
  mustBeAccepted([result.statusCode], command);
  return result;
}

/** A process that keeps one handler warm. */
export interface WarmProcess {
  /** @returns how long each call took, nanoseconds */
  call(request: WarmRequest): Promise<readonly number[]>;
  stop(): Promise<void>;
}

export function startWarm({ command, environment }: Execution): WarmProcess {
  const child = spawn(process.execPath, command, {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  child.stdout?.resume();
  const ended = endOf(child, command);
  // Told only to whoever is waiting for an answer.
  ended.catch(() => {});
  return {
    async call(request) {
      child.send(request);
      const answer = await Promise.race([answerOf(child), ended]);
      mustBeAccepted(answer.statusCodes, command);
      return answer.nanoseconds;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, 'exit');
    },
  };
}

function answerOf(child: ChildProcess): Promise<WarmAnswer> {
  return new Promise((resolve) => child.once('message', (answer) => resolve(answer as WarmAnswer)));
}

async function endOf(child: ChildProcess, command: readonly string[]): Promise<never> {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`${command.join(' ')} ended with ${code ?? signal}.`);
}

function mustBeAccepted(statusCodes: readonly number[], command: readonly string[]): void {
  const other = statusCodes.find((statusCode) => statusCode !== ACCEPTED);
  if (other !== undefined) throw new Error(`${command.join(' ')} answered ${other}; only ${ACCEPTED} is worth timing.`);
}
