import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import openapiTypescript, { astToString } from 'openapi-typescript';

/**
 * Writes `<name>.types.ts` beside each OpenAPI file; with `--check` it changes nothing and exits 1 when one is out of date.
 * The output is committed, so that nobody has to generate anything before reading or compiling the code.
 */
const SOURCES = ['opentrain/openapi.yaml', 'workspace/http/openapi.yaml'];

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const outdated: string[] = [];
for (const source of SOURCES) {
  const from = new URL(source, import.meta.url);
  const to = new URL(source.replace(/\.yaml$/, '.types.ts'), import.meta.url);
  const generated = await generate(from, source);
  if ((await readFile(to, 'utf8').catch(() => undefined)) === generated) continue;
  if (values.check) outdated.push(source);
  else await writeFile(to, generated);
}

if (outdated.length > 0) {
  process.stderr.write(
    `The generated types of ${outdated.map((source) => `shared/${source}`).join(' and ')} are out of date: run \`npm run generate\` and commit what it wrote.\n`,
  );
  process.exitCode = 1;
}

async function generate(file: URL, source: string): Promise<string> {
  const types = await openapiTypescript(file);
  return `// Generated from shared/${source} by \`npm run generate\`; change that file instead.\n\n${astToString(types)}`;
}
