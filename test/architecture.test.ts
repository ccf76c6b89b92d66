import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

/** Dependencies point one way: what each folder at the top may import of the others. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  functions: ['shared'],
  infra: [],
  local: ['functions', 'shared'],
  cli: ['functions', 'shared', 'package.json'],
};

const root = join(import.meta.dirname, '..');

function importsOf(folder: string): { readonly file: string; readonly folder: string | undefined }[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.ts$/.test(name),
  );
  return files.flatMap((name) => {
    const file = join(folder, name);
    const paths = [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import)\s+'(\.{1,2}\/[^']+)'/g)];
    return paths.map(([, path = '']) => ({
      file,
      folder: relative(root, join(root, dirname(file), path)).split('/')[0],
    }));
  });
}

test.each(Object.entries(MAY_IMPORT))('%s imports only of itself and of: %j', (folder, allowed) => {
  const imports = importsOf(folder);
  expect(imports.length).toBeGreaterThan(0);
  expect(imports.filter((one) => one.folder !== folder && !allowed.includes(one.folder ?? ''))).toEqual([]);
});

test('the rules know nothing of Lambda: shared never imports its event types', () => {
  const offenders = readdirSync(join(root, 'shared'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) => readFileSync(join(root, 'shared', name), 'utf8').includes("from 'aws-lambda'"));
  expect(offenders).toEqual([]);
});
