import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { FUNCTION_BUILD_OPTIONS, FUNCTION_NAMES } from '../infra/bundle.ts';
import manifest from '../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '..');

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly inBundle?: boolean;
  readonly dev?: boolean;
}

/** By the folder that they are installed in, this project itself left out. */
const LOCKED: Readonly<Record<string, Locked>> = JSON.parse(
  readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
).packages;
const packages = Object.entries(LOCKED).filter(([folder]) => folder !== '');

test('every package comes with the hash that its download is checked against', () => {
  // What another package brings along in its own download is covered by that one's hash.
  const downloaded = packages.filter(([, { inBundle }]) => inBundle !== true);
  expect(downloaded.length).toBeGreaterThan(100);
  for (const [folder, { integrity }] of downloaded) expect(integrity, folder).toMatch(/^sha512-/);
});

test('what the project names is pinned to one version', () => {
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});

test('nothing that is only there for building or testing is in a deployed bundle', () => {
  const { metafile } = buildSync({
    ...FUNCTION_BUILD_OPTIONS,
    absWorkingDir: ROOT,
    entryPoints: FUNCTION_NAMES.map((name) => join(ROOT, 'functions', name, 'index.ts')),
    outdir: 'unwritten',
    write: false,
    metafile: true,
  });
  const folders = Object.keys(metafile.inputs).flatMap(
    (file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? [],
  );
  const bundled = [...new Set(folders)];
  expect(bundled.length).toBeGreaterThan(5);
  expect(bundled.filter((folder) => LOCKED[folder]?.dev !== undefined || LOCKED[folder] === undefined)).toEqual([]);
});
