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
  readonly 'timeout-minutes'?: number;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = join(import.meta.dirname, '..', '..', '.github', 'workflows');
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

test('AWS is reached by a role, in the jobs that need it, and no key is kept', () => {
  expect(read('ci.yml').permissions).toEqual({ contents: 'read' });
  const trusted = Object.entries(jobs).flatMap(([name, { permissions }]) => (permissions?.['id-token'] ? [name] : []));
  expect(trusted).toEqual(['diff', 'dev', 'prod']);
  const [credentials] = stepsOf('deploy.yml').filter(({ uses }) => uses?.startsWith('aws-actions/'));
  expect(Object.keys(credentials?.with ?? {})).toEqual(['role-to-assume', 'aws-region']);
  for (const file of FILES) expect(readFileSync(join(FOLDER, file), 'utf8')).not.toContain('secrets.');
});
