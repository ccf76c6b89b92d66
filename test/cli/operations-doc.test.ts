import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type System, startSystem } from '../../local/system.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { type BuiltCli, buildCliForTests } from './built-cli.ts';

/**
 * The outputs in `docs/operations.md` are those of real runs: its commands are run here, one after the other, with what
 * happens in between (the comments). `UPDATE_DOCS=1 npx vitest run test/cli/operations-doc.test.ts` writes them anew.
 */
const FILE = join(import.meta.dirname, '..', '..', 'docs', 'operations.md');
const DEFAULT = 'default' as ConnectionId;

let cli: BuiltCli;
let system: System;
let token = '';
/** Ids and addresses as they are, by what stands for them in the document. */
const real = new Map<string, string>();
const standIns = new Map<string, string>();

beforeAll(async () => {
  cli = buildCliForTests();
  system = await startSystem({ logger: silentLogger });
  // As in `npm run local`: a customer who is connected, and a job.
  const { installId, token: first, organizationId } = system.opentrain.consent();
  await system.connector.connect(DEFAULT, first);
  const job = system.opentrain.postJob({ organizationId, title: 'Image annotation' });
  system.opentrain.linkProject(installId, { externalProjectId: 'demo-project', jobId: job.id });
  await settle();
  for (const [address, port] of [
    [system.connector.url, 8787],
    [new URL(system.opentrain.platformApiUrl).origin, 8788],
    [system.workspace.url, 8789],
  ] as const) {
    name(address, `http://127.0.0.1:${port}`);
  }
  nameIds(job.id);
});
afterAll(async () => {
  await system.close();
  cli.remove();
});

async function settle(): Promise<void> {
  await system.idle();
}

/** What happens in the world between two commands. */
const EVENTS: Readonly<Record<string, (who: string) => Promise<void>>> = {
  async consent() {
    const page = `${new URL(system.opentrain.platformApiUrl).origin}/integrations/demo-platform/connect`;
    const scopes = [...(await (await fetch(page)).text()).matchAll(/name="scope" value="([^"]+)"/g)];
    const form = new FormData();
    for (const [, scope = ''] of scopes) form.append('scope', scope);
    form.append('piiConsent', 'on');
    const answer = await (await fetch(page, { method: 'POST', body: form })).text();
    token = /<code id="token">([^<]+)</.exec(answer)?.[1] ?? '';
    await settle();
  },
  async hire(who) {
    await hire(who);
  },
  async refuse(who) {
    system.opentrain.setPiiConsent(await installId(), false);
    await hire(who);
  },
  async 'consent again'() {
    system.opentrain.setPiiConsent(await installId(), true);
  },
  settle,
};

const installId = async () => (await system.connector.store.connections.get('acme' as ConnectionId)).installId ?? '';

async function hire(trainer: string): Promise<void> {
  await settle();
  const contract = system.opentrain.hire({ jobId: standIn('job_0000000000000001'), trainer });
  nameIds(contract.trainer?.opentrainUserId ?? '');
  await settle();
}

test('the outputs in docs/operations.md are what the commands print', async () => {
  const written = readFileSync(FILE, 'utf8');
  const replayed = await replay(written);
  if (process.env.UPDATE_DOCS === '1') writeFileSync(FILE, replayed);
  else expect(replayed).toBe(written);
  expect(written).not.toContain(token);
  expect(written).not.toMatch(/ot_ptk_[0-9a-z]|whsec_|@opentrain\.work/);
}, 120_000);

/** @returns the document with what its commands print now */
async function replay(document: string): Promise<string> {
  const parts = document.split(/(^<!-- .* -->$|^```console\n[\s\S]*?^```$)/m);
  const replayed: string[] = [];
  for (const part of parts) {
    const [, event] = /^<!-- (.*) -->$/.exec(part) ?? [];
    if (event !== undefined) await happen(event);
    replayed.push(part.startsWith('```console\n') ? await replayBlock(part) : part);
  }
  return replayed.join('');
}

async function happen(event: string): Promise<void> {
  const name = Object.keys(EVENTS).findLast((one) => event === one || event.startsWith(`${one} `));
  const run = EVENTS[name ?? ''];
  if (run === undefined) throw new Error(`The document names an event that there is not: ${event}`);
  await run(event.slice(name?.length).trim());
}

async function replayBlock(block: string): Promise<string> {
  const lines: string[] = [];
  for (const line of block.split('\n').filter((one) => one.startsWith('$ '))) {
    const { output, error } = await cli.run(argumentsOf(line), { env: { OPENTRAIN_PARTNER_TOKEN: token } });
    await settle();
    lines.push(
      line,
      ...stoodFor(error + output)
        .trimEnd()
        .split('\n'),
    );
  }
  return `\`\`\`console\n${lines.join('\n')}\n\`\`\``;
}

function argumentsOf(line: string): string[] {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const [dollar, npx, command, ...args] = words;
  expect([dollar, npx, command]).toEqual(['$', 'npx', 'opentrain-connector']);
  return args.map(standIn).flatMap((word) => (word === '--local' ? [word, system.connector.url] : [word]));
}

function name(is: string, shown: string): void {
  real.set(shown, is);
  standIns.set(is, shown);
}

const standIn = (shown: string): string => real.get(shown) ?? shown;

const IDS = /\b([a-z]+)_[0-9a-f]{16}\b|\btest-[0-9a-f-]{36}\b/g;

/** Gives each id that is new the next one of its kind, as long as itself, so that columns stay where they are. */
function nameIds(text: string): void {
  for (const [id, kind = 'test'] of text.matchAll(IDS)) {
    if (standIns.has(id)) continue;
    const number = 1 + [...standIns.values()].filter((shown) => shown.startsWith(kind)).length;
    const digits = String(number);
    name(
      id,
      kind === 'test'
        ? `test-00000000-0000-4000-8000-${digits.padStart(12, '0')}`
        : `${kind}_${digits.padStart(16, '0')}`,
    );
  }
}

function stoodFor(printed: string): string {
  nameIds(printed);
  let text = printed.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '2026-11-21 09:00:00Z');
  text = text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '2026-11-21T09:00:00.000Z');
  // In a table, where others stand beside it.
  text = text.replaceAll(/\d+ s ago */g, ({ length }) => '2 s ago'.padEnd(length));
  for (const [is, shown] of standIns) text = text.replaceAll(is, shown);
  // Whoever follows the page has local mode where it is looked for by itself.
  return text.replaceAll('--local http://127.0.0.1:8787', '--local');
}
