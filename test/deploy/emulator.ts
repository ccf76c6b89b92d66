import { mkdir, readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { type ServerChild, startServerChild } from '../support/server-child.ts';

const HOST = '127.0.0.1';
const REGION = 'eu-central-1';
const ACCOUNT = '000000000000';
const READY_SECONDS = 60;

/** An emulated AWS; its log holds what the functions wrote, too. */
export interface Emulator extends ServerChild {
  readonly url: string;
  /** `aws://<account>/<region>`, what `cdk bootstrap` wants to know. */
  readonly target: string;
  /** What a program needs to take the emulator for AWS. */
  readonly environment: Readonly<Record<string, string>>;
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
  const credentials = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
  };
  await mkdir(directory, { recursive: true });

  const server = await startServerChild({
    name: 'The emulator',
    command: python,
    args: [join(import.meta.dirname, 'emulator.py')],
    cwd: directory,
    // Nothing of the caller's environment but the path: the functions inherit what the emulator has.
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
    logFile: join(directory, 'emulator.log'),
    probe: async () => answersOk(`${url}/_ministack/ready`, await readFile(certificate)),
    readySeconds: READY_SECONDS,
  });
  return {
    ...server,
    url,
    target: `aws://${ACCOUNT}/${REGION}`,
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
  };
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
