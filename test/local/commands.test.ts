import { once } from 'node:events';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
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

test('npm run local: fund on the page, write down hours, and before long the notice and the budget tell', async () => {
  const ready = await readyLine(run('local/main.ts', { PORT: '0', USAGE_SECONDS: '1' }));
  await hireAiko(ready, 'ot_pat_local');
  const memberOf = async () => {
    const { projects } = (await (await fetch(`${ready.workspace}/state`)).json()) as DemoState;
    return projects.find(({ projectId }) => projectId === ready.project)?.members[0]?.memberId ?? '';
  };
  const member = await vi.waitUntil(memberOf, { timeout: 10_000 });

  const page = await (await fetch(ready.opentrain ?? '')).text();
  const [, fund] = /action="([^"]+\/fund)"/.exec(page) ?? [];
  const post = (url: string, fields: Record<string, string> = {}) =>
    fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  const approval = await post(`${ready.opentrain}${fund}`, { volume: '10' });
  expect((await post(`${approval.url}/confirm`)).status).toBe(200);
  const hours = { project: ready.project ?? '', member, hours: '8.5' };
  expect((await post(`${ready.workspace}/work`, hours)).status).toBe(200);

  const budgetOf = async () => (await fetch(ready.budget ?? '')).json();
  const low = {
    state: 'LOW',
    contracts: [{ consumedVolume: 8.5, fundedVolume: 10, remainingVolume: 1.5, unit: 'hours' }],
  };
  await vi.waitFor(async () => expect(await budgetOf()).toMatchObject(low), { timeout: 20_000, interval: 200 });
  await vi.waitFor(async () => expect(await (await fetch(ready.workspace ?? '')).text()).toContain('8.5 of 10 h'), {
    timeout: 10_000,
    interval: 200,
  });
});

test('npm run local on a port that is taken says so, and what to do', async () => {
  const { port } = new URL((await readyLine(run('local/main.ts', { PORT: '0' }))).gateway ?? '');
  const second = run('local/main.ts', { PORT: port });
  expect((await once(second.child, 'exit'))[0]).toBe(2);
  expect(second.output.stderr).toBe(
    `Port ${port} is taken, perhaps by another local mode. End that, or choose another with PORT=9000 npm run local.\n`,
  );
});

test('npm run local with another OpenTrain: its usage is reported as well', async () => {
  const opentrain = await startSimulatedOpenTrain();
  onTestFinished(() => opentrain.close());
  const command = run('local/main.ts', {
    PORT: '0',
    USAGE_SECONDS: '1',
    OPENTRAIN_BASE_URL: opentrain.platformApiUrl,
    OPENTRAIN_PARTNER_TOKEN: opentrain.consent().token,
    OPENTRAIN_WEBHOOK_SECRET: 'whsec_test',
  });
  await readyLine(command);
  const done = '"event":"usage.connection-done","connectionId":"default"';
  await vi.waitFor(() => expect(command.output.stderr).toContain(done), { timeout: 20_000 });
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
  expect(stdout).toMatch(/João C\.: 8\.5 of 10 funded hours used, LOW\n.*Aiko T\.: 6 of 40 funded hours used, OK/);
  const shown = [...stdout.matchAll(/street-signs shows (LOW|DEPLETED|no notice)/g)].map(([, state]) => state);
  expect(shown).toEqual(['LOW', 'DEPLETED', 'no notice']);
  expect(stdout).toContain('João C.: 9 of 30 funded hours used, OK');
  expect(stdout).toContain('0 totals sent, 2 as OpenTrain has them');
  for (const reason of ['contract unheard of', 'contract ended', 'missing in workspace']) {
    expect(stdout).toContain(`set right: ${reason}`);
  }
  expect(stdout).toMatch(/webhook endpoint enabled again[\s\S]*street-signs: Chidi O\., João C\.\n/);
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
  ['a schedule that is none', 2, { USAGE_SECONDS: 'often' }, 'USAGE_SECONDS must be a number from 0 to 86400, not'],
  ['an adapter without its address', 2, { WORKSPACE: 'label-studio' }, 'set WORKSPACE_URL and WORKSPACE_TOKEN as well'],
  ['a workspace that does not answer', 1, deadWorkspace, 'The workspace gave no answer'],
])('%s is a clear mistake: exit %i, no stack trace', async (_, expected, environment, message) => {
  const { child, output } = run('local/main.ts', environment);
  const [code] = await once(child, 'exit');
  expect({ code, stderr: output.stderr }).toEqual({ code: expected, stderr: expect.stringContaining(message) });
  expect(output.stderr).not.toContain('    at ');
});
