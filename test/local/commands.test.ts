import { once } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import type { DemoState } from '../../local/workspace/demo-workspace.ts';
import { type Command, hireAiko, readyLine, runScript } from '../support/local-mode.ts';

/** `npm run local` and `npm run demo` as processes, as a newcomer runs them. */

const started: Command[] = [];

afterEach(async () => {
  for (const command of started.splice(0)) await command.stop();
});

function run(script: string, environment: NodeJS.ProcessEnv = {}): Command {
  const command = runScript(script, environment);
  started.push(command);
  return command;
}

test('npm run local: hire over the employer’s API, confirm as a person, and the trainer is in the workspace', async () => {
  const command = run('local/main.ts', { PORT: '0', OPENTRAIN_EMPLOYER_TOKEN: 'ot_pat_test' });
  const ready = await readyLine(command);
  await hireAiko(ready, 'ot_pat_test');
  await vi.waitFor(
    async () => {
      const { projects } = (await (await fetch(`${ready.workspace}/state`)).json()) as DemoState;
      const linked = projects.find(({ projectId }) => projectId === ready.project);
      expect(linked?.members).toHaveLength(1);
    },
    { timeout: 10_000 },
  );
  expect(command.output.stderr).toContain('"event":"delivery.done"');
  command.child.kill('SIGTERM');
  expect((await once(command.child, 'exit'))[0]).toBe(0);
});

test('npm run demo: the story ends well, with nobody’s address in what it prints', async () => {
  const { child, output } = run('local/demo.ts');
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  const [code] = await once(child, 'exit');
  expect({ code, stderr: output.stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('João C. is in, Maria S. is out');
  expect(stdout).toContain('done before, nothing touched');
  expect(stdout).toContain('workspace_unavailable, tried again');
  expect(stdout).not.toContain('@');
});

const deadWorkspace = { PORT: '0', WORKSPACE_URL: 'http://127.0.0.1:1', WORKSPACE_TOKEN: 'some-token' };

test.each([
  [
    'a part named only in part',
    2,
    { OPENTRAIN_BASE_URL: 'http://127.0.0.1:1' },
    'Missing: OPENTRAIN_PARTNER_TOKEN, OPENTRAIN_WEBHOOK_SECRET',
  ],
  ['a port that is none', 2, { PORT: 'eighty' }, 'PORT must be a number from 0 to 65000, not "eighty"'],
  ['an adapter without its address', 2, { WORKSPACE: 'label-studio' }, 'set WORKSPACE_URL and WORKSPACE_TOKEN as well'],
  ['a workspace that does not answer', 1, deadWorkspace, 'The workspace gave no answer'],
])('%s is a clear mistake: exit %i, no stack trace', async (_, expected, environment, message) => {
  const { child, output } = run('local/main.ts', environment);
  const [code] = await once(child, 'exit');
  expect({ code, stderr: output.stderr }).toEqual({ code: expected, stderr: expect.stringContaining(message) });
  expect(output.stderr).not.toContain('    at ');
});
