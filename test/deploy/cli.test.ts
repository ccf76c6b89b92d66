import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { createAwsJsonClient } from '../../shared/aws/aws-json-client.ts';
import { createParameterStore } from '../../shared/aws/parameter-store.ts';
import { systemClock } from '../../shared/clock.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import type { WorkspaceId } from '../../shared/ids.ts';
import { type BuiltCli, buildCliForTests } from '../cli/built-cli.ts';
import { output, takeOver, webhookUrl } from './deployment.ts';
import { messagesIn } from './messages-in.ts';

// The operator's commands against what is deployed: found by the stack's outputs, signed for AWS, and as wired there.
const deployment = takeOver();
const CONNECTION = 'operated';
const PROJECT = 'night-scenes';
const UNKNOWN_PROJECT = 'nowhere-scenes';
const PATIENCE = { timeout: 40_000, interval: 200 };

let cli: BuiltCli;
let workspace: DemoWorkspace;
let opentrain: SimulatedOpenTrain;
let token: string;
let organizationId: string;

beforeAll(async () => {
  cli = buildCliForTests();
  workspace = await startDemoWorkspace({ port: deployment.workspacePort, strictProjects: true });
  workspace.addProject(PROJECT);
  opentrain = await startSimulatedOpenTrain({ port: deployment.openTrainPort, signatureClock: systemClock });
  ({ token, organizationId } = opentrain.consent({ organization: CONNECTION }));
  const parameters = createParameterStore(createAwsJsonClient('ssm'));
  const names = credentialNames(output(deployment, 'CredentialsPath'));
  await parameters.put(names.workspaceToken('default' as WorkspaceId), workspace.token);
});

afterAll(async () => {
  await opentrain.close();
  await workspace.close();
  cli.remove();
});

const environment = () => ({ ...(process.env as Record<string, string>), OPENTRAIN_CONNECTOR_STAGE: 'dev' });
// In AWS the outputs say it; the emulator serves an API below its own address.
const here = () => {
  const base = webhookUrl(deployment, CONNECTION).replace(`/webhooks/opentrain/${CONNECTION}`, '');
  return ['--webhook-base-url', base];
};
const run = (...args: string[]) => cli.run([...args, ...here()], { env: environment() });
const json = <Data>(...args: string[]) => cli.json<Data>([...args, ...here()], { env: environment() });

interface CheckLine {
  readonly scope: string;
  readonly name: string;
  readonly verdict: string;
  readonly advice: string;
}

test('connect, link, hire: the trainer is in, and status and trainer tell so', async () => {
  const connected = await cli.run(['connect', CONNECTION, ...here()], {
    env: { ...environment(), OPENTRAIN_PARTNER_TOKEN: token },
  });
  expect(connected.output).toContain('Nothing is missing');
  const job = opentrain.postJob({ organizationId }).id;
  expect((await run('link', CONNECTION, '--project', PROJECT, '--job', job)).output).toContain('Linked project');
  await settled();
  const contract = opentrain.hire({ jobId: job, trainer: 'Noor Haddad' });
  await expect.poll(() => workspace.membersOf(PROJECT), PATIENCE).toHaveLength(1);

  const id = contract.trainer?.opentrainUserId ?? '';
  await expect
    .poll(async () => (await json<{ moments: object[] }>('trainer', id)).moments, PATIENCE)
    .toContainEqual(
      expect.objectContaining({
        eventType: 'contract.started',
        status: 'done',
        calls: [expect.objectContaining({ answer: 'ok' })],
      }),
    );
  const { connections } = await json<{ connections: object[] }>('status', CONNECTION);
  expect(connections).toMatchObject([{ connectionId: CONNECTION, status: 'active', trainers: { working: 1 } }]);
});

test('check tries all of it out: a signed delivery, a canary, queues, schedules and alarms', async () => {
  const { code, output, error } = await run('check', CONNECTION, '--contract', '--json');
  const { checks } = JSON.parse(output) as { checks: CheckLine[] };
  const bad = checks.filter(
    ({ verdict, name }) => verdict !== 'pass' && name !== 'alarms' && !name.startsWith('queue'),
  );
  expect(bad, error).toEqual([]);
  expect(code).toBe(checks.some(({ verdict }) => verdict === 'fail') ? 3 : 0);
  expect(checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['token', 'delivery', 'take out', 'given up of usage', 'schedules', 'alarms', 'contract']),
  );
  expect(checks.find(({ name }) => name === 'schedules')?.advice).toMatch(/^All are on: [1-9]/);
  expect(checks.find(({ name }) => name === 'alarms')?.advice).toMatch(/^(All are quiet: [1-9]|Raised: )/);
});

test('what is given up is listed, shown, and put back', async () => {
  const job = opentrain.postJob({ organizationId }).id;
  await run('link', CONNECTION, '--project', UNKNOWN_PROJECT, '--job', job);
  await settled();
  opentrain.hire({ jobId: job, trainer: 'Ravi Menon' });
  const dead = output(deployment, 'DeadLetterQueueUrl');
  await vi.waitFor(async () => expect(await messagesIn(dead)).toBe(1), PATIENCE);

  const { messages } = await json<{ messages: { messageId: string }[] }>('dlq', 'list');
  expect(messages).toMatchObject([{ content: { connectionId: CONNECTION, eventType: 'contract.started' } }]);
  expect((await run('dlq', 'show', messages[0]?.messageId ?? '')).output).toContain('contract.started');
  workspace.addProject(UNKNOWN_PROJECT);
  expect((await run('dlq', 'redrive', '--yes')).output).toBe('Put back 1 delivery.\n');
  await expect.poll(() => workspace.membersOf(UNKNOWN_PROJECT), PATIENCE).toHaveLength(1);
  expect((await run('dlq', 'list')).output).toBe('Nothing was given up.\n');
});

test('usage push reads the workspace and tells OpenTrain', async () => {
  const day = new Date().toISOString().slice(0, 10);
  const { code, output } = await run('usage', 'push', CONNECTION, '--from', day, '--to', day, '--dry-run');
  expect(output).toContain('Nothing was done.');
  expect(code).toBe(0);
});

test('rotate-secret, send-test, disconnect: nothing of it is left', async () => {
  expect((await run('rotate-secret', CONNECTION, '--force', '--yes')).output).toContain('Rotated');
  // The functions remember the secret before for a while, and look again when none matches.
  await expect.poll(async () => (await run('send-test', CONNECTION)).code, { ...PATIENCE, timeout: 60_000 }).toBe(0);
  const { output } = await run('disconnect', CONNECTION, '--yes');
  expect(output).toContain(`Disconnected ${CONNECTION}`);
  expect((await run('status', CONNECTION)).output).toContain('disconnected');
}, 90_000);

test('a stage that is not deployed is told: 4', async () => {
  const { code, error } = await cli.run(['status', '--stage', 'prod'], { env: environment() });
  expect(error).toContain('There is no stack OpenTrainConnector-prod');
  expect(code).toBe(4);
});

test('nothing secret or personal was ever printed', () => {
  const printed = cli.printed.join('\n');
  expect(printed).toContain('Nothing is missing');
  for (const word of [token, 'whsec_', 'ot_ptk_', '@opentrain.work']) expect(printed).not.toContain(word);
});

/** Waits until what OpenTrain tells of a link is worked off, so that nothing but the hire is left to be seen. */
async function settled(): Promise<void> {
  await opentrain.idle();
  await vi.waitFor(async () => expect(await messagesIn(output(deployment, 'QueueUrl'))).toBe(0), PATIENCE);
}
