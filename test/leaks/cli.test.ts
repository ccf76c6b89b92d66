import { randomUUID } from 'node:crypto';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { type BuiltCli, buildCliForTests } from '../cli/built-cli.ts';
import { packedDelivery } from '../support/sqs-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { byWorkspace, inAwsEnvelope, inEnvelope } from './careless-answers.ts';
import { type Canary, findLeaks } from './find-leaks.ts';
import { type SpillingProxy, startSpillingProxy } from './spilling-proxy.ts';

/** Rule 7, over every command of the operator: what it prints is searched, as text and as JSON, for better and for worse. */

type Server = 'opentrain' | 'workspace' | 'dynamodb' | 'sqs' | 'ssm';

interface Row {
  readonly command: string;
  /** What follows the command. */
  readonly args: (customer: Customer) => readonly string[];
  readonly env?: (customer: Customer) => Readonly<Record<string, string>>;
  /** Who spoils it, one after the other, and says too much about it. */
  readonly spoiledBy: readonly Server[];
  /** What was typed wrong, secrets in the wrong place above all; each is refused. */
  readonly mistaken: (customer: Customer) => readonly (readonly string[])[];
  /** @default true */
  readonly isLocal?: boolean;
}

let cli: BuiltCli;
let story: Story;
let proxies: Readonly<Record<Server | 'gateway', SpillingProxy>>;
/** Whom all rows are about, but for what can be done only once. */
let shared: Customer;
const canaries: Canary[] = [];

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory();
  const { addresses } = story.connector;
  proxies = {
    opentrain: await startSpillingProxy(addresses.platformApi),
    workspace: await startSpillingProxy(addresses.workspace),
    dynamodb: await startSpillingProxy(addresses.dynamodb),
    sqs: await startSpillingProxy(addresses.sqs),
    ssm: await startSpillingProxy(addresses.ssm),
    gateway: await startSpillingProxy(addresses.gateway),
  };
  const behind = {
    platformApi: proxies.opentrain.url,
    workspace: proxies.workspace.url,
    dynamodb: proxies.dynamodb.url,
    sqs: proxies.sqs.url,
    ssm: proxies.ssm.url,
  };
  proxies.gateway.trouble({
    only: /\/_local/,
    change: (body) => JSON.stringify({ ...(JSON.parse(body) as object), ...behind }),
  });
  canaries.push({ name: 'the workspace’s token', value: story.workspace.token, kind: 'secret' });
  shared = await newCustomer();
});
afterAll(async () => {
  for (const proxy of Object.values(proxies)) await proxy.close();
  await story.close();
  cli.remove();
});
afterEach(heal);

function heal(): void {
  for (const server of ['opentrain', 'workspace', 'dynamodb', 'sqs', 'ssm'] as const)
    proxies[server].trouble(undefined);
}

/** A customer with a trainer who is in, one whose delivery was given up, and a day of work. */
async function newCustomer() {
  const hire = await story.newHire({ delivered: true, trainer: `Zebedee ${story.unique('Quillfeather')}` });
  await story.idle();
  const { customer, trainer, workEmail, project, jobId } = hire;
  const { parameters, names } = story.connector;
  const token = (await parameters.get(names.token(customer.id))) ?? '';
  const secret = (await parameters.get(names.webhookSecrets(customer.id)))?.split('\n')[0] ?? '';
  canaries.push(
    { name: 'the token', value: token, kind: 'secret' },
    { name: 'the webhook secret', value: secret, kind: 'secret' },
    { name: 'the Work Email', value: workEmail, kind: 'address' },
  );
  await story.opentrain.clock.advance(60_000);
  const at = story.opentrain.clock.now() - 30_000;
  story.workspace.recordWork({ trainer: trainer.opentrainUserId, project, at, seconds: 10 });
  const [delivery] = story.opentrain.deliveriesOf(customer.endpointId);
  const people = [workEmail, workEmail.toUpperCase(), encodeURIComponent(workEmail)].join(' ; ');
  return {
    id: customer.id,
    token,
    secret,
    workEmail,
    project,
    jobId,
    trainer: trainer.opentrainUserId,
    delivery: delivery?.id ?? '',
    spilt: () => `${token} ; ${secret} ; ${people}`,
    spiltByWorkspace: () => `${story.workspace.token} ; ${people}`,
  };
}

