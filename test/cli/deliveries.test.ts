import { ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packEnvelope } from '../../shared/deliveries/envelope.ts';
import type { ConnectionId, DeliveryId } from '../../shared/ids.ts';
import type { DeadLetter } from '../../shared/operations/dead-letters.ts';
import { droppedByLambda, droppedByScheduler } from '../support/dropped-event.ts';
import { contractStarted, newHire } from '../support/opentrain-event.ts';
import { type Story, startStory } from '../support/story.ts';
import { type BuiltCli, buildCliForTests, type CliRun } from './built-cli.ts';

/** The commands about deliveries, on a queue that gives up after two attempts. */

let cli: BuiltCli;
let story: Story;

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory({ emulators: { maxReceives: 2 } });
});
afterAll(async () => {
  await story.close();
  cli.remove();
});

const local = () => ['--local', story.connector.url];
const run = (...args: string[]): Promise<CliRun> => cli.run([...args, ...local()]);

type Kept = {
  readonly deliveryId: string;
  readonly status: string;
  readonly reason?: string;
  readonly history: object[];
};
const deliveriesOf = async (...args: string[]) =>
  (await cli.json<{ deliveries: Kept[] }>(['deliveries', ...args, ...local()])).deliveries;
const deadLetters = (...args: string[]) =>
  cli.json<{ count: number; messages: (DeadLetter & { queue: string })[] }>(['dlq', 'list', ...args, ...local()]);

/** A delivery that the worker fails at until it is given up, and the hire that it is about. */
async function givenUp(customer: Awaited<ReturnType<Story['newCustomer']>>) {
  const hire = newHire();
  const delivery = story.unique('poison');
  story.workspace.respondNext(418, {}, 2);
  await customer.deliver(contractStarted(hire), { delivery });
  return { hire, delivery };
}

test('deliveries: newest first, by connection and by status, with advice for what waits for a person', async () => {
  const customer = await story.newCustomer({ piiConsent: false });
  const other = await story.newCustomer();
  await customer.deliver({ id: '1', type: 'trainer.promoted' }, { delivery: 'first' });
  const job = customer.postJob();
  const link = customer.link(job);
  const { id: contract, trainer } = customer.hire(job);
  const hire = newHire({
    contract,
    trainer: trainer?.opentrainUserId ?? '',
    workEmail: '',
    link: link.id,
    project: link.project,
  });
  await customer.deliver(contractStarted(hire), { delivery: 'second' });
  await other.deliver({ id: '2', type: 'trainer.promoted' }, { delivery: 'third' });

  expect((await deliveriesOf(customer.id)).map(({ deliveryId }) => deliveryId)).toEqual(['second', 'first']);
  expect((await deliveriesOf()).map(({ deliveryId }) => deliveryId)).toEqual(
    expect.arrayContaining(['third', 'second']),
  );
  expect(await deliveriesOf('--limit', '1')).toHaveLength(1);
  expect(await deliveriesOf(customer.id, '--status', 'parked')).toMatchObject([
    { deliveryId: 'second', reason: 'waiting_for_consent', history: [{ attempt: 1, status: 'parked' }] },
  ]);
  const { output } = await run('deliveries', customer.id);
  expect(output).toMatch(new RegExp(`contract\\.started +${contract} +parked: waiting_for_consent +1 +second`));
  expect(output).toContain('waiting_for_consent: OpenTrain withholds the Work Email until the customer consents');
  expect((await run('deliveries', other.id, '--status', 'waiting')).output).toBe('None in the last 35 days.\n');
});

test('dlq: list, show and redrive what was given up; never a body', async () => {
  const customer = await story.newCustomer();
  const { hire, delivery } = await givenUp(customer);
  const { count, messages } = await deadLetters();
  expect(count).toBe(1);
  expect(messages).toMatchObject([
    {
      queue: 'deliveries',
      content: { kind: 'delivery', connectionId: customer.id, deliveryId: delivery, eventType: 'contract.started' },
    },
  ]);
  const listed = await run('dlq', 'list');
  expect(listed.output).toMatch(new RegExp(`deliveries +\\S+Z +${customer.id} +contract\\.started +\\S+`));
  expect(listed.output).toContain('opentrain-connector dlq redrive --local');

  const shown = await run('dlq', 'show', delivery);
  expect(shown.output).toMatch(/^deliveryId +poison/m);
  expect(shown.output).toContain('The body is not shown');
  expect(await cli.json<object>(['dlq', 'show', messages[0]?.messageId ?? '', ...local()])).toMatchObject(
    messages[0] ?? {},
  );
  for (const { output } of [listed, shown]) expect(output).not.toContain(hire.trainer);

  const dry = await run('dlq', 'redrive', '--dry-run');
  expect(dry.output).toBe('Would put back 1 delivery. Nothing was done.\n');
  expect((await run('dlq', 'redrive')).code).toBe(7);
  expect((await run('dlq', 'redrive', '--connection', 'somebody-else', '--yes')).output).toBe(
    'There is nothing to put back.\n',
  );
  expect((await deadLetters()).count).toBe(1);

  const put = await run('dlq', 'redrive', '--connection', customer.id, '--yes');
  expect(put.output).toBe('Put back 1 delivery.\n');
  await expect.poll(() => story.outcomeOf(customer.id, delivery)).toBe('done: provisioned');
  expect(story.membersOf(hire.project)).toEqual([hire.workEmail]);
  expect(await deadLetters()).toEqual({ count: 0, messages: [] });
  expect((await run('dlq', 'list')).output).toBe('Nothing was given up.\n');
});

