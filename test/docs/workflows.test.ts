import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly uses?: string;
  readonly steps?: readonly Step[];
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly 'timeout-minutes'?: number;
}

interface Workflow {
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, '.github', 'workflows');
const DELIVERY = readFileSync(join(ROOT, 'docs', 'delivery.md'), 'utf8');
const FILES = readdirSync(FOLDER);
const read = (file: string): Workflow => parse(readFileSync(join(FOLDER, file), 'utf8'));
const stepsOf = (file: string): Step[] => Object.values(read(file).jobs).flatMap(({ steps = [] }) => steps);
const { jobs } = read('ci.yml');
const needsOf = (name: string): string[] => [jobs[name]?.needs ?? []].flat();

describe.each(FILES)('%s', (file) => {
  test('names every action by its commit, with the version beside it', () => {
    const lines = readFileSync(join(FOLDER, file), 'utf8').split('\n');
    const foreign = lines.filter((line) => /^\s*(- )?uses: /.test(line) && !line.includes('uses: ./'));
    expect(foreign.length).toBeGreaterThan(0);
    for (const line of foreign) expect(line).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('leaves no credentials of the checkout lying around', () => {
    for (const { uses = '', with: inputs } of stepsOf(file)) {
      if (uses.startsWith('actions/checkout@')) expect(inputs).toMatchObject({ 'persist-credentials': false });
    }
  });

  test('runs scripts that there are', () => {
    const scripts = stepsOf(file).flatMap(({ run = '' }) =>
      [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name),
    );
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(scripts));
  });

  test('puts nothing that others write into a command line', () => {
    for (const { run = '' } of stepsOf(file)) expect(run).not.toContain('${{');
  });

  test('lets no job run for ever', () => {
    for (const [name, { uses, 'timeout-minutes': minutes }] of Object.entries(read(file).jobs)) {
      if (uses === undefined) expect(minutes, name).toBeLessThanOrEqual(30);
    }
  });
});

test('checks, tests, audit, template, budgets and the deployment to an emulator come before anything is deployed', () => {
  const commands = [
    'npm ci',
    'npm audit --omit=dev',
    'npm run check',
    'npm test',
    'npm run synth',
    'npm run bench -- --check',
  ];
  expect(jobs.verify?.steps?.flatMap(({ run }) => run ?? [])).toEqual(commands);
  expect(jobs['deploy-test']?.steps?.map(({ run }) => run)).toContain('npm run test:deploy');
  expect(needsOf('dev')).toEqual(expect.arrayContaining(['verify', 'deploy-test', 'platforms']));
  expect(needsOf('prod')).toContain('dev');
});

test('only what is on main is deployed, and pull requests of others get no token', () => {
  for (const name of ['dev', 'prod']) expect(jobs[name]?.if).toBe("github.event_name == 'push'");
  expect(jobs.diff?.if).toContain('head.repo.full_name == github.repository');
});

test('no push to main waits for the approval of another, and no deployment is broken off', () => {
  const { group, 'cancel-in-progress': cancel } = read('ci.yml').concurrency ?? {};
  expect(group).toMatch(/\{ github\.event_name == 'push' && github\.run_id \|\| github\.ref \}\}$/);
  expect(cancel).toMatch(/\{ github\.event_name == 'pull_request' \}\}$/);
  expect(read('deploy.yml').jobs.cdk?.concurrency).toMatchObject({ 'cancel-in-progress': false });
});

test('the role that pull requests get reads one stack, and can assume no other', () => {
  const policies = [...DELIVERY.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => JSON.parse(text));
  expect(policies.filter(({ Resource }) => String(Resource).includes(':cloudformation:'))).toEqual([
    {
      Effect: 'Allow',
      Action: ['cloudformation:DescribeStacks', 'cloudformation:GetTemplate'],
      Resource: 'arn:aws:cloudformation:<region>:<account>:stack/OpenTrainConnector-prod/*',
    },
  ]);
  expect(DELIVERY).not.toContain('lookup-role');
  // A change set would take more than looking.
  expect(stepsOf('deploy.yml').some(({ run = '' }) => run.includes('cdk diff --method=template'))).toBe(true);
});

test('AWS is reached by a role, in the jobs that need it, and no key is kept', () => {
  expect(read('ci.yml').permissions).toEqual({ contents: 'read' });
  const trusted = Object.entries(jobs).flatMap(([name, { permissions }]) => (permissions?.['id-token'] ? [name] : []));
  expect(trusted).toEqual(['diff', 'dev', 'prod']);
  const [credentials] = stepsOf('deploy.yml').filter(({ uses }) => uses?.startsWith('aws-actions/'));
  expect(Object.keys(credentials?.with ?? {})).toEqual(['role-to-assume', 'aws-region']);
  for (const file of FILES) expect(readFileSync(join(FOLDER, file), 'utf8')).not.toContain('secrets.');
});
