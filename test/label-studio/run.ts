import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CommandError, killRunningCommands, lastLines, run } from '../deploy/child.ts';
import { findPython, installPackages } from '../deploy/python.ts';
import { handOver } from './installation.ts';
import { type LabelStudioServer, startLabelStudio } from './server.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Runs the adapter's tests against a real Label Studio: installed from PyPI into a virtual environment of its own, started
 * on a free loopback port, stopped at the end.
 *
 * @param vitestArguments - passed on to vitest, for example a part of a file name
 * @returns the exit code
 */
async function main(vitestArguments: readonly string[]): Promise<number> {
  const python = await findPython();
  if (python === undefined) {
    const isRequired = process.env.CI === 'true';
    console.log(
      `The Label Studio test ${isRequired ? 'needs' : 'was skipped: it needs'} Python 3.10 or newer with venv and pip, ` +
        'on the path as python3. Everything else is tested by npm test.',
    );
    return isRequired ? 1 : 0;
  }

  const directory = await mkdtemp(join(tmpdir(), 'connector-label-studio-'));
  let server: LabelStudioServer | undefined;
  const stop = async () => {
    killRunningCommands();
    await server?.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => stop().finally(() => process.exit(130)));

  try {
    const venv = join(ROOT, '.venv-label-studio');
    await step(`Label Studio on Python ${python.version}`, () =>
      installPackages(python, venv, join(import.meta.dirname, 'requirements.txt')),
    );
    const started = await step('start of Label Studio', () => startLabelStudio(venv, directory));
    server = started;
    await vitest(vitestArguments, { ...process.env, ...handOver(started.installation) });
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof Error && error.cause instanceof CommandError) console.error(error.cause.message);
    if (server) console.error(`\nLabel Studio's last words:\n${lastLines(await readFile(server.logFile, 'utf8'))}`);
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

const vitest = (more: readonly string[], env: NodeJS.ProcessEnv): Promise<string> =>
  run(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...['--config', join(import.meta.dirname, 'vitest.config.ts')],
      ...more,
    ],
    { cwd: ROOT, env, showOutput: true },
  );

process.env.PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
process.exitCode = await main(process.argv.slice(2));