test('dlq redrive: one message alone, others are given back at once; what no function can read stays', async () => {
  const customer = await story.newCustomer();
  const [one, other] = [await givenUp(customer), await givenUp(customer)];
  const { sqs, addresses } = story.connector;
  await sqs.send(
    new SendMessageCommand({ QueueUrl: addresses.deadLetterQueue, MessageBody: 'private@opentrain.work' }),
  );
  const put = await run('dlq', 'redrive', '--message', one.delivery, '--yes');
  expect(put.output).toBe('Put back 1 delivery.\n');
  await expect.poll(() => story.outcomeOf(customer.id, one.delivery)).toBe('done: provisioned');

  const { messages } = await deadLetters();
  expect(messages.map(({ content }) => content.kind).toSorted()).toEqual(['delivery', 'unreadable']);
  expect((await run('dlq', 'redrive', '--yes')).output).toBe('Put back 1 delivery.\n');
  await expect.poll(() => story.outcomeOf(customer.id, other.delivery)).toBe('done: provisioned');
  expect((await run('dlq', 'redrive', '--yes')).output).toBe(
    'There is nothing to put back. What is unreadable was never written by the connector, and is not put back. It stays: 1 message.\n',
  );
  const look = { QueueUrl: addresses.deadLetterQueue, VisibilityTimeout: 0 };
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand(look));
  expect(Messages.map(({ Body }) => Body)).toEqual(['private@opentrain.work']);
  const none = await run('dlq', 'show', 'no-such-message');
  expect(none).toMatchObject({ code: 4, error: expect.stringContaining('dlq list') });
  expect((await run('dlq', 'redrive', '--message', 'no-such-message', '--yes')).code).toBe(4);
});

test('dlq: usage reports are told apart, and go back to their own queue', async () => {
  const { sqs, addresses } = story.connector;
  const customer = await story.newCustomer();
  const job = { connectionId: customer.id, runId: 'usage-1', plannedAt: Date.now() };
  await sqs.send(
    new SendMessageCommand({ QueueUrl: addresses.usageDeadLetterQueue, MessageBody: JSON.stringify(job) }),
  );
  const listed = await run('dlq', 'list', '--queue', 'usage');
  expect(listed.output).toMatch(new RegExp(`^usage +\\S+Z +${customer.id} +usage run +\\S+$`, 'm'));
  expect((await run('dlq', 'redrive', '--queue', 'usage', '--yes')).output).toBe('Put back 1 usage run.\n');
  await expect
    .poll(async () => (await story.store.connections.get(customer.id)).usageReportedAt, { timeout: 10_000 })
    .toBeGreaterThan(0);
  expect((await run('dlq', 'list', '--queue', 'usage')).output).toBe('Nothing was given up.\n');
});

