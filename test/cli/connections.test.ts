import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tellAfterUnlink } from '../../cli/commands/links.ts';
import type { Scope } from '../../local/opentrain/state.ts';
import type { ConnectedView } from '../../shared/connections/tell-connected.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import { createOpenTrainClient } from '../../shared/opentrain/client.ts';
import { type Story, startStory } from '../support/story.ts';
import { type BuiltCli, buildCliForTests, type CliRun } from './built-cli.ts';

/** What the commands do to connections and links, and what people see of it. The rules are tested in test/connections. */

let cli: BuiltCli;
let story: Story;
const tokens: string[] = [];

beforeAll(async () => {
  cli = buildCliForTests();
  story = await startStory();
});
afterAll(async () => {
  await story.close();
  cli.remove();
});

const local = () => ['--local', story.connector.url];
const run = (...args: string[]): Promise<CliRun> => cli.run([...args, ...local()]);

function consent(organization: string, options: { scopes?: readonly Scope[]; piiConsent?: boolean } = {}) {
  const consented = story.opentrain.consent({ organization, ...options });
  tokens.push(consented.token);
  return consented;
}

const connect = (id: string, token: string, ...args: string[]) =>
  cli.run(['connect', id, ...local(), ...args], { env: { OPENTRAIN_PARTNER_TOKEN: token } });

/** A customer who is connected by the command. */
async function connected() {
  const id = story.unique('acme') as ConnectionId;
  const consented = consent(id);
  const { code, error } = await connect(id, consented.token);
  if (code !== 0) throw new Error(error);
  const job = story.opentrain.postJob({ organizationId: consented.organizationId }).id;
  const [endpoint] = story.opentrain.endpointsOf(consented.installId);
  return { id, job, endpointId: endpoint?.id ?? '', ...consented };
}

