import { randomUUID } from 'node:crypto';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Command } from 'commander';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createProgram } from '../../cli/program.ts';
import { type BuiltCli, buildCliForTests } from '../cli/built-cli.ts';
import { packedDelivery } from '../support/sqs-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { byWorkspace, inAwsEnvelope, inEnvelope } from './careless-answers.ts';
import { type Canary, findLeaks } from './find-leaks.ts';
import { type SpillingProxy, startSpillingProxy } from './spilling-proxy.ts';

/**
 * Rule 7, over every command of the operator: what it prints is searched, as text and as JSON, for better and for worse.
 * Commands run at the same time, each about a customer of its own and through proxies of its own.
 */

type Server = 'opentrain' | 'workspace' | 'dynamodb' | 'sqs' | 'ssm';

interface Row {
  readonly command: string;
  /** What follows the command. */
  readonly args: (customer: Customer) => readonly string[];
  readonly env?: (customer: Customer, proxies: Proxies) => Readonly<Record<string, string>>;
  /** Who spoils it, one after the other, and says too much about it. */
  readonly spoiledBy: readonly Server[];
  /** What was typed wrong, secrets in the wrong place above all; each is refused. */
  readonly mistaken: (customer: Customer) => readonly (readonly string[])[];
  /** @default true */
  readonly isLocal?: boolean;
  /** Whether it cannot be done again. @default false */
  readonly isFinal?: boolean;
}

type Proxies = Readonly<Record<Server | 'gateway', SpillingProxy>>;

let cli: BuiltCli;
let story: Story;
/** Of each row, those to whom nothing was done yet. */
const customers = new Map<Row, Customer[]>();
const canaries: Canary[] = [];

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory();
  canaries.push({ name: 'the workspace’s token', value: story.workspace.token, kind: 'secret' });
  for (const row of ROWS) {
    const own: Customer[] = [];
    customers.set(row, own);
    while (own.length < (row.isFinal ? 3 : 1)) own.push(await newCustomer());
  }
}, 120_000);
afterAll(async () => {
  await story.close();
  cli.remove();
});

async function startProxies(): Promise<Proxies> {
  const { addresses } = story.connector;
  const proxies = {
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
  return proxies;
}

/** A customer with a trainer who is in, and has worked for a second. */
async function newCustomer() {
  const hire = await story.newHire({ delivered: true, trainer: `Zebedee ${story.unique('Quillfeather')}` });
  await story.idle();
  const { customer, contract, trainer, workEmail, project, jobId } = hire;
  const { parameters, names } = story.connector;
  const token = (await parameters.get(names.token(customer.id))) ?? '';
  const secret = (await parameters.get(names.webhookSecrets(customer.id)))?.split('\n')[0] ?? '';
  canaries.push(
    { name: 'the token', value: token, kind: 'secret' },
    { name: 'the webhook secret', value: secret, kind: 'secret' },
    { name: 'the Work Email', value: workEmail, kind: 'address' },
  );
  const workedFrom = Date.parse(contract.startDate);
  story.workspace.recordWork({ trainer: trainer.opentrainUserId, project, at: workedFrom, seconds: 1 });
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
    workedUntil: workedFrom + 1_000,
    spilt: () => `${token} ; ${secret} ; ${people}`,
    spiltByWorkspace: () => `${story.workspace.token} ; ${people}`,
  };
}

type Customer = Awaited<ReturnType<typeof newCustomer>>;

function takeCustomer(row: Row): Customer {
  const customer = customers.get(row)?.pop();
  if (customer === undefined) throw new Error('Too few customers were prepared.');
  return customer;
}

/** A message in a queue of what was given up, with an event in its body. */
async function giveUp({ id: connection, workEmail }: Customer, QueueUrl: string): Promise<string> {
  const delivery = `given-up-${randomUUID()}`;
  const event = { id: '1', type: 'contract.started', data: { freelancer: { workEmail } } };
  const MessageBody = packedDelivery({ connection, delivery, event });
  await story.connector.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  return delivery;
}

const today = new Date().toISOString().slice(0, 10);
const withToken = ({ token }: Customer) => ({ OPENTRAIN_PARTNER_TOKEN: token });
const ofTable = ['dynamodb'] as const;
const always = ['opentrain', 'dynamodb', 'ssm'] as const;
/** Every other queue is empty, which takes a second to see. */
const OF_DELIVERIES = ['--queue', 'deliveries'] as const;
/** Where a connection is expected. */
const aTokenForAnId = ({ token }: Customer) => [[token]];

