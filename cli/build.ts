import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Where `opentrain-connector.js` looks for it. */
export const CLI_BUNDLE = join(ROOT, 'dist', 'cli', 'main.cjs');

/**
 * One file, CommonJS: Node 24 imports built-in modules of an ES module more slowly, and what a command loads with `import()`
 * is evaluated only when it runs.
 */
const OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  mainFields: ['module', 'main'],
  minify: true,
  // The names of errors and their stacks are read by people.
  keepNames: true,
  sourcemap: false,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** @returns the size in bytes */
export function buildCli(outfile: string = CLI_BUNDLE): number {
  rmSync(outfile, { force: true });
  buildSync({ ...OPTIONS, absWorkingDir: ROOT, entryPoints: [join(ROOT, 'cli', 'main.ts')], outfile });
  return statSync(outfile).size;
}

if (import.meta.main) console.log(`${'cli'.padEnd(10)}${`${(buildCli() / 1000).toFixed(1)} kB`.padStart(10)}`);
