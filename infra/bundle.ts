import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, buildSync } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** One folder in `functions/` a Lambda function. */
export const FUNCTION_NAMES = ['webhook', 'worker', 'usage', 'reconcile', 'budget', 'admin'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

/**
 * How a function is built.
 *
 * CommonJS, because Node 24 imports built-in modules of an ES module about 40 ms slower, on every cold start.
 * `module` before `main`, because packages shake smaller from their ES modules. No source map: it would be shipped,
 * and parsed when an error is thrown; `frames` in a log line name the functions well enough, and a build of the same
 * commit has the same positions.
 */
export const FUNCTION_BUILD_OPTIONS = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  mainFields: ['module', 'main'],
  minify: true,
  keepNames: false,
  sourcemap: false,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** What the functions get instead of a package that they import by way of the AWS SDK. */
const ALIASES = {
  '@aws-sdk/credential-provider-node': join(ROOT, 'shared', 'aws', 'lambda-credentials.ts'),
};

export interface BundleOptions {
  /**
   * Where a function's sources are.
   *
   * @default - `functions/<name>/index.ts`
   */
  readonly entryOf?: (name: FunctionName) => string;

  /**
   * Where the bundles go: `<directory>/<name>/index.js`. It is emptied first.
   *
   * @default - `dist/functions`
   */
  readonly outputDirectory?: string;
}

/** Where `bundleFunctions` leaves its bundles unless told otherwise. */
export const BUNDLE_DIRECTORY = join(ROOT, 'dist', 'functions');

/**
 * Builds every function, each into a folder that is deployed as it is.
 *
 * @returns the size of each bundle in bytes
 */
export function bundleFunctions({
  entryOf = (name) => join(ROOT, 'functions', name, 'index.ts'),
  outputDirectory = BUNDLE_DIRECTORY,
}: BundleOptions = {}): Record<FunctionName, number> {
  rmSync(outputDirectory, { recursive: true, force: true });
  buildSync({
    ...FUNCTION_BUILD_OPTIONS,
    alias: ALIASES,
    absWorkingDir: ROOT,
    entryPoints: FUNCTION_NAMES.map((name) => ({ in: entryOf(name), out: join(name, 'index') })),
    outdir: outputDirectory,
  });
  // Lambda takes a .js file for CommonJS, this repository does not. It lies beside the functions' folders and is not
  // deployed.
  writeFileSync(join(outputDirectory, 'package.json'), '{ "type": "commonjs" }\n');

  const sizeOf = (name: FunctionName) => statSync(join(outputDirectory, name, 'index.js')).size;
  return Object.fromEntries(FUNCTION_NAMES.map((name) => [name, sizeOf(name)])) as Record<FunctionName, number>;
}

if (import.meta.main) {
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  for (const [name, bytes] of Object.entries(bundleFunctions())) {
    console.log(`${name.padEnd(10)}${kilobytes(bytes).padStart(10)}`);
  }
}
