import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { describe, expect, onTestFinished, test } from 'vitest';

// What it does to a deployment is tested in test/deploy, how it connects in test/connections: here is what people see.
const COMMAND = fileURLToPath(new URL('../../cli/connect.ts', import.meta.url));
const TOKEN = 'ot_ptk_a_customers_own';
const ARGUMENTS = ['acme', '--stage', 'prod'];
/** Nobody's AWS: no profile, no metadata service. */
const AWS = {
  AWS_REGION: 'eu-central-1',
  AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };
const ALL = { ...AWS, ...CREDENTIALS, OPENTRAIN_PARTNER_TOKEN: TOKEN };

test('--help has an example', async () => {
  const { code, output } = await run(['--help']);
  expect(output).toContain('npm run --silent connect -- acme --stage prod');
  expect(code).toBe(0);
});

describe('a command that cannot be understood ends with 2, and says why:', () => {
  test.each([
    { args: [], said: 'One connection must be named' },
    { args: ['Acme Inc', '--stage', 'prod'], said: 'lower-case letters, digits and inner hyphens' },
    { args: ['acme', TOKEN, '--stage', 'prod'], said: 'The token is no argument' },
    { args: ['acme'], said: '--stage must name the deployment' },
    { args: [...ARGUMENTS, '--stag', 'x'], said: '--stag' },
    {
      args: [...ARGUMENTS, '--opentrain-url', 'http://opentrain.example'],
      said: '--opentrain-url must begin with https',
    },
  ])('$args', async ({ args, said }) => {
    const { code, error } = await run(args, ALL);
    expect(error).toContain(said);
    expect(code).toBe(2);
  });

  test.each([
    ['none', '', 'nothing came'],
    ['another secret', 'whsec_of_an_endpoint', 'does not begin with ot_ptk_'],
    ['more than the token', `${TOKEN} ${TOKEN}`, 'more than one word'],
  ])('a token is needed, and %s came', async (_what, input, said) => {
    const { code, error } = await run(ARGUMENTS, { ...AWS, ...CREDENTIALS }, input);
    expect(error).toContain(said);
    if (input !== '') expect(error).not.toContain(input);
    expect(code).toBe(2);
  });
});

describe('what fails ends with 1, soon, and says what to do:', () => {
  test('an AWS that does not answer; the token may come on standard input', async () => {
    const { OPENTRAIN_PARTNER_TOKEN: _, ...environment } = ALL;
    const { code, error } = await run(ARGUMENTS, environment, `${TOKEN}\n`);
    expect(error).toMatch(
      /AWS CloudFormation in eu-central-1 was asked for the stack OpenTrainConnector-prod.*ECONNREFUSED/,
    );
    expect(code).toBe(1);
  });

  test('no credentials', async () => {
    const { code, error } = await run(ARGUMENTS, { ...AWS, OPENTRAIN_PARTNER_TOKEN: TOKEN });
    expect(error).toContain('No AWS credentials were found.');
    expect(code).toBe(1);
  });

  test('no region', async () => {
    const { AWS_REGION: _, ...environment } = ALL;
    const { code, error } = await run(ARGUMENTS, environment);
    expect(error).toContain('Name it with --region');
    expect(code).toBe(1);
  });

  test('a stage that is not deployed, in the region that was named', async () => {
    const { code, error } = await run([...ARGUMENTS, '--region', 'eu-west-1'], {
      ...ALL,
      AWS_ENDPOINT_URL: await startStacklessAws(),
    });
    expect(error).toContain('There is no stack OpenTrainConnector-prod in eu-west-1.');
    expect(code).toBe(1);
  });
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
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

/** Whatever happens, the token is not told, and nobody has to read a stack trace. */
async function run(options: string[], environment: Record<string, string> = {}, input = '') {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [COMMAND, ...options], { env: { PATH, ...environment } });
  child.stdin.end(input);
  const [output, error] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect(output + error).not.toContain(TOKEN);
  expect(error).not.toMatch(/^\s+at /m);
  return { code: child.exitCode, output, error };
}