describe('connect', () => {
  test('with the token from the environment: says what was done, and that nothing is missing', async () => {
    const { token, installId, organizationId } = consent('acme');
    const { code, output, error } = await connect('acme', token);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(output).toContain(
      `Connected acme to install ${installId} of the organisation ${organizationId}, in the workspace default.`,
    );
    expect(output).toMatch(/^Endpoint \S+ registered: http.*\/webhooks\/opentrain\/acme$/m);
    expect(output).toContain('Nothing is missing');
    expect(await story.store.connections.get('acme' as ConnectionId)).toMatchObject({ status: 'active', installId });
  });

  test('with the token from standard input; once more keeps the endpoint', async () => {
    const { token } = consent('beta');
    const first = await cli.run(['connect', 'beta', ...local(), '--json'], { input: `${token}\n` });
    const again = await cli.run(['connect', 'beta', ...local(), '--json'], { input: token });
    const [one, two] = [first, again].map(({ output }) => JSON.parse(output) as ConnectedView);
    expect(one).toMatchObject({ connectionId: 'beta', kept: false, missingScopes: [], piiConsent: true });
    expect(two).toMatchObject({ endpointId: one?.endpointId, kept: true });
  });

  test('after the customer has reconnected, it is the same command', async () => {
    const { id, installId } = await connected();
    const { token, installId: renewed } = story.opentrain.reconnect(installId);
    tokens.push(token);
    const { output } = await connect(id, token);
    expect(output).toContain(`Connected ${id} to install ${renewed}`);
    expect(output).toContain('registered:');
  });

  test('--stored-token mends an endpoint that is gone, or whose secret is lost, without the token at hand', async () => {
    const { id } = await connected();
    const before = (await story.store.connections.get(id)).endpointId;
    await story.connector.parameters.put(story.connector.names.webhookSecrets(id), 'whsec_of_something_else');
    const { code, output } = await cli.run(['connect', id, '--stored-token', ...local()]);
    expect(code).toBe(0);
    expect(output).toMatch(/^Endpoint \S+ registered: /m);
    expect((await story.store.connections.get(id)).endpointId).not.toBe(before);
    expect((await cli.run(['connect', id, '--stored-token', ...local()])).output).toMatch(/^Endpoint \S+ kept: /m);
  });

  test('says what was wrong with the endpoint, and what is sent again', async () => {
    const { id, token, endpointId } = await connected();
    const { platformApiUrl } = story.opentrain;
    const client = createOpenTrainClient({ baseUrl: platformApiUrl, token: async () => token });
    await client.updateWebhookEndpoint(endpointId, { status: 'DISABLED' });
    const { output } = await connect(id, token);
    expect(output).toContain('It was disabled: that is mended.\nOpenTrain had given up no delivery.');
  });

  test('at another URL of the deployment: the endpoint is pointed there, check and redeliver see it, disconnect deletes it', async () => {
    const { id, token, installId } = await connected();
    const elsewhere = 'http://localhost:9400';
    expect((await connect(id, token, '--webhook-base-url', elsewhere)).output).toMatch(
      new RegExp(`^Endpoint \\S+ kept: ${elsewhere}/webhooks/opentrain/${id}$`, 'm'),
    );
    const [endpoint, ...others] = story.opentrain.endpointsOf(installId);
    expect([endpoint?.url, others]).toEqual([`${elsewhere}/webhooks/opentrain/${id}`, []]);
    expect((await run('check', id, '--no-canary')).output).toContain(`${endpoint?.id} points to ${elsewhere}`);
    const again = await run('redeliver', id);
    expect(again.output).toContain(`It sends to ${endpoint?.url}, not to http`);
    expect(again.code).toBe(0);

    expect((await run('disconnect', id, '--yes')).output).toContain('1 endpoint deleted');
    expect(story.opentrain.endpointsOf(installId)).toEqual([]);
  });

  test('--stored-token where none is stored: 4, and says where one comes from', async () => {
    const id = story.unique('nobody');
    const { code, error } = await cli.run(['connect', id, '--stored-token', ...local()]);
    expect(error).toContain(`local mode holds no token of ${id}. Leave --stored-token out`);
    expect(code).toBe(4);
  });

  test('says in plain words what is missing, and what will not work without it', async () => {
    const { token } = consent('poor', { scopes: ['webhooks:manage', 'participants:read'], piiConsent: false });
    const { code, output } = await connect('poor', token);
    expect(code).toBe(0);
    expect(output).toContain('Missing: the scope contracts:read. Without it,');
    expect(output).toContain('Missing: the scope participants:email. Without it, Work Emails are withheld');
    expect(output).toContain('Missing: the consent to personal data. Without it, Work Emails are withheld');
    expect(output).toContain('let them reconnect, then run this with the new token');
  });

  test('without the scope for endpoints, says all that is missing: 5', async () => {
    const { token } = consent('poorer', { scopes: ['contracts:read'], piiConsent: false });
    const { code, error } = await connect('poorer', token);
    expect(error).toContain(
      'This install cannot be connected, and nothing was done.\nMissing: the scope webhooks:manage.',
    );
    expect(error).toContain('Missing: the scope usage:write. Without it,');
    expect(error).toContain('Missing: the consent to personal data. Without it,');
    expect(code).toBe(5);
  });

  test('an install that is connected under another id is refused, and that id is told: 5', async () => {
    const { id, token } = await connected();
    const { code, error } = await connect(story.unique('once-more'), token);
    expect(error).toContain(`is connected already, as ${id}.`);
    expect(code).toBe(5);
  });

  test('two different tokens at once, from the environment and from a file: 2; a pipe is left to whom it belongs', async () => {
    const [one, other] = [consent('one of two'), consent('other of two')];
    const env = { OPENTRAIN_PARTNER_TOKEN: one.token };
    const given = (input: string) => cli.run(['connect', 'two', ...local()], { env, input, inputIsFile: true });
    const both = await given(`${other.token}\n`);
    expect(both.error).toContain('OPENTRAIN_PARTNER_TOKEN holds one token, and another comes on standard input');
    expect(both.code).toBe(2);
    for (const input of ['', 'acme\nbeta\n', one.token]) expect((await given(input)).code).toBe(0);
    const ofALoop = { env, input: `${other.token}\n`, inputStaysOpen: true };
    expect((await cli.run(['connect', 'two', ...local()], ofALoop)).code, 'a pipe that never ends').toBe(0);
  });

  test('the target is looked at before the token is asked for', async () => {
    const { code, error } = await cli.run(['connect', 'acme', '--local', 'http://127.0.0.1:1'], { input: '' });
    expect(error).toContain('Local mode does not answer at http://127.0.0.1:1');
    expect(code).toBe(1);
  });

  test('a revoked token is refused by OpenTrain: 5, with what to do', async () => {
    const { token, installId } = consent('revoked');
    story.opentrain.revoke(installId);
    const { code, error } = await connect('revoked', token);
    expect(error).toContain('The token is wrong or was revoked');
    expect(code).toBe(5);
  });

  test('the token of another customer is refused, unless that is meant', async () => {
    const { id } = await connected();
    const { token } = consent('somebody else');
    const { code, error } = await connect(id, token);
    expect(code).toBe(5);
    expect(error).toMatch(/customer|organi[sz]ation/i);
    expect((await connect(id, token, '--replace-customer')).code).toBe(0);
  });

  test('a workspace that there is not: 4', async () => {
    const { token } = consent('elsewhere');
    const { code, error } = await connect('elsewhere', token, '--workspace', 'nowhere');
    expect(error).toContain('There is no workspace "nowhere"');
    expect(code).toBe(4);
  });

  test.each([
    ['none', '', 'nothing came'],
    ['another secret', 'whsec_of_an_endpoint', 'does not begin with ot_ptk_'],
    ['more than the token', 'ot_ptk_one ot_ptk_two', 'more than one word'],
  ])('a token is needed, and %s came: 2', async (_what, input, said) => {
    const { code, error } = await cli.run(['connect', 'acme', ...local()], { input });
    expect(error).toContain(said);
    if (input !== '') expect(error).not.toContain(input);
    expect(code).toBe(2);
  });
});

