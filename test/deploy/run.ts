import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PLATFORM_API_ROOT } from '../../local/opentrain/api-contract.ts';
import { CommandError, killRunningCommands, lastLines, run } from './child.ts';
import { handOver } from './deployment.ts';
import { type Emulator, freePort, startEmulator } from './emulator.ts';
import { findPython, installPackages } from './python.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const STACK = 'OpenTrainConnector-dev';

/**
 * The stage dev, but with a patience that a test can wait for: a delivery is given up after four attempts, 1 s apart.
 * (In a real stage that takes hours, see `certainRetrySeconds`.)
 */
const CONTEXT = { maxReceiveCount: 4, retryBaseSeconds: 1, retryCapSeconds: 1, outageToOutlastHours: 0 };

/**
 * Deploys the real stack with the real bundles to an emulated AWS, and drives deliveries through it. No AWS account, no
 * Docker: a virtual environment of Python with ministack in it. Arguments go to vitest: `npm run test:deploy -- --bail 1`.
 *
 * @returns the exit code
 */
async function main(): Promise<number> {
  const python = await findPython();
  if (python === undefined) {
    const isRequired = process.env.CI === 'true';
    console.log(
      `The deploy test ${isRequired ? 'needs' : 'was skipped: it needs'} Python 3.10 or newer with venv and pip, ` +
        'on the path as python3. Everything else is tested by npm test.',
    );
    return isRequired ? 1 : 0;
  }

  const directory = await mkdtemp(join(tmpdir(), 'connector-deploy-'));
  let emulator: Emulator | undefined;
  const stop = async () => {
    killRunningCommands();
    await emulator?.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop().finally(() => process.exit(130)));

  try {
    const venv = await step(`ministack on Python ${python.version}`, () =>
      installPackages(python, join(ROOT, '.venv-deploy'), join(import.meta.dirname, 'requirements.txt')),
    );
    const started = await step('start of the emulator', () => startEmulator(venv, directory));
    emulator = started;
    const [workspacePort, openTrainPort] = [await freePort(), await freePort()];
    const environment = { ...withoutAws(process.env), ...started.environment };
    const outputsFile = join(directory, 'outputs.json');
    const context = {
      ...CONTEXT,
      workspaceUrl: `http://127.0.0.1:${workspacePort}`,
      openTrainBaseUrl: `http://127.0.0.1:${openTrainPort}${PLATFORM_API_ROOT}`,
    };

    await step('cdk bootstrap', () => cdk(['bootstrap', started.target], environment));
    await step('cdk deploy', () =>
      cdk(
        [
          'deploy',
          STACK,
          ...['--require-approval', 'never', '--outputs-file', outputsFile, '--output', join(directory, 'cdk.out')],
          ...Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
        ],
        environment,
      ),
    );
    const outputs = JSON.parse(await readFile(outputsFile, 'utf8'))[STACK] as Record<string, string>;
    const deployment = { outputs, endpoint: started.url, emulatorLog: started.logFile, workspacePort, openTrainPort };
    await vitest({ ...environment, ...handOver(deployment) });
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof Error && error.cause instanceof CommandError) console.error(error.cause.message);
    if (emulator) console.error(`\nThe emulator's last words:\n${lastLines(await readFile(emulator.logFile, 'utf8'))}`);
    return 1;
  } finally {
    await stop();
  }
}

async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  process.stdout.write(`  ${name.padEnd(32)}`);
  const result = await work().catch((error: unknown) => {
    process.stdout.write('failed\n');
    throw error;
  });
  process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s\n`);
  return result;
}

const require = createRequire(import.meta.url);

/**
 * Run by this very Node, and the same one first on the path: for the app in cdk.json, and for Lambda in the emulator.
 */
const cdk = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  run(process.execPath, [require.resolve('aws-cdk/bin/cdk'), ...args, '--no-notices', '--ci'], { cwd: ROOT, env });

const vitest = (env: NodeJS.ProcessEnv): Promise<string> =>
  run(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--config',
      join(import.meta.dirname, 'vitest.config.ts'),
      ...process.argv.slice(2),
    ],
    { cwd: ROOT, env, showOutput: true },
  );

function withoutAws(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('AWS_'));
  return { ...Object.fromEntries(kept), CDK_DISABLE_CLI_TELEMETRY: 'true' };
}

process.env.PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
process.exitCode = await main();
