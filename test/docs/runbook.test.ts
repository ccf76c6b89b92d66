import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../cli/exit-codes.ts';
import { type System, startSystem } from '../../local/system.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { type BuiltCli, buildCliForTests } from '../cli/built-cli.ts';
import { synthesize } from '../infra/synthesize.ts';
import { droppedByLambda, droppedByScheduler } from '../support/dropped-event.ts';
import { loggedEvents } from '../support/logged-events.ts';
import { anchorsIn, commandsIn, entriesIn, linksIn } from './runbook.ts';

const FILE = join(import.meta.dirname, '..', '..', 'docs', 'runbook.md');
const RUNBOOK = readFileSync(FILE, 'utf8');
const ENTRIES = entriesIn(RUNBOOK);

const prod = synthesize({ stage: 'prod' });
const ALARMS = Object.values(prod.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => ({
  name: String(Properties.AlarmName).replace('OpenTrain connector (prod): ', ''),
  description: String(Properties.AlarmDescription),
}));

describe('the runbook', () => {
  test('has an entry for every alarm, and no other', () => {
    expect(ENTRIES.map(({ heading }) => heading).toSorted()).toEqual(ALARMS.map(({ name }) => name).toSorted());
  });

  test.each(ALARMS)('"$name" leads to its entry', ({ name, description }) => {
    const [, anchor = ''] = / Runbook: docs\/runbook\.md#(\S+)$/.exec(description) ?? [];
    expect(anchorsIn(RUNBOOK).get(anchor)).toBe(name);
  });

  test.each(ENTRIES)('"$heading" is short, and says all that is asked in the night', ({ text }) => {
    const parts = ['Means.', 'How bad.', 'See more.', 'Fix.', 'It worked'];
    const places = parts.map((part) => text.indexOf(`**${part}**`));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(text.split('\n').length).toBeLessThanOrEqual(32);
  });

  test.each(linksIn(RUNBOOK))('leads to what there is: %s', (link) => {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? FILE : join(dirname(FILE), path);
    const text = readFileSync(target, 'utf8');
    if (anchor !== undefined) expect([...anchorsIn(text).keys()]).toContain(anchor);
  });

  test('names outputs, settings and events that there are', () => {
    const names = [...RUNBOOK.matchAll(/`([A-Z]\w+(?:LogGroup|Url)|DashboardName)`/g)].map(([, name]) => name);
    expect(Object.keys(prod.findOutputs('*'))).toEqual(expect.arrayContaining(names));
    const settings = readFileSync(join(FILE, '..', '..', 'README.md'), 'utf8');
    for (const [, name] of RUNBOOK.matchAll(/`(\w+Concurrency|graceHours)`/g))
      expect(settings).toContain(`\`${name}\``);
    const areas = [...new Set(loggedEvents().map((event) => event.split('.')[0]))].join('|');
    const events = [...RUNBOOK.matchAll(new RegExp(`["\`]((?:${areas})\\.[a-z-]+)["\`]`, 'g'))].map(
      ([, event]) => event,
    );
    expect(events.length).toBeGreaterThanOrEqual(8);
    expect(loggedEvents()).toEqual(expect.arrayContaining(events));
  });
});