describe('consent-link', () => {
  test('needs no deployment when the app is named', async () => {
    const { code, output } = await cli.run([
      'consent-link',
      '--slug',
      'our-platform',
      '--project',
      'p 1',
      '--state',
      's',
    ]);
    expect(output.trim()).toBe(
      'https://app.opentrain.ai/integrations/our-platform/connect?external_project_id=p+1&state=s',
    );
    expect(code).toBe(0);
  });

  test('knows the app from the customers that are connected', async () => {
    await connected();
    const { url } = await cli.json<{ url: string }>(['consent-link', ...local()]);
    expect(url).toBe(`${new URL(story.opentrain.platformApiUrl).origin}/integrations/demo-platform/connect`);
  });

  test('without either, says what is needed: 2', async () => {
    const { code, error } = await cli.run(['consent-link']);
    expect(error).toContain('--slug');
    expect(code).toBe(2);
  });
});

describe('links', () => {
  test('link, links, unlink: from nothing to nothing', async () => {
    const { id, job } = await connected();
    expect((await run('links', id)).output).toContain('has no project link yet');

    const project = story.unique('street-signs');
    const linked = await run('link', id, '--project', project, '--job', job, '--name', 'Street signs');
    expect(linked.output).toMatch(new RegExp(`^Linked project ${project} to job ${job} \\(link \\S+\\)\\.`));
    const again = await run('link', id, '--project', project, '--job', job);
    expect(again.output).toContain('Was linked already');
    expect(again.output).not.toContain('not changed');
    const renamed = await run('link', id, '--project', project, '--job', job, '--name', 'Traffic signs');
    expect(renamed.output).toContain('Its name was not changed: OpenTrain changes no links. Unlink it');

    const { links } = await cli.json<{ links: { linkId: string }[] }>(['links', id, ...local()]);
    expect(links).toEqual([
      {
        linkId: expect.any(String),
        projectId: project,
        name: 'Street signs',
        jobId: job,
        provisioningMode: 'PARTNER_WEBHOOK',
      },
    ]);
    expect((await run('links', id)).output).toMatch(
      new RegExp(`${links[0]?.linkId} +${project} +Street signs +${job} +the connector`),
    );

    const hired = story.opentrain.hire({ jobId: job, trainer: story.unique('Maria Silva') });
    await expect.poll(() => story.membersOf(project)).toEqual([hired.trainer?.workEmail]);
    const dry = await run('unlink', id, project, '--dry-run');
    expect(dry.output).toContain(
      'Contracts that run through it: 1. Whoever it let in is taken out within seconds. Nothing was done.',
    );
    expect((await cli.json<{ links: unknown[] }>(['links', id, ...local()])).links).toHaveLength(1);

    const unasked = await run('unlink', id, project);
    expect(unasked.error).toContain('Nobody can be asked here: say so with --yes.');
    expect(unasked.code).toBe(7);
    const removed = await run('unlink', id, links[0]?.linkId ?? '', '--yes');
    expect(removed.output).toContain(`Removed the link of project ${project}`);
    await expect.poll(() => story.membersOf(project)).toEqual([]);
    expect((await run('links', id)).output).toContain('has no project link yet');
  });

  test('the API’s limits and conflicts are explained: 5', async () => {
    const { id, job, organizationId } = await connected();
    const project = story.unique('conflicted');
    await run('link', id, '--project', project, '--job', job);
    const other = story.opentrain.postJob({ organizationId }).id;
    const conflict = await run('link', id, '--project', project, '--job', other);
    expect(conflict.error).toContain(`to the job ${job}`);
    expect(conflict.error).toContain('OpenTrain changes no links: unlink it');
    const long = await run('link', id, '--project', 'p'.repeat(201), '--job', job);
    expect(long.error).toContain('projectId has 201 characters, of at most 200');
    const foreign = await run('link', id, '--project', story.unique('p'), '--job', 'job_of_somebody_else');
    expect(foreign.error).toMatch(/job/);
    expect([conflict.code, long.code, foreign.code]).toEqual([5, 5, 5]);
  });

  test('--dry-run says what would be linked, and what is there already; an empty job or project is a mistake: 2', async () => {
    const { id, job } = await connected();
    const project = story.unique('dry');
    const link = (...args: string[]) => run('link', id, '--project', project, '--job', job, ...args);
    expect((await link('--dry-run')).output).toBe(`Would link project ${project} to job ${job}. Nothing was done.\n`);
    expect((await run('links', id)).output).toContain('has no project link yet');
    await link();
    expect((await link('--dry-run')).output).toContain('It is linked already, by link_');
    for (const [name, args] of [
      ['job', ['--project', project, '--job', '']],
      ['project', ['--project', ' ', '--job', job]],
    ] as const) {
      const { code, error } = await run('link', id, ...args);
      expect([code, error]).toEqual([2, `--${name} must not be empty.\n`]);
    }
  });

  test.each([
    ['PARTNER_WEBHOOK', false, 'is taken out'],
    ['PARTNER_WEBHOOK', true, 'stays in'],
    ['MANAGED_ADAPTER', false, 'the connector takes nobody out'],
    ['MANAGED_ADAPTER', true, 'the connector takes nobody out'],
  ])('unlink of a %s link, with keepAccessAfterUnlink %s, says who %s', (provisioningMode, keepAfterUnlink, said) => {
    expect(tellAfterUnlink({ provisioningMode }, { keepAfterUnlink })).toContain(said);
  });

  test('unlink does not count beyond what OpenTrain lists', async () => {
    const customer = await story.newCustomer();
    const job = customer.postJob();
    const { project } = customer.link(job);
    for (let hired = 0; hired < 201; hired += 1) customer.hire(job);
    expect((await run('unlink', customer.id, project, '--dry-run')).output).toContain(
      'Contracts that run through it: 200 or more.',
    );
  });

  test('a name that a terminal would obey is shown as text', async () => {
    const { id, job } = await connected();
    const name = 'a\u001b[2Jb\u001b]0;title\u0007c\u009b31md\ne\u202ef\u001b[32mg';
    const linked = await run('link', id, '--project', story.unique('p\u001b[31m'), '--job', job, '--name', name);
    const { output } = await run('links', id);
    expect(output).toContain('a[2Jb]0;titlec31md ef[32mg');
    const { output: json } = await run('links', id, '--json');
    expect((JSON.parse(json) as { links: { name: string }[] }).links[0]?.name).toBe(name);
    const unlinked = await run('unlink', id, /link_\w+/.exec(linked.output)?.[0] ?? '', '--dry-run');
    for (const said of [linked.output, output, json, unlinked.output]) {
      expect(said).not.toMatch(/(?!\n)[\p{Cc}\p{Bidi_Control}]/u);
    }
  });

  test('a link that OpenTrain manages is told apart', async () => {
    const { id, job } = await connected();
    const linked = await run('link', id, '--project', story.unique('p'), '--job', job, '--managed-by-opentrain');
    expect(linked.output).toContain('the connector stays out of it');
    expect((await run('links', id)).output).toMatch(/ OpenTrain$/m);
  });

  test('what there is not: 4', async () => {
    const { id } = await connected();
    const nobody = await run('links', 'nobody');
    expect(nobody.error).toMatch(/There is no connection nobody in local mode\. There are: .*acme/);
    const nothing = await run('unlink', id, 'no-such-project', '--yes');
    expect([nobody.code, nothing.code]).toEqual([4, 4]);
  });
});