test('dlq: events that a schedule dropped are listed with their reason, and purged; nobody puts them back', async () => {
  const { sqs, addresses } = story.connector;
  const { usageDroppedQueue, reconcileDroppedQueue } = addresses;
  const leaking = droppedByScheduler('Refused for maria@opentrain.work with ot_ptk_0123456789abcdef.');
  await sqs.send(new SendMessageCommand({ QueueUrl: usageDroppedQueue, ...leaking }));
  await sqs.send(new SendMessageCommand({ QueueUrl: reconcileDroppedQueue, ...droppedByLambda() }));

  const listed = await run('dlq', 'list', '--queue', 'usage-dropped');
  expect(listed.output).toContain(
    'event of 2026-11-20 08:00:00Z, dropped by EventBridge Scheduler: AWS.Scheduler.AccessDenied: Refused for [address] with [secret].',
  );
  expect(listed.output).toContain('opentrain-connector dlq purge --queue usage-dropped --local');
  expect(listed.output).not.toContain('dlq redrive');
  const { messages } = await deadLetters();
  const [byLambda] = messages.filter(({ queue }) => queue === 'reconcile-dropped');
  const content = {
    kind: 'event',
    dueAt: '2026-11-20T08:00:00.000Z',
    givenUpBy: 'lambda',
    reason: 'RetriesExhausted: AwsError: SQS answered 503.',
  };
  expect(byLambda).toMatchObject({ content });
  expect((await run('dlq', 'show', byLambda?.messageId ?? '')).output).toMatch(/^reason +RetriesExhausted: AwsError/m);

  expect((await run('dlq', 'redrive', '--queue', 'usage-dropped', '--yes')).code).toBe(2);
  const purge = ['dlq', 'purge', '--queue', 'usage-dropped'];
  expect((await run(...purge, '--dry-run')).output).toBe(
    'Would throw away 1 message of usage-dropped. Nothing was done.\n',
  );
  expect(await run(...purge)).toMatchObject({ code: 7, error: expect.stringContaining('Throw away 1 message') });
  expect((await run(...purge, '--yes')).output).toBe('Threw away 1 message of usage-dropped.\n');
  expect((await run(...purge, '--yes')).output).toBe('There is nothing to throw away.\n');
  expect((await deadLetters()).messages.map(({ queue }) => queue)).toContain('reconcile-dropped');
  expect((await run('dlq', 'purge', '--queue', 'reconcile-dropped', '--yes')).code).toBe(0);
});

test('dlq purge: runs that were given up may go, deliveries never', async () => {
  const { sqs, addresses } = story.connector;
  const job = { connectionId: 'acme', runId: 'reconcile-1', plannedAt: Date.now() };
  const message = { QueueUrl: addresses.reconcileDeadLetterQueue, MessageBody: JSON.stringify(job) };
  await sqs.send(new SendMessageCommand(message));
  expect((await run('dlq', 'purge', '--queue', 'reconcile', '--yes')).output).toBe(
    'Threw away 1 message of reconcile.\n',
  );

  const customer = await story.newCustomer();
  const { delivery } = await givenUp(customer);
  const refused = await run('dlq', 'purge', '--queue', 'deliveries', '--yes');
  expect(refused).toMatchObject({ code: 2, error: expect.stringContaining('Deliveries are never thrown away') });
  expect((await run('dlq', 'purge', '--yes')).code).toBe(2);
  expect((await run('deliveries', customer.id, '--status', 'waiting')).output).toContain('dlq redrive puts it back');
  expect((await run('dlq', 'redrive', '--message', delivery, '--yes')).code).toBe(0);
  await expect.poll(() => story.outcomeOf(customer.id, delivery)).toBe('done: provisioned');
});

test('redeliver --dry-run asks nobody to send anything', async () => {
  const { id, client, endpointId, installId } = await story.newCustomer({ delivered: true });
  await client.updateWebhookEndpoint(endpointId, { status: 'DISABLED' });
  expect((await run('redeliver', id, '--dry-run')).output).toBe(
    'Would enable 1 endpoint and ask OpenTrain to send again all that it has given up. Nothing was done.\n',
  );
  expect(story.opentrain.endpointsOf(installId)).toMatchObject([{ status: 'DISABLED' }]);
});

test('dlq list: more than one batch of them, each once', async () => {
  const { sqs, addresses } = story.connector;
  const ids = Array.from({ length: 25 }, (_, index) => `letter-${index}`);
  for (const id of ids) {
    const envelope = {
      connectionId: 'many' as ConnectionId,
      deliveryId: id as DeliveryId,
      secretId: 's',
      receivedAt: 1,
    };
    const MessageBody = packEnvelope({ ...envelope, body: Buffer.from('{}') });
    await sqs.send(new SendMessageCommand({ QueueUrl: addresses.deadLetterQueue, MessageBody }));
  }
  const { messages } = await deadLetters();
  const found = messages.flatMap(({ content }) => (content.kind === 'delivery' ? [content.deliveryId as string] : []));
  expect(found.toSorted()).toEqual(ids.toSorted());
  // They were given back, those beyond a limit too: a second look finds the same.
  const few = await run('dlq', 'list', '--limit', '3');
  expect(few.output).toContain(`Listed: 3 of about ${messages.length} of deliveries. For more: --limit <number>`);
  expect(few.code).toBe(3);
  expect((await deadLetters()).messages).toHaveLength(messages.length);
});

