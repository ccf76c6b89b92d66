import { join } from 'node:path';
import { findPython, installPackages, PYTHON } from '../support/python.ts';
import { ROOT, runSuite } from '../support/suite-runner.ts';
import { handOver } from './installation.ts';
import { startLabelStudio } from './server.ts';

/**
 * Runs the adapter's tests against a real Label Studio: installed from PyPI into a virtual environment of its own, started
 * on a free loopback port, stopped at the end. Arguments go to vitest, for example a part of a file name.
 */
process.exitCode = await runSuite({
  name: 'The Label Studio test',
  needs: PYTHON,
  vitestConfig: join(import.meta.dirname, 'vitest.config.ts'),
  find: findPython,
  async setUp(python, { directory, step, stopAtTheEnd }) {
    const venv = join(ROOT, '.venv-label-studio');
    await step(`Label Studio on Python ${python.version}`, () =>
      installPackages(python, venv, join(import.meta.dirname, 'requirements.txt')),
    );
    const server = await step('start of Label Studio', () => startLabelStudio(venv, directory));
    stopAtTheEnd(server);
    return { ...process.env, ...handOver(server.installation) };
  },
});
