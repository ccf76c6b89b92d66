import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { sleep } from '../../shared/clock.ts';
import { lastLines } from './child.ts';

const HOST = '127.0.0.1';
const REGION = 'eu-central-1';
const ACCOUNT = '000000000000';
const READY_SECONDS = 60;

export interface Emulator {
  readonly url: string;
  /** `aws://<account>/<region>`, what `cdk bootstrap` wants to know. */
  readonly target: string;
  /** What a program needs to take the emulator for AWS. */
  readonly environment: Readonly<Record<string, string>>;
  /** What it wrote, and what the functions wrote. */
  readonly logFile: string;
  stop(): Promise<void>;
}

/**
 * Starts ministack on a free loopback port, over TLS and with IAM switched on: it checks the SigV4 signature of each
 * request, and whether the role of a function or the policy of a resource allows it. So the deployed roles are put to
 * the test as well.
 *
 * @param python - of the virtual environment that ministack is installed in
 * @param directory - for all that it writes. Not inside this repository: it puts CommonJS files there that end in
 * `.js`, which Node would read as ES modules below our package.json.
 */
export async function startEmulator(python: string, directory: string): Promise<Emulator> {
  const port = await freePort();
  const url = `https://${HOST}:${port}`;
  const certificate = join(directory, 'ministack-tls', 'server.crt');
  const logFile = join(directory, 'emulator.log');
  const credentials = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
  };
  await mkdir(directory, { recursive: true });

  // Nothing of the caller's environment but the path: the functions inherit what the emulator has.
  const child = spawn(python, ['-m', 'ministack'], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...credentials,
      PATH: process.env.PATH,
      HOME: directory,
      TMPDIR: directory,
      STATE_DIR: join(directory, 'state'),
      S3_DATA_DIR: join(directory, 's3'),
      MINISTACK_REGION: REGION,
      GATEWAY_PORT: String(port),
      BIND_HOST: HOST,
      AUTH: 'true',
      USE_SSL: '1',
    },
  });
  // However this process ends, the emulator does not outlive it.
  const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const log = createWriteStream(logFile);
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  try {
    await untilReady(`${url}/_ministack/ready`, certificate, child);
  } catch (cause) {
    await stop(child);
    throw new Error(`The emulator did not start.\n${lastLines(await readFile(logFile, 'utf8'))}`, { cause });
  }
  return {
    url,
    target: `aws://${ACCOUNT}/${REGION}`,
    logFile,
    environment: {
      ...credentials,
      AWS_ENDPOINT_URL: url,
      // Node's own TLS believes the one, the CDK's the other.
      NODE_EXTRA_CA_CERTS: certificate,
      AWS_CA_BUNDLE: certificate,
      // Nor is it behind a proxy.
      NO_PROXY: `${HOST},localhost`,
      // Whatever AWS configuration the machine has stays out of it.
      AWS_CONFIG_FILE: join(directory, 'no-aws-config'),
      AWS_SHARED_CREDENTIALS_FILE: join(directory, 'no-aws-credentials'),
      AWS_EC2_METADATA_DISABLED: 'true',
    },
    stop: () => stop(child),
  };
}

/** @returns a loopback port that nobody listens on */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}

async function untilReady(url: string, certificate: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_SECONDS * 1000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
    try {
      return await answersOk(url, await readFile(certificate));
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(200);
  }
}

function answersOk(url: string, ca: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca: Buffer.from(ca), timeout: 2_000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url} answered ${response.statusCode}.`));
    });
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer.`)));
    request.on('error', reject);
  });
}

/** Ends the emulator and the functions that it runs: they are one process group, begun by us. */
async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  process.kill(-pid, 'SIGTERM');
  const force = setTimeout(() => process.kill(-pid, 'SIGKILL'), 5_000);
  await ended;
  clearTimeout(force);
}
