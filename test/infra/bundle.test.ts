import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { bundleFunctions, FUNCTION_NAMES } from '../../infra/bundle.ts';
import { LIMITS } from '../bench/limits.ts';

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

  expect(readdirSync(outputDirectory).sort()).toEqual([...FUNCTION_NAMES, 'package.json'].sort());
  for (const name of FUNCTION_NAMES) {
    expect(readdirSync(join(outputDirectory, name))).toEqual(['index.js']);
    const code = readFileSync(join(outputDirectory, name, 'index.js'), 'utf8');
    expect(code).not.toContain('sourceMappingURL');
    expect(sizes[name]).toBe(Buffer.byteLength(code));
  }
  const { handler } = createRequire(import.meta.url)(join(outputDirectory, 'webhook', 'index.js'));
  expect(await handler()).toEqual(expect.any(String));
});

test('the functions are as small as is promised', () => {
  const sizes = bundleFunctions({ outputDirectory });
  expect(sizes.webhook).toBeLessThanOrEqual(LIMITS.webhookBundleBytes);
  for (const name of FUNCTION_NAMES) expect(sizes[name], name).toBeLessThanOrEqual(LIMITS.workerBundleBytes);
});

test("a function calls DynamoDB with its role's credentials, which Lambda puts into its environment", async () => {
  const table = join(import.meta.dirname, '..', '..', 'shared', 'store', 'table.ts');
  bundle(
    `import { createDynamoDb } from ${JSON.stringify(table)};\nexport const handler = () => createDynamoDb().config.credentials();\n`,
  );
  const environment = {
    AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'session',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());

  const file = join(outputDirectory, 'budget', 'index.js');
  const { handler } = createRequire(import.meta.url)(file);
  const credentials = await handler();
  expect(credentials).toMatchObject({ accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' });
  expect(credentials).not.toHaveProperty('expiration');
  // Of the SDK's own search, which asks files and other services, nothing is left.
  expect(readFileSync(file, 'utf8')).not.toMatch(/AWS_CONTAINER_CREDENTIALS|AWS_WEB_IDENTITY|sso_start_url/);
});
