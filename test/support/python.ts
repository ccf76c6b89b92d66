import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, run } from './child.ts';

const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

/** Says its version if it is new enough and able to make a virtual environment with pip. */
const PROBE =
  'import sys, venv, ensurepip; print(".".join(map(str, sys.version_info[:3]))); sys.exit(sys.version_info < (3, 10))';

/** What is looked for, in words. */
export const PYTHON = 'Python 3.10 or newer with venv and pip, on the path as python3';

export interface Python {
  readonly command: string;
  readonly version: string;
}

/** @returns the first Python of at least 3.10 on the path; undefined when there is none */
export async function findPython(): Promise<Python | undefined> {
  for (const command of NAMES) {
    try {
      return { command, version: (await run(command, ['-c', PROBE])).trim() };
    } catch {
      // Not there, too old, or without venv: the next one.
    }
  }
  return undefined;
}

/**
 * Installs packages into a virtual environment of its own, unless they are there as `requirements.txt` wants them.
 *
 * @returns the environment's Python
 */
export async function installPackages(python: Python, directory: string, requirements: string): Promise<string> {
  const executable = join(directory, 'bin', 'python');
  const stamp = join(directory, 'installed.txt');
  const wanted = `Python ${python.version}\n${await readFile(requirements, 'utf8')}`;
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return executable;

  await rm(directory, { recursive: true, force: true });
  try {
    await run(python.command, ['-m', 'venv', directory]);
    await run(executable, ['-m', 'pip', 'install', '--disable-pip-version-check', '--requirement', requirements]);
  } catch (cause) {
    throw new CommandError('The packages could not be installed from the Python package index.', { cause });
  }
  await writeFile(stamp, wanted);
  return executable;
}