describe('rotate-secret', () => {
  test('says that both secrets are live, and until when; forced, it is over at once, and the new one works', async () => {
    const { id, installId } = await connected();
    const before = await story.connector.parameters.get(story.connector.names.webhookSecrets(id));
    expect((await run('rotate-secret', id, '--dry-run')).output).toContain('No rotation is under way: would register');
    const first = await run('rotate-secret', id);
    expect(first.code).toBe(0);
    expect(first.output).toContain(`rotate-secret ${id} --local ${story.connector.url}`);
    expect(first.output).toContain(`Both secrets of ${id} are live`);
    expect(first.output).toContain(`opentrain-connector rotate-secret ${id} --local`);
    expect(story.opentrain.endpointsOf(installId)).toHaveLength(2);
    const again = await cli.json<{ kind: string; for: string }>(['rotate-secret', id, ...local()]);
    expect(again).toMatchObject({ kind: 'waiting', for: 'first_delivery', until: expect.stringMatching(/Z$/) });

    const dry = await run('rotate-secret', id, '--force', '--dry-run');
    expect(dry.output).toMatch(
      /^A rotation is under way since .*by force, delete the old one at once\. Nothing was done\.$/m,
    );
    expect(story.opentrain.endpointsOf(installId)).toHaveLength(2);
    expect((await run('status', id)).output).toMatch(new RegExp(`^${id} +active, secret rotating`, 'm'));
    expect((await run('check', id, '--no-canary')).output).toMatch(
      /Its secret is being rotated, to that of endpoint_\S+: nothing has come through it yet\. Finish with rotate-secret\./,
    );

    const unasked = await run('rotate-secret', id, '--force');
    expect(unasked.code).toBe(7);
    const forced = await run('rotate-secret', id, '--force', '--yes');
    expect(forced.output).toContain(`Rotated: ${id} has one endpoint`);
    expect(story.opentrain.endpointsOf(installId)).toHaveLength(1);
    const after = await story.connector.parameters.get(story.connector.names.webhookSecrets(id));
    expect(after).not.toBe(before);
    expect((await run('send-test', id)).code).toBe(0);
  });
});