describe('every command in the runbook works as it is written, on local mode', () => {
  const CONNECTION = 'acme' as ConnectionId;
  /** Whose removals are held. */
  const BRAKED = 'globex' as ConnectionId;

  let cli: BuiltCli;
  let system: System;
  let token = '';
  let jobId = '';

  beforeAll(async () => {
    cli = buildCliForTests();
    // Gives up after two attempts.
    system = await startSystem({ logger: silentLogger, emulators: { maxReceives: 2 } });
    const { connector, opentrain, workspace } = system;
    await holdRemovals();
    const { installId, organizationId, token: given } = opentrain.consent();
    token = given;
    await connector.connect(CONNECTION, token);
    jobId = opentrain.postJob({ organizationId }).id;
    opentrain.linkProject(installId, { jobId, externalProjectId: 'street-signs' });
    await system.idle();
    workspace.respondNext(418, {}, 2);
    opentrain.hire({ jobId, trainer: 'Maria Silva' });
    await system.idle();
    const { usageDeadLetterQueue, reconcileDeadLetterQueue } = connector.addresses;
    for (const QueueUrl of [usageDeadLetterQueue, reconcileDeadLetterQueue]) {
      const job = { connectionId: CONNECTION, runId: 'given-up', plannedAt: opentrain.clock.now() };
      await connector.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(job) }));
    }
    const { usageDroppedQueue, reconcileDroppedQueue } = connector.addresses;
    await connector.sqs.send(new SendMessageCommand({ QueueUrl: usageDroppedQueue, ...droppedByScheduler() }));
    await connector.sqs.send(new SendMessageCommand({ QueueUrl: reconcileDroppedQueue, ...droppedByLambda() }));
  });
  afterAll(async () => {
    await system.close();
    cli.remove();
  });

  /** Five trainers, whose contracts all end without a word. */
  async function holdRemovals(): Promise<void> {
    const { connector, opentrain } = system;
    const { installId, organizationId, token: other } = opentrain.consent({ organization: BRAKED });
    const { endpointId } = await connector.connect(BRAKED, other);
    const client = createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => other });
    await client.deleteWebhookEndpoint(endpointId);
    const { id: job } = opentrain.postJob({ organizationId });
    opentrain.linkProject(installId, { jobId: job, externalProjectId: 'bridges' });
    const names = ['Ana', 'Bo', 'Cid', 'Dee', 'Eve'];
    const contracts = names.map((name) => opentrain.hire({ jobId: job, trainer: `${name} Sousa` }));
    await connector.reconcile();
    for (const { id } of contracts) opentrain.endContract(id);
    await connector.reconcile();
    // From here on it hears of everything again.
    await connector.connect(BRAKED, other);
  }

  /** What stands in angle brackets. */
  const PLACEHOLDERS: Readonly<Record<string, () => Promise<string | undefined>>> = {
    connection: async () => CONNECTION,
    project: async () => 'bus-stops',
    job: async () => jobId,
    day: async () => new Date(system.opentrain.clock.now()).toISOString().slice(0, 10),
    run: async () => (await system.connector.store.reconciliations.get(BRAKED))?.hold?.runId,
    delivery: async () => (await hireAnother()).deliveryId,
    trainer: async () => (await hireAnother()).trainerId,
  };

  let hires = 0;
  async function hireAnother() {
    hires += 1;
    const contract = system.opentrain.hire({ jobId, trainer: `Newcomer ${hires}` });
    await system.idle();
    for await (const delivery of system.connector.store.deliveries.list(CONNECTION)) {
      if (delivery.contractId === contract.id) return delivery;
    }
    throw new Error('Nothing was delivered.');
  }

  async function fillIn(command: string): Promise<string> {
    let filled = command.includes('<run>') ? command.replace('<connection>', BRAKED) : command;
    for (const [, name = ''] of command.matchAll(/<(\w+)>/g)) {
      const value = await PLACEHOLDERS[name]?.();
      if (value === undefined) throw new Error(`Nothing stands for <${name}>.`);
      filled = filled.replace(`<${name}>`, value);
    }
    return filled;
  }

  /** What tells that a fix has fixed something. */
  const TELLS: Readonly<Record<string, string>> = {
    'dlq redrive --queue deliveries --stage prod': 'Put back 1 delivery.',
    'dlq redrive --queue usage --stage prod': 'Put back 1 usage run.',
    'dlq redrive --queue reconcile --stage prod': 'Put back 1 reconcile run.',
    'dlq list --queue usage-dropped --stage prod': 'dropped by EventBridge Scheduler: AWS.Scheduler.AccessDenied',
    'dlq purge --queue usage-dropped --stage prod': 'Threw away 1 message of usage-dropped.',
    'dlq list --queue reconcile-dropped --stage prod': 'dropped by Lambda: RetriesExhausted',
    'dlq purge --queue reconcile-dropped --stage prod': 'Threw away 1 message of reconcile-dropped.',
    'connect <connection> --stored-token --stage prod': 'Connected acme',
    'send-test <connection> --stage prod': 'went through API, queue and worker',
    'reconcile <connection> --approve <run> --stage prod': 'the contract has ended',
    'redeliver <connection> --delivery <delivery> --stage prod': 'OpenTrain sends 1 delivery again',
  };

  test.each(commandsIn(RUNBOOK))('npx opentrain-connector %s', async (command) => {
    const filled = await fillIn(command.replace('--stage prod', `--local ${system.connector.url}`));
    const args = filled.split(' ');
    const options = { env: { OPENTRAIN_PARTNER_TOKEN: token } };
    const first = await cli.run(args, options);
    // Who changes something is asked first.
    const run = first.code === EXIT.notConfirmed ? await cli.run([...args, '--yes'], options) : first;
    // A check tells what was given up, and a reconciliation what it holds.
    const mayFind = command.startsWith('check ') || command === 'reconcile --stage prod';
    expect(mayFind ? [EXIT.fine, EXIT.findings] : [EXIT.fine]).toContain(run.code);
    expect(run.output).toContain(TELLS[command] ?? '');
    await system.idle();
  });
});
