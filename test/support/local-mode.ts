import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface Command {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has written to standard error so far. */
  readonly output: { stderr: string };
  stop(): Promise<void>;
}

/** Runs one of `local/`'s scripts as a process, with nothing of this process's environment but the path. */
export function runScript(script: string, environment: NodeJS.ProcessEnv = {}): Command {
  const child = spawn(process.execPath, [script], {
    cwd: new URL('../..', import.meta.url).pathname,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stderr: '' };
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  return {
    child,
    output,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

/** What `npm run local` prints once all is up. */
export async function readyLine({ child, output }: Command): Promise<Record<string, string>> {
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready ')) return JSON.parse(line.slice('ready '.length));
  }
  throw new Error(`it ended before it was ready: ${output.stderr}`);
}

interface EmployerAnswer {
  readonly proposals?: readonly { readonly id: string; readonly freelancer: { readonly displayName: string } }[];
  readonly approval?: { readonly approvalUrl: string };
}

/** Hires Aiko T., who would like the job, over the employer's API, and confirms as a person does. */
export async function hireAiko(ready: Record<string, string>, employerToken: string): Promise<void> {
  const call = async (path: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${employerToken}` };
    const response = await fetch(`${ready.employerApi}${path}`, { method, headers });
    return { status: response.status, body: (await response.json()) as EmployerAnswer };
  };
  const { body } = await call(`/jobs/${ready.job}/proposals`);
  const aiko = body.proposals?.find(({ freelancer }) => freelancer.displayName === 'Aiko T.');
  const hired = await call(`/jobs/${ready.job}/proposals/${aiko?.id}/hire`, 'POST');
  if (hired.status !== 202) throw new Error(`the hire was answered ${hired.status}`);
  await fetch(`${hired.body.approval?.approvalUrl}/confirm`, { method: 'POST' });
}
