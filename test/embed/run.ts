import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../support/child.ts';
import { runSuite } from '../support/suite-runner.ts';
import { findChromium } from './chromium.ts';

/** Runs the tests of what people see, in a real Chromium. Arguments go to vitest: `npm run test:browser -- --bail 1`. */
process.exitCode = await runSuite({
  name: 'The browser test',
  needs: 'a Chromium or Chrome, on the path or named by CHROMIUM_PATH',
  vitestConfig: join(import.meta.dirname, 'vitest.config.ts'),
  async find(isRequired) {
    if (findChromium() === undefined && isRequired && mayInstall()) await installChromium();
    return findChromium();
  },
  setUp: async (chromium) => ({ ...process.env, CHROMIUM_PATH: chromium }),
});

/** Only on a CI machine of Debian's kind: nobody's own computer is changed by a test. */
function mayInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

async function installChromium(): Promise<void> {
  console.log('  apt-get install chromium');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], { env });
}
