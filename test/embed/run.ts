import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandError, killRunningCommands, run } from '../deploy/child.ts';
import { findChromium } from './chromium.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Runs the tests of what people see, in a real Chromium. Arguments go to vitest: `npm run test:browser -- --bail 1`.
 *
 * @returns the exit code
 */
async function main(): Promise<number> {
  const isRequired = process.env.CI === 'true';
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      killRunningCommands();
      process.exit(130);
    });
  }
  try {
    if (findChromium() === undefined && isRequired && mayInstall()) await installChromium();
    const chromium = findChromium();
    if (chromium === undefined) {
      console.log(
        `The browser test ${isRequired ? 'needs' : 'was skipped: it needs'} a Chromium or Chrome, on the path or named ` +
          'by CHROMIUM_PATH. Everything else is tested by npm test.',
      );
      return isRequired ? 1 : 0;
    }
    await vitest({ ...process.env, CHROMIUM_PATH: chromium });
    return 0;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    return 1;
  }
}

/** Only on a CI machine of Debian's kind: nobody's own computer is changed by a test. */
const mayInstall = (): boolean => process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');

async function installChromium(): Promise<void> {
  console.log('  apt-get install chromium');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], { env });
}

const vitest = (env: NodeJS.ProcessEnv): Promise<string> =>
  run(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      ...['--config', join(import.meta.dirname, 'vitest.config.ts')],
      ...process.argv.slice(2),
    ],
    { cwd: ROOT, env, showOutput: true },
  );

process.env.PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
process.exitCode = await main();
