import { randomBytes } from 'node:crypto';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { type ServerChild, startServerChild } from '../support/server-child.ts';
import type { Installation } from './installation.ts';

const HOST = '127.0.0.1';
/** On a machine that is busy otherwise; people report up to five minutes for slow disks. */
const READY_SECONDS = 180;

export interface LabelStudioServer extends ServerChild {
  readonly installation: Installation;
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
  const server = await startServerChild({
    name: 'Label Studio',
    command: join(venv, 'bin', 'label-studio'),
    args: ['start', '--no-browser', '--internal-host', HOST, '--port', String(port), '--data-dir', dataDirectory],
    cwd: directory,
    env: environment,
    logFile: join(directory, 'label-studio.log'),
    probe: () => answersOk(`${url}/health`),
    readySeconds: READY_SECONDS,
  });
  try {
    const personalAccessToken = await makePersonalAccessToken(url, owner.token);
    return { ...server, installation: { url, owner: { ...owner, personalAccessToken }, dataDirectory, environment } };
  } catch (error) {
    await server.stop();
    throw error;
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

async function answersOk(url: string): Promise<void> {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (status !== 200) throw new Error(`${url} answered ${status}.`);
}

async function makePersonalAccessToken(url: string, legacyToken: string): Promise<string> {
  const headers = { authorization: `Token ${legacyToken}` };
  const response = await fetch(`${url}/api/token/`, { method: 'POST', headers });
  const { token } = (await response.json()) as { token?: string };
  if (token === undefined)
    throw new Error(`Label Studio answered ${response.status} instead of a personal access token.`);
  return token;
}
