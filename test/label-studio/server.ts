import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../shared/clock.ts';
import { lastLines, run } from '../deploy/child.ts';
import { freePort } from '../deploy/emulator.ts';
import type { Installation } from './installation.ts';

const HOST = '127.0.0.1';
/** On a machine that is busy otherwise; people report up to five minutes for slow disks. */
const READY_SECONDS = 180;

export interface LabelStudioServer {
  readonly installation: Installation;
  readonly logFile: string;
  stop(): Promise<void>;
}

/**
 * Starts Label Studio on a free loopback port with a database that holds its owner and nothing else, and with all that
 * calls home switched off.
 *
 * The first start of an empty database takes a minute of migrations, so a migrated one is kept beside the virtual
 * environment and copied.
 *
 * @param venv - virtual environment that Label Studio is installed in
 * @param directory - for all that it writes
 */
export async function startLabelStudio(venv: string, directory: string): Promise<LabelStudioServer> {
  const dataDirectory = join(directory, 'data');
  const owner = { address: 'owner@acme.example', password: 'test-owner-password', token: 'test'.padEnd(40, '0') };
  const environment = environmentOf(venv, dataDirectory);
  await cp(await migratedData(venv, owner), dataDirectory, { recursive: true });

  // Label Studio takes the next port without a word if this one is taken, so readiness is asked of this one only.
  const port = await freePort();
  const url = `http://${HOST}:${port}`;
  const logFile = join(directory, 'label-studio.log');
  const child = spawn(
    join(venv, 'bin', 'label-studio'),
    ['start', '--no-browser', '--internal-host', HOST, '--port', String(port), '--data-dir', dataDirectory],
    { cwd: directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: environment },
  );
  // However this process ends, Label Studio does not outlive it.
  const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  try {
    await untilReady(`${url}/health`, child);
    const personalAccessToken = await makePersonalAccessToken(url, owner.token);
    const installation = { url, owner: { ...owner, personalAccessToken }, dataDirectory, environment };
    return { installation, logFile, stop: () => stop(child) };
  } catch (cause) {
    await stop(child);
    throw new Error(`Label Studio did not start.\n${lastLines(await readFile(logFile, 'utf8'))}`, { cause });
  }
}

/** What Label Studio and its commands run with: nothing of the machine's own settings, and no telemetry. */
function environmentOf(venv: string, dataDirectory: string): Record<string, string> {
  return {
    VIRTUAL_ENV: venv,
    PATH: `${join(venv, 'bin')}:${process.env.PATH}`,
    HOME: dataDirectory,
    LABEL_STUDIO_BASE_DATA_DIR: dataDirectory,
    LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK: 'true',
    COLLECT_ANALYTICS: 'false',
    LATEST_VERSION_CHECK: 'false',
    SENTRY_DSN: '',
    FRONTEND_SENTRY_DSN: '',
    SENTRY_RATE: '0',
    NO_PROXY: '*',
  };
}

/** @returns a data directory with the owner's account in it, made once for each virtual environment */
async function migratedData(
  venv: string,
  owner: { address: string; password: string; token: string },
): Promise<string> {
  const finished = join(venv, 'migrated-data');
  if ((await readFile(join(finished, 'label_studio.sqlite3')).catch(() => undefined)) !== undefined) return finished;
  const unfinished = `${finished}-${randomBytes(4).toString('hex')}`;
  await mkdir(unfinished, { recursive: true });
  try {
    const account = ['--username', owner.address, '--password', owner.password, '--user-token', owner.token];
    await run(
      join(venv, 'bin', 'label-studio'),
      ['init', '--data-dir', unfinished, ...account, '--enable-legacy-api-token'],
      { cwd: unfinished, env: environmentOf(venv, unfinished) },
    );
    await rename(unfinished, finished);
    return finished;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_SECONDS * 1000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (response?.status === 200) return;
    if (Date.now() > deadline) throw new Error(`It was not ready after ${READY_SECONDS} s.`);
    await sleep(250);
  }
}

async function makePersonalAccessToken(url: string, legacyToken: string): Promise<string> {
  const headers = { authorization: `Token ${legacyToken}` };
  const response = await fetch(`${url}/api/token/`, { method: 'POST', headers });
  const { token } = (await response.json()) as { token?: string };
  if (token === undefined) throw new Error(`It answered ${response.status} instead of a personal access token.`);
  return token;
}

async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-pid, 'SIGTERM');
  const force = setTimeout(() => process.kill(-pid, 'SIGKILL'), 5_000);
  await ended;
  clearTimeout(force);
}