test('dlq: beyond a thousand messages nothing is said to be missing, and what is unreadable has a way out', async () => {
  const { sqs, addresses } = story.connector;
  const QueueUrl = addresses.deadLetterQueue;
  for (let batch = 0; batch < 101; batch += 1) {
    const Entries = Array.from({ length: 10 }, (_, index) => ({
      Id: `${index}`,
      MessageBody: 'private@opentrain.work',
    }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
  const customer = await story.newCustomer();
  const { delivery } = await givenUp(customer);

  const shown = await run('dlq', 'show', delivery, '--queue', 'deliveries');
  expect(shown.error).toMatch(/It is not among those that were looked at: 1000 of about 1\d\d\d of deliveries\./);
  expect(shown.code).toBe(3);
  const dry = await run('dlq', 'redrive', '--message', delivery, '--queue', 'deliveries', '--dry-run');
  expect(dry.output).toMatch(/^Would put back .*, and what else there is \(looked at: 1000 of about 1\d\d\d of/);
  expect(dry.code).toBe(3);
  expect((await run('dlq', 'redrive', '--message', delivery, '--queue', 'deliveries', '--yes')).output).toBe(
    'Put back 1 delivery.\n',
  );
  await expect.poll(() => story.outcomeOf(customer.id, delivery)).toBe('done: provisioned');
  const nobody = await run('dlq', 'redrive', '--message', 'of-nobody', '--queue', 'deliveries', '--yes');
  expect([nobody.code, nobody.error]).toEqual([4, 'No dead-letter queue holds such a message.\n']);

  const purge = ['dlq', 'purge', '--queue', 'deliveries', '--unreadable', '--yes'];
  const first = await run(...purge);
  expect(first.output).toMatch(
    /^Threw away (9\d\d|1000) unreadable messages of deliveries\. About \d+ are left: run it again\.\n$/,
  );
  expect(first.code).toBe(3);
  expect((await run(...purge)).code).toBe(0);
  expect((await deadLetters()).messages.map(({ content }) => content.kind)).not.toContain('unreadable');
}, 60_000);

test('redeliver: a parked delivery comes through once its reason is gone; a disabled endpoint is enabled first', async () => {
  const { customer, project, workEmail } = await story.newHire({ delivered: true, piiConsent: false });
  await story.idle();
  const [parked] = await deliveriesOf(customer.id, '--status', 'parked');
  story.opentrain.setPiiConsent(customer.installId, true);
  await customer.client.updateWebhookEndpoint(customer.endpointId, { status: 'DISABLED' });
  const { code, output } = await run('redeliver', customer.id, '--delivery', parked?.deliveryId ?? '');
  expect(code).toBe(0);
  expect(output).toContain('Enabled 1 endpoint that OpenTrain had disabled.');
  expect(output).toContain('OpenTrain sends 1 delivery again');
  await story.idle();
  await expect.poll(() => story.membersOf(project)).toEqual([workEmail]);

  expect((await run('redeliver', customer.id)).output).toBe('OpenTrain had nothing to send again.\n');
  expect((await run('redeliver', customer.id, '--delivery', 'no-such-delivery')).code).toBe(4);
});

test('redeliver: without an endpoint there is nothing to send again', async () => {
  const customer = await story.newCustomer();
  const { code, error } = await run('redeliver', customer.id);
  expect(error).toContain('Connect it once more');
  expect(code).toBe(4);
});

test('send-test: through API, queue and worker', async () => {
  const customer = await story.newCustomer();
  const sent = await cli.json<{ deliveryId: string }>(['send-test', customer.id, ...local()]);
  expect(sent).toMatchObject({ kind: 'done', reason: 'test_received' });
  expect(await story.outcomeOf(customer.id, sent.deliveryId)).toBe('done: test_received');
  expect((await run('send-test', customer.id)).output).toMatch(/^test-\S+: A signed test delivery went through/);
});

test('send-test: with a secret that the functions do not know it fails, and says why', async () => {
  const customer = await story.newCustomer();
  expect((await run('send-test', customer.id)).code).toBe(0);
  const { parameters, names } = story.connector;
  await parameters.put(names.webhookSecrets(customer.id), 'whsec_that_nobody_else_knows');
  const { code, error } = await run('send-test', customer.id);
  expect(error).toContain('answered 401');
  expect(code).toBe(1);
});

test('nothing secret or personal was ever printed', () => {
  const printed = cli.printed.join('\n');
  expect(printed).toContain('contract.started');
  for (const word of ['whsec_', 'ot_ptk_', '@opentrain.work', '"freelancer"']) expect(printed).not.toContain(word);
});
