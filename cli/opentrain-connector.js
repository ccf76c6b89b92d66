#!/usr/bin/env node
// What `npx opentrain-connector` runs, on whatever Node the machine has, from version 20 on: it hands over to Node 24, which
// came along as a dependency.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const bundle = fileURLToPath(new URL('../dist/cli/main.cjs', import.meta.url));
const [major] = process.versions.node.split('.');

if (!existsSync(bundle)) {
  process.stderr.write('opentrain-connector is not built. Run npm ci or npm run build in its repository first.\n');
  process.exitCode = 1;
} else if (Number(major) >= 24) {
  require(bundle);
} else {
  const node24 = join(dirname(require.resolve('node/package.json')), 'bin', 'node');
  const child = spawn(node24, [bundle, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl+C reaches both; the child says how it ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}
