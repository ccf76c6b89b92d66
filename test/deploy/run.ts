import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PLATFORM_API_ROOT } from '../../local/opentrain/api-contract.ts';
import { run } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { findPython, installPackages, PYTHON } from '../support/python.ts';
import { ROOT, runSuite } from '../support/suite-runner.ts';
import { handOver } from './deployment.ts';
import { startEmulator } from './emulator.ts';

const STACK = 'OpenTrainConnector-dev';

/**
 * The stage dev, but with a patience that a test can wait for: a delivery is given up after four attempts, 1 s apart
 * (in a real stage that takes hours, see `certainRetrySeconds`), and usage is reported and everything reconciled as often
 * as a schedule can.
 */
const CONTEXT = {
  maxReceiveCount: 4,
  retryBaseSeconds: 1,
  retryCapSeconds: 1,
  outageToOutlastHours: 0,
  usageMinutes: 1,
  reconcileMinutes: 1,
};

/** By a tag that the emulator knows, so that the API's address is known before there is one. */
const API_ID = 'connector';

const require = createRequire(import.meta.url);

/**
 * Deploys the real stack with the real bundles to an emulated AWS, and drives deliveries through it. No AWS account, no
 * Docker: a virtual environment of Python with ministack in it. Arguments go to vitest: `npm run test:deploy -- --bail 1`.
 */
process.exitCode = await runSuite({
  name: 'The deploy test',
  needs: PYTHON,
  vitestConfig: join(import.meta.dirname, 'vitest.config.ts'),
  find: findPython,
  async setUp(python, { directory, step, stopAtTheEnd }) {
    const venv = await step(`ministack on Python ${python.version}`, () =>
      installPackages(python, join(ROOT, '.venv-deploy'), join(import.meta.dirname, 'requirements.txt')),
    );
    const emulator = await step('start of the emulator', () => startEmulator(venv, directory));
    stopAtTheEnd(emulator);
    const [workspacePort, openTrainPort] = [await freePort(), await freePort()];
    const environment = { ...withoutAws(process.env), ...emulator.environment };
    const outputsFile = join(directory, 'outputs.json');
    const context = {
      ...CONTEXT,
      workspaceUrl: `http://127.0.0.1:${workspacePort}`,
      openTrainBaseUrl: `http://127.0.0.1:${openTrainPort}${PLATFORM_API_ROOT}`,
      // The API's own address has a name that not every machine resolves.
      webhookBaseUrl: `${emulator.url}/_aws/execute-api/${API_ID}/$default`,
    };

    await step('cdk bootstrap', () => cdk(['bootstrap', emulator.target], environment));
    await step('cdk deploy', () =>
      cdk(
        [
          'deploy',
          STACK,
          ...['--tags', `ms-custom-id=${API_ID}`],
          ...['--require-approval', 'never', '--outputs-file', outputsFile, '--output', join(directory, 'cdk.out')],
          ...Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
        ],
        environment,
      ),
    );
    const outputs = JSON.parse(await readFile(outputsFile, 'utf8'))[STACK] as Record<string, string>;
    const { url: endpoint, logFile: emulatorLog } = emulator;
    return { ...environment, ...handOver({ outputs, endpoint, emulatorLog, workspacePort, openTrainPort }) };
  },
});

/**
 * Run by this very Node, and the same one first on the path: for the app in cdk.json, and for Lambda in the emulator.
 */
function cdk(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const program = require.resolve('aws-cdk/bin/cdk');
  return run(process.execPath, [program, ...args, '--no-notices', '--ci'], { cwd: ROOT, env });
}

function withoutAws(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('AWS_'));
  return { ...Object.fromEntries(kept), CDK_DISABLE_CLI_TELEMETRY: 'true' };
}