describe('disconnect', () => {
  test('asks first, tells what stays, and takes token and secrets away', async () => {
    const { id, job, installId } = await connected();
    const project = story.unique('p');
    await run('link', id, '--project', project, '--job', job);
    const hired = story.opentrain.hire({ jobId: job, trainer: story.unique('Maria Silva') });
    await expect.poll(() => story.membersOf(project)).toEqual([hired.trainer?.workEmail]);

    const dry = await run('disconnect', id, '--dry-run');
    expect(dry.output).toContain('Who is in stays in for 24 hours: 1 trainer. Nothing was done.');
    expect((await run('disconnect', id)).code).toBe(7);
    expect((await story.store.connections.get(id)).status).toBe('active');

    const done = await run('disconnect', id, '--yes');
    expect(done.code).toBe(0);
    expect(done.output).toContain('1 endpoint deleted');
    expect(done.output).toContain('1 contract still open: whoever is in stays in for 24 hours');
    expect((await story.store.connections.get(id)).status).toBe('disconnected');
    const { parameters, names } = story.connector;
    expect([await parameters.get(names.token(id)), await parameters.get(names.webhookSecrets(id))]).toEqual([
      undefined,
      undefined,
    ]);
    expect(story.opentrain.endpointsOf(installId)).toEqual([]);
    expect(story.membersOf(project)).toEqual([hired.trainer?.workEmail]);
    const again = await run('disconnect', id);
    expect(again).toMatchObject({ code: 0, error: '' });
    expect(again.output).toBe(`${id} is disconnected already (by_operator), and nothing is left here to remove.\n`);
  });
});

test('no token and no secret was ever printed, no Work Email either; none is in the table', async () => {
  const printed = cli.printed.join('\n');
  expect(printed).toContain('Connected acme');
  expect(tokens.length).toBeGreaterThan(5);
  for (const word of [...tokens, 'whsec_', '@opentrain.work']) expect(printed).not.toContain(word);
  expect(printed.replaceAll('(ot_ptk_…', '').replaceAll('begin with ot_ptk_,', '')).not.toContain('ot_ptk_');
  expect(printed).not.toMatch(/^\s+at /m);

  const dynamo = new DynamoDBClient({});
  const { Items = [] } = await dynamo.send(new ScanCommand({ TableName: story.connector.addresses.table }));
  expect(Items.length).toBeGreaterThan(10);
  for (const word of [...tokens, 'ot_ptk_', 'whsec_']) expect(JSON.stringify(Items)).not.toContain(word);
});
