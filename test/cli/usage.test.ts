import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionId } from '../../shared/ids.ts';
import { workDateOf } from '../../shared/usage/work-days.ts';
import { type Story, startStory } from '../support/story.ts';
import { type BuiltCli, buildCliForTests } from './built-cli.ts';

/** `usage push`. What is reported, and how it is attributed, is tested in test/usage. */

let cli: BuiltCli;
let story: Story;

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory();
});
afterAll(async () => {
  await story.close();
  cli.remove();
});

const local = () => ['--local', story.connector.url];
/** Around midnight the work may fall on either. */
const days = () => ['--from', workDateOf(Date.now() - 24 * 3600_000), '--to', workDateOf(Date.now())];

/** A customer with a trainer who is in, and has worked for a second. */
async function worked() {
  const id = story.unique('acme') as ConnectionId;
  const { installId, token, organizationId } = story.opentrain.consent({ organization: id });
  await story.connector.connect(id, token);
  const job = story.opentrain.postJob({ organizationId }).id;
  const project = story.unique('project');
  story.opentrain.linkProject(installId, { externalProjectId: project, jobId: job });
  const contract = story.opentrain.hire({ jobId: job, trainer: story.unique('Maria Silva') });
  await story.idle();
  const trainer = contract.trainer?.opentrainUserId ?? '';
  const { clock } = story.opentrain;
  const at = clock.now();
  story.workspace.recordWork({ trainer, project, at, seconds: 1, tasks: 3 });
  await expect.poll(() => clock.now(), { timeout: 5_000 }).toBeGreaterThan(at + 1_000);
  return { id, contract, trainer, installId, organizationId };
}

test('--dry-run shows what would be sent, and sends nothing', async () => {
  const { id, contract, trainer } = await worked();
  const shown = await cli.json<{ connections: object[] }>(['usage', 'push', id, ...days(), '--dry-run', ...local()]);
  const entry = { contractId: contract.id, trainerId: trainer, seconds: 1, tasks: 3, labels: null };
  expect(shown.connections).toMatchObject([{ connectionId: id, outcome: 'done', contracts: 1, entries: [entry] }]);
  const { output } = await cli.run(['usage', 'push', id, ...days(), '--dry-run', ...local()]);
  expect(output).toMatch(new RegExp(`^${id} +${contract.id} +${trainer} +\\d{4}-\\d\\d-\\d\\d +1 +3 +-$`, 'm'));
  expect(output).toContain('Nothing was done.');
  expect(story.opentrain.usageOf(contract.id)).toEqual([]);
});

test('asks first, then sends it, and says how each connection fared; once more there is nothing to send', async () => {
  const { id, contract } = await worked();
  const unasked = await cli.run(['usage', 'push', id, ...days(), ...local()]);
  expect(unasked).toMatchObject({ code: 7, error: expect.stringContaining('Report the work of 2 days') });
  expect(story.opentrain.usageOf(contract.id)).toEqual([]);

  const { code, output } = await cli.run(['usage', 'push', id, ...days(), '--yes', ...local()]);
  expect(code).toBe(0);
  expect(output).toMatch(new RegExp(`^${id} +done +1 +1 +0 +0 +0 +0$`, 'm'));
  expect(story.opentrain.usageOf(contract.id)).toMatchObject([{ totalSeconds: 1, tasksCompleted: 3 }]);
  const again = await cli.run(['usage', 'push', id, ...days(), '--yes', ...local()]);
  expect(again.output).toMatch(new RegExp(`^${id} +done +1 +0 +1 +0 +0 +0$`, 'm'));
});

test('a contract whose project cannot be read is left out, and told of: 3', async () => {
  const { id, contract } = await worked();
  const push = (...args: string[]) => cli.run(['usage', 'push', id, ...days(), ...args, ...local()]);
  story.workspace.outage(true);
  const away = await push('--dry-run');
  story.workspace.outage(false);
  expect(away).toMatchObject({ code: 3, output: expect.stringContaining('OpenTrain has all that could be read.') });
  story.workspace.respondNext(404);
  const unknown = await push('--yes');
  for (const { output } of [away, unknown])
    expect(output).toMatch(new RegExp(`^${id}: 1 contract left out, since`, 'm'));
  expect(unknown.code).toBe(3);
  expect(story.opentrain.usageOf(contract.id)).toEqual([]);
  expect(await push('--yes')).toMatchObject({ code: 0, output: expect.not.stringContaining('left out') });
});

test('a connection that OpenTrain refuses is told, and the others are reported: 5', async () => {
  const [refused, well] = [await worked(), await worked()];
  story.opentrain.setFeatureEnabled(refused.organizationId, false);
  const { code, output } = await cli.run(['usage', 'push', ...days(), '--yes', ...local()]);
  expect(output).toMatch(new RegExp(`^${refused.id} +OpenTrain refuses \\(usage_forbidden\\): see check`, 'm'));
  expect(output).toMatch(new RegExp(`^${well.id} +done +1 +1`, 'm'));
  expect(code).toBe(5);
});

test.each([
  [['--from', '2026-1-1', '--to', '2026-01-02'], 'days as YYYY-MM-DD'],
  [['--from', '2026-02-30', '--to', '2026-03-01'], 'days as YYYY-MM-DD'],
  [['--from', '2026-01-03', '--to', '2026-01-02'], '--from must not be later than --to'],
  [['--from', '2026-01-03', '--to', '2999-01-01'], '--to must not be in the future'],
])('%j makes no sense: 2', async (args, said) => {
  const { code, error } = await cli.run(['usage', 'push', ...args, ...local()]);
  expect(error).toContain(said);
  expect(code).toBe(2);
});

test('nothing secret or personal was ever printed', () => {
  const printed = cli.printed.join('\n');
  for (const word of ['whsec_', 'ot_ptk_', '@opentrain.work', story.workspace.token])
    expect(printed).not.toContain(word);
});
