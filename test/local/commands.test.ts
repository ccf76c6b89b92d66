import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test, vi } from 'vitest';

import type { DemoState } from '../../local/workspace/demo-workspace.ts';

interface EmployerAnswer {
  readonly proposals?: readonly { readonly id: string }[];
  readonly approval?: { readonly approvalUrl: string };
}

/** `npm run local` and `npm run demo` as processes, as a newcomer runs them. */

const started: ChildProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
});

function run(script: string, environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [script], {
    cwd: new URL('../..', import.meta.url).pathname,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (chunk) => {
    output.stderr += chunk;
  });
  return { child, output };
}

async function readyLine(child: ChildProcess & { stdout: NodeJS.ReadableStream }): Promise<Record<string, string>> {
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready ')) return JSON.parse(line.slice('ready '.length));
  }
  throw new Error('it ended before it was ready');
}

test('npm run local: hire over the employer’s API, confirm as a person, and the trainer is in the workspace', async () => {
  const { child, output } = run('local/main.ts', { PORT: '0', OPENTRAIN_EMPLOYER_TOKEN: 'ot_pat_test' });
  const { employerApi, job, project, workspace } = await readyLine(child as never);
  const call = async (path: string, method = 'GET') => {
    const response = await fetch(`${employerApi}${path}`, { method, headers: { authorization: 'Bearer ot_pat_test' } });
    return { status: response.status, body: (await response.json()) as EmployerAnswer };
  };
  const { body } = await call(`/jobs/${job}/proposals`);
  const hired = await call(`/jobs/${job}/proposals/${body.proposals?.[0]?.id}/hire`, 'POST');
  expect(hired.status).toBe(202);
  await fetch(`${hired.body.approval?.approvalUrl}/confirm`, { method: 'POST' });

  await vi.waitFor(
    async () => {
      const { projects } = (await (await fetch(`${workspace}/state`)).json()) as DemoState;
      const linked = projects.find(({ projectId }) => projectId === project);
      expect(linked?.members).toHaveLength(1);
    },
    { timeout: 10_000 },
  );
  expect(output.stderr).toContain('"event":"delivery.done"');
  child.kill('SIGTERM');
  expect((await once(child, 'exit'))[0]).toBe(0);
});

test('npm run demo: the story ends well, with nobody’s address in what it prints', async () => {
  const { child, output } = run('local/demo.ts');
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
  });
  const [code] = await once(child, 'exit');
  expect({ code, stderr: output.stderr }).toEqual({ code: 0, stderr: '' });
  expect(output.stdout).toContain('João C. is in, Maria S. is out');
  expect(output.stdout).toContain('done before, nothing touched');
  expect(output.stdout).toContain('workspace_unavailable, tried again');
  expect(output.stdout).not.toContain('@');
});

test.each([
  [
    'a part named only in part',
    { OPENTRAIN_BASE_URL: 'http://127.0.0.1:1' },
    'Missing: OPENTRAIN_PARTNER_TOKEN, OPENTRAIN_WEBHOOK_SECRET',
  ],
  ['a port that is none', { PORT: 'eighty' }, 'PORT must be a number from 0 to 65000, not "eighty"'],
  ['an adapter without its address', { WORKSPACE: 'label-studio' }, 'set WORKSPACE_URL and WORKSPACE_TOKEN as well'],
])('%s is a clear mistake: exit 2, no stack trace', async (_, environment, message) => {
  const { child, output } = run('local/main.ts', environment);
  const [code] = await once(child, 'exit');
  expect(code).toBe(2);
  expect(output.stderr).toContain(message);
  expect(output.stderr).not.toContain('    at ');
});