const ROWS: readonly Row[] = [
  // The first, since every customer moves the story's clock ahead of the command's own, and work has to be over by that.
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
    env: (_, proxies) => ({
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
    args: () => OF_DELIVERIES,
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [['--queue', token]],
  },
  {
    command: 'dlq show',
    args: ({ delivery }) => [delivery, ...OF_DELIVERIES],
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [[token, ...OF_DELIVERIES]],
  },
  {
    command: 'dlq redrive',
    args: ({ id }) => ['--connection', id, ...OF_DELIVERIES, '--yes'],
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [['--queue', token, '--yes']],
  },
  {
    command: 'dlq purge',
    args: () => ['--queue', 'usage-dropped', '--yes'],
    spoiledBy: ['sqs'],
    mistaken: ({ token }) => [['--queue', token, '--yes']],
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
    isFinal: true,
  },
  {
    command: 'disconnect',
    args: ({ id }) => [id, '--yes'],
    spoiledBy: ['dynamodb', 'ssm'],
    mistaken: ({ token }) => [[token, '--yes']],
    isFinal: true,
  },
];

const leaksIn = (...texts: string[]): string[] => findLeaks(texts.join('\n'), canaries);
const isAboutDeadLetters = ({ command }: Row): boolean => command.startsWith('dlq');
/** Who looks at a dead letter hides it from the others for a while, and `check` fails where there is one. */
const takesTurns = (row: Row): boolean => row.command === 'check' || isAboutDeadLetters(row);

describe.concurrent('one after the other', () => {
  describe.sequential.each(ROWS.filter(takesTurns))('$command', testRow);
});
describe.concurrent.each(ROWS.filter((row) => !takesTurns(row)))('$command', testRow);

function testRow(row: Row): void {
  let customer: Customer;
  let proxies: Proxies;
  beforeAll(async () => {
    proxies = await startProxies();
    customer = takeCustomer(row);
    if (row.command === 'usage push') {
      await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(customer.workedUntil), { timeout: 30_000 });
    }
  });
  afterAll(async () => {
    for (const proxy of Object.values(proxies)) await proxy.close();
  });
  afterEach(() => {
    for (const server of ['opentrain', 'workspace', 'dynamodb', 'sqs', 'ssm'] as const)
      proxies[server].trouble(undefined);
  });

  async function run(args: readonly string[], about = customer) {
    const where = row.isLocal === false ? [] : ['--local', proxies.gateway.url];
    return cli.run([...row.command.split(' '), ...args, ...where], { env: row.env?.(about, proxies) ?? {} });
  }

  const ways = row.spoiledBy.map((server, index) => ({ server, how: index % 2 === 0 ? [] : ['--json'] }));
  test.sequential.each(ways)('tells nothing when $server spills $how', async ({ server, how }) => {
    const answer = {
      opentrain: inEnvelope(403, customer),
      workspace: inEnvelope(403, byWorkspace(story, customer)),
      dynamodb: inAwsEnvelope(customer),
      sqs: inAwsEnvelope(customer),
      ssm: inAwsEnvelope(customer),
    }[server];
    proxies[server].trouble({ answer });
    const before = proxies[server].struck.count;
    const { code, output, error } = await run([...row.args(customer), ...how]);
    expect(code).not.toBe(0);
    expect(proxies[server].struck.count).toBeGreaterThan(before);
    expect(leaksIn(output, error)).toEqual([]);
  });

  test.sequential('repeats no secret that was typed in the wrong place', async () => {
    for (const args of row.mistaken(customer)) {
      const { code, output, error } = await run(args);
      expect(code).not.toBe(0);
      expect(leaksIn(output, error)).toEqual([]);
    }
  });

  test.sequential.each([{ how: ['--json'] }, { how: [] }])('tells nothing when all goes well $how', async ({ how }) => {
    const { usageDroppedQueue, deadLetterQueue } = story.connector.addresses;
    const queue = row.command === 'dlq purge' ? usageDroppedQueue : deadLetterQueue;
    const about = row.isFinal ? takeCustomer(row) : customer;
    const delivery = isAboutDeadLetters(row) ? await giveUp(about, queue) : about.delivery;
    const { code, output, error } = await run([...row.args({ ...about, delivery }), ...how], about);
    expect({ code, leaks: leaksIn(output, error) }).toEqual({ code: 0, leaks: [] });
    expect(output).not.toBe('');
  });
}

test('every command that there is was run', () => {
  const leaves = (command: Command, path: readonly string[]): string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((below) => leaves(below, [...path, below.name()]));
  expect(ROWS.map(({ command }) => command).sort()).toEqual(leaves(createProgram(), []).sort());
});
