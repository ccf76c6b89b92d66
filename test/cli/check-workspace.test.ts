import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { type FaultProxy, startFaultProxy } from '../conformance/fault-proxy.ts';
import { startScimServer } from '../conformance/scim-server.ts';
import { type BuiltCli, buildCliForTests } from './built-cli.ts';

const PROJECT = 'street-signs';

let cli: BuiltCli;
let demo: DemoWorkspace;
let proxy: FaultProxy;

beforeAll(() => {
  cli = buildCliForTests();
});
afterAll(() => cli.remove());

beforeEach(async () => {
  demo = await startDemoWorkspace();
  proxy = await startFaultProxy(demo.url);
});
afterEach(async () => {
  await proxy.close();
  await demo.close();
});

test('Ctrl+C: 130, with what was found until then, and nothing is left in it', async () => {
  demo.slow(300);
  const env = { WORKSPACE: 'http', WORKSPACE_URL: demo.url, WORKSPACE_TOKEN: demo.token };
  const interruptWhen = () => demo.membersOf(PROJECT).length > 0;
  const { code, output } = await cli.run(['check-workspace', '--project', PROJECT, '--json'], { env, interruptWhen });
  const { interrupted, checks } = JSON.parse(output) as { interrupted: boolean; checks: Line[] };
  expect({ code, interrupted }).toEqual({ code: 130, interrupted: true });
  expect(checks[0]).toMatchObject({ name: 'answers', verdict: 'pass' });
  expect(checks.at(-1)).toMatchObject({ name: 'clean up', verdict: 'pass' });
  expect(demo.membersOf(PROJECT)).toEqual([]);
});

test('a workspace that is as it should be passes, and nothing is left in it', async () => {
  const { code, lines } = await check();
  expect(lines.map(({ name, verdict }) => `${verdict} ${name}`)).toEqual([
    'pass answers',
    'pass let in',
    'pass let in again',
    'pass listed',
    'pass take out',
    'pass no longer listed',
    'pass hire again',
    'pass totals',
    'pass notice',
  ]);
  expect(code).toBe(0);
  expect(demo.membersOf(PROJECT)).toEqual([]);
  expect(demo.noticeOf(PROJECT)).toBeUndefined();
});

test('a token that can add but not remove fails, and it is said who stayed behind', async () => {
  proxy.answerMethod('DELETE', 403);
  const { code, lines, output } = await check();
  expect(lines.find(({ name }) => name === 'take out')).toMatchObject({
    verdict: 'fail',
    advice: expect.stringContaining('removal of members is often a right of its own'),
  });
  expect(lines.at(-1)).toMatchObject({
    name: 'clean up',
    verdict: 'fail',
    advice: expect.stringContaining('connector-check-canary'),
  });
  expect(code).toBe(3);
  expect(output).not.toContain('@opentrain.work');
  expect(demo.membersOf(PROJECT)).toEqual(['connector-check-canary@opentrain.work']);
});

test('when letting in fails, with the answer lost or not, the canary is taken out again', async () => {
  proxy.answerMethod('PUT', 500);
  const { code, lines } = await check();
  expect(lines.find(({ name }) => name === 'let in')?.verdict).toBe('fail');
  expect(lines.at(-1)).toMatchObject({ name: 'clean up', verdict: 'pass' });
  expect(code).toBe(3);
  expect(demo.requests.of('deleteMember')).toBe(1);
});

test('a wrong token fails at once, and is not told', async () => {
  const { code, lines, output } = await check({ WORKSPACE_TOKEN: 'not-the-token' });
  expect(lines).toEqual([{ name: 'answers', verdict: 'fail', advice: expect.stringContaining('Store the token') }]);
  expect(code).toBe(3);
  expect(output).not.toContain('not-the-token');
});

test('what a platform cannot do is a warning, with what to do about it', async () => {
  const server = await startScimServer();
  const project = server.addGroup('Street signs');
  const { code, lines } = await check(
    { WORKSPACE: 'scim', WORKSPACE_URL: server.url, WORKSPACE_TOKEN: server.token },
    project,
  );
  const warnings = lines.filter(({ verdict }) => verdict !== 'pass');
  expect(warnings).toEqual([
    { name: 'totals', verdict: 'warn', advice: expect.stringContaining('USAGE_WORKSPACE') },
    { name: 'notice', verdict: 'warn', advice: expect.stringContaining('no place') },
  ]);
  expect(code).toBe(0);
  expect(server.membersOf(project)).toEqual([]);
  await server.close();
});

test('access by one adapter and totals by another are checked together', async () => {
  const server = await startScimServer();
  const project = server.addGroup('Street signs');
  const { code } = await check(
    {
      WORKSPACE: 'scim',
      WORKSPACE_URL: server.url,
      WORKSPACE_TOKEN: server.token,
      USAGE_WORKSPACE: 'http',
      USAGE_WORKSPACE_URL: demo.url,
      USAGE_WORKSPACE_TOKEN: demo.token,
    },
    project,
  );
  expect(code).toBe(0);
  expect(demo.requests.of('listDailyTotals')).toBe(1);
  expect(demo.requests.of('putMember')).toBe(0);
  await server.close();
});

test('the token may come on standard input, and people get a table', async () => {
  const { code, output } = await run(
    ['--project', PROJECT],
    { WORKSPACE: 'http', WORKSPACE_URL: demo.url },
    demo.token,
  );
  expect(output).toMatch(/^pass {2}answers {11}Demo workspace 1\.0\.0\npass {2}let in {12}The canary/m);
  expect(code).toBe(0);
});

test.each([
  { given: {}, said: /WORKSPACE must be one of http, .*WORKSPACE_URL must be a URL/ },
  { given: { WORKSPACE: 'csv', WORKSPACE_URL: 'http://a.example' }, said: /"csv" is none.*must begin with https/ },
  {
    given: { WORKSPACE: 'http', WORKSPACE_URL: 'https://a.example' },
    said: /WORKSPACE_TOKEN, standard input or the prompt/,
  },
])('settings that make no sense are told, all of them: $said', async ({ given, said }) => {
  const { code, error } = await run(['--project', PROJECT], given);
  expect(error).toMatch(said);
  expect(code).toBe(2);
});

test('an option that there is not is told', async () => {
  const { code, error } = await run(['--project', PROJECT, '--projekt', PROJECT]);
  expect(error).toContain('--projekt');
  expect(code).toBe(2);
});

test('--help has an example', async () => {
  const { code, output } = await run(['--help']);
  expect(output).toContain('opentrain-connector check-workspace --project street-signs < token.txt');
  expect(code).toBe(0);
});

interface Line {
  readonly name: string;
  readonly verdict: string;
  readonly advice: string;
}

async function check(environment: Record<string, string> = {}, project = PROJECT) {
  const given = { WORKSPACE: 'http', WORKSPACE_URL: proxy.url, WORKSPACE_TOKEN: demo.token, ...environment };
  const { code, output } = await run(['--project', project, '--json'], given);
  return { code, output, lines: (JSON.parse(output) as { checks: Line[] }).checks };
}

const run = (options: string[], env: Record<string, string> = {}, input = '') =>
  cli.run(['check-workspace', ...options], { env, input });