type Customer = Awaited<ReturnType<typeof newCustomer>>;

/** A message in the dead-letter queue, with an event in its body. */
async function giveUp({ id: connection, workEmail }: Customer): Promise<string> {
  const delivery = `given-up-${randomUUID()}`;
  const event = { id: '1', type: 'contract.started', data: { freelancer: { workEmail } } };
  const { sqs, addresses } = story.connector;
  const MessageBody = packedDelivery({ connection, delivery, event });
  await sqs.send(new SendMessageCommand({ QueueUrl: addresses.deadLetterQueue, MessageBody }));
  return delivery;
}

const today = new Date().toISOString().slice(0, 10);
const withToken = ({ token }: Customer) => ({ OPENTRAIN_PARTNER_TOKEN: token });
const ofTable = ['dynamodb'] as const;
const always = ['opentrain', 'dynamodb', 'ssm'] as const;
/** Where a connection is expected. */
const aTokenForAnId = ({ token }: Customer) => [[token]];

const ROWS: readonly Row[] = [
  {
    command: 'connect',
    args: ({ id }) => [id],
    env: withToken,
    spoiledBy: always,
    mistaken: ({ id, token }) => [[token], [id, token], [id, '--workspace', token], [id, `--token=${token}`]],
  },
  {
    command: 'consent-link',
    args: () => ['--slug', 'our-platform'],
    spoiledBy: [],
    mistaken: ({ token }) => [['--redirect-uri', token], [`--${token}`]],
    isLocal: false,
  },
  {
    command: 'link',
    args: ({ id, jobId }) => [id, '--project', randomUUID(), '--job', jobId],
    spoiledBy: ['opentrain', 'ssm'],
    mistaken: ({ id, token }) => [
      [id, '--project', 'p', '--job', token],
      [token, '--project', 'p', '--job', 'j'],
    ],
  },
  { command: 'links', args: ({ id }) => [id], spoiledBy: ['opentrain', 'ssm'], mistaken: aTokenForAnId },
  {
    command: 'check',
    args: ({ id, project }) => [id, '--project', project],
    spoiledBy: ['opentrain', 'workspace', 'dynamodb', 'sqs', 'ssm'],
    mistaken: aTokenForAnId,
  },
  {
    command: 'check-workspace',
    args: () => ['--project', randomUUID()],
    env: () => ({
      WORKSPACE: 'http',
      WORKSPACE_URL: proxies.workspace.url,
      WORKSPACE_TOKEN: story.workspace.token,
    }),
    spoiledBy: ['workspace'],
    mistaken: ({ token }) => [[token]],
    isLocal: false,
  },
  { command: 'status', args: ({ id }) => [id], spoiledBy: ['dynamodb', 'sqs'], mistaken: aTokenForAnId },
  { command: 'trainer', args: ({ trainer }) => [trainer], spoiledBy: ofTable, mistaken: aTokenForAnId },
  {
    command: 'deliveries',
    args: ({ id }) => [id],
    spoiledBy: ofTable,
    mistaken: ({ id, token }) => [[token], [id, '--status', token], [id, '--limit', token]],
  },
  {
    command: 'redeliver',
    args: ({ id, delivery }) => [id, '--delivery', delivery],
    spoiledBy: always,
    mistaken: ({ id, token }) => [[token], [id, '--delivery', token]],
  },
  { command: 'send-test', args: ({ id }) => [id], spoiledBy: ['dynamodb', 'ssm'], mistaken: aTokenForAnId },
  {
    command: 'dlq list',
    args: () => [],
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [['--queue', token]],
  },
  { command: 'dlq show', args: ({ delivery }) => [delivery], spoiledBy: ['sqs'], mistaken: aTokenForAnId },
  {
    command: 'dlq redrive',
    args: ({ id }) => ['--connection', id, '--yes'],
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [['--queue', token, '--yes']],
  },
  {
    command: 'usage push',
    args: ({ id }) => [id, '--from', today, '--to', today, '--yes'],
    spoiledBy: ['opentrain', 'workspace', 'dynamodb', 'ssm'],
    mistaken: ({ token }) => [
      [token, '--from', today, '--to', today, '--yes'],
      ['--from', token, '--to', today, '--yes'],
    ],
  },
  {
    command: 'reconcile',
    args: ({ id }) => [id, '--yes'],
    spoiledBy: ['opentrain', 'workspace', 'dynamodb', 'ssm'],
    mistaken: ({ token }) => [[token, '--yes']],
  },
  {
    command: 'rotate-secret',
    args: ({ id }) => [id, '--yes'],
    spoiledBy: always,
    mistaken: ({ id, secret }) => [
      [id, secret],
      [secret, '--yes'],
    ],
  },
  {
    command: 'unlink',
    args: ({ id, project }) => [id, project, '--yes'],
    spoiledBy: ['opentrain', 'ssm'],
    mistaken: ({ id, token }) => [[id, token, '--yes']],
  },
  {
    command: 'disconnect',
    args: ({ id }) => [id, '--yes'],
    spoiledBy: ['dynamodb', 'ssm'],
    mistaken: ({ token }) => [[token, '--yes']],
  },
];

