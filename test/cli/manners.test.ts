import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { createProgram } from '../../cli/program.ts';
import { table } from '../../cli/table.ts';
import { flagOf, type TargetOptions } from '../../cli/target.ts';
import { type Command, readyLine, runScript } from '../support/local-mode.ts';
import { type BuiltCli, buildCliForTests } from './built-cli.ts';

/** What every command has in common: help, mistakes, exit codes, output for people and for programs, both targets. */

const TOKEN = 'ot_ptk_a_customers_own';
/** Nobody's AWS: no profile, no metadata service. */
const AWS = {
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const ALL = { ...AWS, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', OPENTRAIN_PARTNER_TOKEN: TOKEN };

let cli: BuiltCli;
let localMode: Command;
let ready: Record<string, string>;

beforeAll(async () => {
  cli = buildCliForTests();
  localMode = runScript('local/main.ts', { PORT: '0' });
  ready = await readyLine(localMode);
});
afterAll(async () => {
  await localMode.stop();
  cli.remove();
});

const local = () => ['--local', ready.gateway ?? ''];

describe('help', () => {
  const leaves = createProgram().commands.flatMap((one) =>
    one.commands.length === 0 ? [one.name()] : one.commands.map((inner) => `${one.name()} ${inner.name()}`),
  );

  test.each(leaves)('of %s says what it does, and has an example', async (name) => {
    const { code, output, error } = await cli.run([...name.split(' '), '--help']);
    expect(output).toContain(`Usage: opentrain-connector ${name} [options]`);
    expect(output).toMatch(new RegExp(`\n\nExample\n(?:  .*\\\\\n  )?  opentrain-connector ${name}`));
    expect({ code, error }).toEqual({ code: 0, error: '' });
  });

  test('names every command, both targets and all exit codes', async () => {
    const { output } = await cli.run(['--help']);
    for (const name of leaves) expect(output).toContain(`  ${name.split(' ')[0]} `);
    for (const text of ['--stage prod', '--local [url]', 'OPENTRAIN_CONNECTOR_STAGE']) expect(output).toContain(text);
    for (const exitCode of Object.values(EXIT).filter((one) => one < 100)) {
      expect(output).toMatch(new RegExp(`^ {2}${exitCode} {2}\\S`, 'm'));
    }
  });

  test('loads nothing that talks to anybody', async () => {
    const told = 'process.on("exit", () => console.error(process.moduleLoadList.join("\\n")))';
    const hook = `data:text/javascript,${encodeURIComponent(told)}`;
    const { error } = await cli.run(['--help'], { env: { NODE_OPTIONS: `--import "${hook}"` } });
    expect(error).toContain('NativeModule path');
    expect(error).not.toMatch(/NativeModule (http|https|tls)$/m);
    const used = await cli.run(['status', ...local()], { env: { NODE_OPTIONS: `--import "${hook}"` } });
    expect(used.error, 'the search would find something').toMatch(/NativeModule https$/m);
  });

  test('without a command it comes on standard error: 2', async () => {
    for (const args of [[], ['dlq']]) {
      const { code, output, error } = await cli.run(args);
      expect(error).toMatch(/^Usage: opentrain-connector/);
      expect({ code, output }).toEqual({ code: 2, output: '' });
    }
  });
});

describe('a command that cannot be understood ends with 2, and says why:', () => {
  test.each([
    { args: ['statu'], said: 'Did you mean status?' },
    { args: ['status', '--stge', 'prod'], said: 'Did you mean --stage?' },
    { args: ['connect'], said: "missing required argument 'connection'" },
    { args: ['connect', 'Acme Inc', '--stage', 'prod'], said: 'lower-case letters, digits and inner hyphens' },
    { args: ['connect', 'acme', TOKEN, '--stage', 'prod'], said: 'too many arguments' },
    { args: ['connect', TOKEN, '--stage', 'prod'], said: 'A token is no argument' },
    { args: ['connect', 'acme', `--token=${TOKEN}`], said: 'unknown option' },
    { args: ['status'], said: '--stage <stage>' },
    { args: ['status', '--stage', 'Prod!'], said: '--stage must be the name of a stage' },
    { args: ['status', '--stage', 'prod', '--local'], said: 'give one of them' },
    { args: ['status', '--local', 'acme'], said: '--local must be the URL of a gateway' },
    { args: ['status', '--local', 'http://elsewhere.example'], said: 'on this machine' },
    { args: ['status', '--local', '--opentrain-url', 'http://opentrain.example'], said: 'must begin with https' },
    { args: ['deliveries', '--status', 'lost'], said: 'Allowed choices are done, parked, waiting' },
    { args: ['deliveries', '--limit', '0'], said: 'a whole number from 1 to 10000' },
    { args: ['link', 'acme', '--project', 'p'], said: "required option '--job <id>'" },
  ])('$args', async ({ args, said }) => {
    const { code, output, error } = await cli.run(args, { env: ALL });
    expect(error).toContain(said);
    expect({ code, output }).toEqual({ code: 2, output: '' });
  });
});

test.each<[TargetOptions, string]>([
  [{ local: true }, '--local'],
  [{ local: 'http://127.0.0.1:9000' }, '--local http://127.0.0.1:9000'],
  [{ stage: 'prod', region: 'eu-west-1' }, '--stage prod --region eu-west-1'],
  [
    { stage: 'prod', webhookBaseUrl: 'https://hooks.example', opentrainUrl: 'https://opentrain.example' },
    '--stage prod --opentrain-url https://opentrain.example --webhook-base-url https://hooks.example',
  ],
])('what messages tell people to run names the same target: %j', (options, flag) => {
  expect(flagOf(options)).toBe(flag);
});

describe('a stage', () => {
  const ARGUMENTS = ['connect', 'acme', '--stage', 'prod'];

  test('may be named by the environment', async () => {
    const { error } = await cli.run(['status'], { env: { ...ALL, OPENTRAIN_CONNECTOR_STAGE: 'blue' } });
    expect(error).toContain('OpenTrainConnector-blue');
  });

  test('whose AWS does not answer: 6, soon, and says what to check', async () => {
    const { code, error } = await cli.run(ARGUMENTS, { env: ALL });
    expect(error).toMatch(
      /AWS CloudFormation in eu-central-1 was asked for the stack OpenTrainConnector-prod.*ECONNREFUSED/,
    );
    expect(code).toBe(6);
  });

  test('without credentials: 6', async () => {
    const { code, error } = await cli.run(ARGUMENTS, { env: { ...AWS, OPENTRAIN_PARTNER_TOKEN: TOKEN } });
    expect(error).toContain('No AWS credentials were found.');
    expect(code).toBe(6);
  });

  test('without a region: 6', async () => {
    const { AWS_REGION: _, ...env } = ALL;
    const { code, error } = await cli.run(ARGUMENTS, { env });
    expect(error).toContain('Name it with --region');
    expect(code).toBe(6);
  });

  test('that is not deployed, in the region that was named: 4', async () => {
    const env = { ...ALL, AWS_ENDPOINT_URL: await startStacklessAws() };
    const { code, error } = await cli.run([...ARGUMENTS, '--region', 'eu-west-1'], { env });
    expect(error).toContain('There is no stack OpenTrainConnector-prod in eu-west-1.');
    expect(code).toBe(4);
  });
});

describe('local mode', () => {
  test('is found by its gateway, whatever AWS this machine is signed in to', async () => {
    const { connections } = await cli.json<{ connections: object[] }>(['status', ...local()], { env: ALL });
    expect(connections).toMatchObject([{ connectionId: 'default', status: 'active' }]);
  });

  test('that does not run: 1, and says how to start it', async () => {
    const { code, error } = await cli.run(['status', '--local', 'http://127.0.0.1:1']);
    expect(error).toBe(
      'Local mode does not answer at http://127.0.0.1:1. Start it with npm run local, or name its gateway.\n',
    );
    expect(code).toBe(1);
  });

  test('is not mistaken for something else that answers', async () => {
    const { code, error } = await cli.run(['status', '--local', ready.opentrain ?? '']);
    expect(error).toMatch(/local mode/i);
    expect(code).toBe(1);
  });
});

describe('output', () => {
  test('--json is one document on standard output, everything else goes to standard error', async () => {
    const { output, error } = await cli.run(['check', ...local(), '--no-canary', '--json']);
    expect(JSON.parse(output)).toMatchObject({ verdict: expect.any(String) });
    expect(error).toBe('Checking local mode …\n');
  });

  test('has colours where they are wanted only', async () => {
    const colour = '\u001b[';
    const args = ['status', ...local()];
    expect((await cli.run(args)).output).not.toContain(colour);
    expect((await cli.run(args, { env: { FORCE_COLOR: '1' } })).output).toContain(colour);
    expect((await cli.run(args, { env: { NO_COLOR: '1' } })).output).not.toContain(colour);
  });

  test.each([30, 60, 80])('tables fit a terminal of %i columns', async (columns) => {
    for (const args of [['links', 'default'], ['status'], ['deliveries']]) {
      const { output } = await cli.run([...args, ...local()], { env: { COLUMNS: String(columns) } });
      for (const line of output.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
      expect(output).toContain('de');
    }
  });

  test('a table wraps the widest columns at words, and keeps colours and wide characters in line', () => {
    const rows = [
      ['a', 'one two three four five six', '日本'],
      ['b', '\u001b[31mred\u001b[39m', 'x'],
    ];
    expect(table(['', 'TEXT', 'X'], rows, 30)).toBe(
      [
        '   TEXT                   X',
        'a  one two three four     日本',
        '   five six',
        'b  \u001b[31mred\u001b[39m                    x',
      ].join('\n'),
    );
    expect(table(['A'], [['one two']], undefined)).toBe('A\none two');
    const tall = [
      ['one two three four', 'x'.repeat(10), 'y'.repeat(10)],
      ['1', '2', '3'],
    ];
    expect(table(['A', 'B', 'C'], tall, 18), 'each row a block').toBe(
      ['A  one two three', '   four', 'B  xxxxxxxxxx', 'C  yyyyyyyyyy', '', 'A  1', 'B  2', 'C  3'].join('\n'),
    );
  });
});

test('without its bundle it says how to build it', async () => {
  const { mkdtemp, copyFile, mkdir, rm, writeFile } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const { run } = await import('../support/child.ts');
  const directory = await mkdtemp(join(tmpdir(), 'opentrain-connector-unbuilt-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, 'cli'));
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  const script = join(directory, 'cli', 'opentrain-connector.js');
  await copyFile(join(import.meta.dirname, '..', '..', 'cli', 'opentrain-connector.js'), script);
  await expect(run(process.execPath, [script])).rejects.toThrow('Run npm ci or npm run build');
});

const olderNode = (process.env.PATH ?? '')
  .split(':')
  .filter((directory) => !directory.includes('node_modules'))
  .map((directory) => join(directory, 'node'))
  .find((node) => existsSync(node));

test.skipIf(olderNode === undefined)(
  'runs on the Node of the machine, and hands over to the one that came along',
  async () => {
    const { code, output } = await cli.run(['--version'], { node: olderNode ?? '' });
    expect(output).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(code).toBe(0);
    expect((await cli.run(['statu'], { node: olderNode ?? '' })).code).toBe(2);
  },
);

test('the token was never printed, and nobody had to read a stack trace', () => {
  const printed = cli.printed.join('\n');
  expect(printed).toContain('[secret]');
  expect(printed).not.toContain(TOKEN);
  expect(printed).not.toMatch(/^\s+at /m);
});

/** Every stack is one that it does not know, in CloudFormation's own words. */
async function startStacklessAws(): Promise<string> {
  const message = 'Stack with id OpenTrainConnector-prod does not exist';
  const error = `<Error><Type>Sender</Type><Code>ValidationError</Code><Message>${message}</Message></Error>`;
  const app = new Hono().all('*', (context) =>
    context.body(`<ErrorResponse>${error}<RequestId>1</RequestId></ErrorResponse>`, 400, {
      'content-type': 'text/xml',
    }),
  );
  const server = createAdaptorServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
