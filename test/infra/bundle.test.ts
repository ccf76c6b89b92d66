import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundleFunctions } from '../../infra/bundle.ts';

const directory = mkdtempSync(join(tmpdir(), 'connector-bundle-'));
const outputDirectory = join(directory, 'out');
afterAll(() => rmSync(directory, { recursive: true }));

function bundle(source: string) {
  mkdirSync(join(outputDirectory, 'webhook'), { recursive: true });
  writeFileSync(join(outputDirectory, 'webhook', 'left-over.js'), '');
  const entry = join(directory, 'index.ts');
  writeFileSync(entry, source);
  return bundleFunctions({ entryOf: () => entry, outputDirectory });
}

test('a bundle is one CommonJS file: no source map, nothing left over from before', async () => {
  const sizes = bundle(
    "import { hostname } from 'node:os';\nexport const handler = async (): Promise<string> => hostname();\n",
  );

  expect(readdirSync(outputDirectory).sort()).toEqual(['package.json', 'webhook', 'worker']);
  for (const name of ['webhook', 'worker'] as const) {
    expect(readdirSync(join(outputDirectory, name))).toEqual(['index.js']);
    const code = readFileSync(join(outputDirectory, name, 'index.js'), 'utf8');
    expect(code).not.toContain('sourceMappingURL');
    expect(sizes[name]).toBe(Buffer.byteLength(code));
  }
  const { handler } = createRequire(import.meta.url)(join(outputDirectory, 'webhook', 'index.js'));
  expect(await handler()).toEqual(expect.any(String));
});