async function run({ command, env, isLocal = true }: Row, args: readonly string[], customer: Customer) {
  const where = isLocal ? ['--local', proxies.gateway.url] : [];
  return cli.run([...command.split(' '), ...args, ...where], { env: env?.(customer) ?? {} });
}

const leaksIn = (...texts: string[]): string[] => findLeaks(texts.join('\n'), canaries);

describe.each(ROWS)('$command', (row) => {
  let customer: Customer;
  beforeAll(async () => {
    customer = shared;
    if (row.command.startsWith('dlq')) customer = { ...customer, delivery: await giveUp(customer) };
  });

  const ways = row.spoiledBy.map((server, index) => ({ server, how: index % 2 === 0 ? [] : ['--json'] }));
  test.each(ways)('tells nothing when $server spills $how', async ({ server, how }) => {
    const answer = {
      opentrain: inEnvelope(403, customer),
      workspace: inEnvelope(403, byWorkspace(story, customer)),
      dynamodb: inAwsEnvelope(customer),
      sqs: inAwsEnvelope(customer),
      ssm: inAwsEnvelope(customer),
    }[server];
    proxies[server].trouble({ answer });
    const before = proxies[server].struck.count;
    const { code, output, error } = await run(row, [...row.args(customer), ...how], customer);
    expect(code).not.toBe(0);
    expect(proxies[server].struck.count).toBeGreaterThan(before);
    expect(leaksIn(output, error)).toEqual([]);
  });

  test('repeats no secret that was typed in the wrong place', async () => {
    const runs = await Promise.all(row.mistaken(customer).map((args) => run(row, args, customer)));
    expect(runs.map(({ code }) => code)).not.toContain(0);
    expect(leaksIn(...runs.flatMap(({ output, error }) => [output, error]))).toEqual([]);
  });

  test('tells nothing when all goes well', async () => {
    for (const how of [['--json'], []]) {
      // What is done once cannot be done again.
      if (['unlink', 'disconnect'].includes(row.command)) customer = await newCustomer();
      const { code, output, error } = await run(row, [...row.args(customer), ...how], customer);
      expect({ code, leaks: leaksIn(output, error) }).toEqual({ code: 0, leaks: [] });
      expect(output).not.toBe('');
    }
  });
});

test('every command that there is was run', () => {
  const leaves = (command: Command, path: readonly string[]): string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((below) => leaves(below, [...path, below.name()]));
  expect(ROWS.map(({ command }) => command).sort()).toEqual(leaves(createProgram(), []).sort());
});
