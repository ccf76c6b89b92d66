import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { FUNCTION_BUILD_OPTIONS } from '../../infra/bundle.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** The handlers that are compared: ours, one on the SDK that does the same, and one that does nothing. */
export const CANDIDATES = ['webhook', 'reference', 'empty'] as const;
export type Candidate = (typeof CANDIDATES)[number];

const SOURCES: Readonly<Record<Candidate | 'cold-call' | 'warm-calls', string>> = {
  webhook: join(ROOT, 'functions', 'webhook', 'index.ts'),
  reference: join(import.meta.dirname, 'reference-webhook.ts'),
  empty: join(import.meta.dirname, 'empty-webhook.ts'),
  'cold-call': join(import.meta.dirname, 'cold-call.ts'),
  'warm-calls': join(import.meta.dirname, 'warm-calls.ts'),
};

export interface Builds {
  readonly bytes: Readonly<Record<Candidate, number>>;
  fileOf(name: keyof typeof SOURCES): string;
}

/**
 * Builds the candidates as functions are built for AWS, and with them the two scripts that call them in a process of
 * their own, so that nothing else has to be compiled there.
 */
export function buildCandidates(directory: string): Builds {
  const fileOf = (name: keyof typeof SOURCES) => join(directory, `${name}.js`);
  buildSync({ ...FUNCTION_BUILD_OPTIONS, absWorkingDir: ROOT, entryPoints: { ...SOURCES }, outdir: directory });
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
  const bytes = Object.fromEntries(CANDIDATES.map((name) => [name, statSync(fileOf(name)).size]));
  return { bytes: bytes as Record<Candidate, number>, fileOf };
}
