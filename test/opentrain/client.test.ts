import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import type { ContractId, LinkId } from '../../shared/ids.ts';
import { createOpenTrainClient, type OpenTrainClientOptions } from '../../shared/opentrain/client.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { type ScriptedServer, type Step, startScriptedServer } from './scripted-server.ts';

const contractId = 'con_1' as ContractId;
const linkId = 'link_1' as LinkId;
const token = 'ot_ptk_first';

let server: ScriptedServer;
/** Milliseconds of each pause that the client made. */
let pauses: number[];

beforeEach(async () => {
  server = await startScriptedServer();
  pauses = [];
});
afterEach(() => server.close());

describe('repeating', () => {
  const trouble = ([408, 425, 500, 502, 503, 504] as const).map((status): [string, Step] => [`${status}`, { status }]);
  const lost: [string, Step][] = [['a connection that breaks', 'hang-up']];

  test.each([...trouble, ...lost])('a read survives %s twice', async (_, step) => {
    server.script(step, step, { status: 200, body: { projectLinks: [] } });
    expect(await client().listProjectLinks()).toEqual([]);
    expect(server.received).toHaveLength(3);
  });

  test('ends after three attempts, with the error of the last one', async () => {
    server.script({ status: 500 }, { status: 502 }, { status: 503 });
    expect(await failureOf(client().listProjectLinks())).toMatchObject({ kind: 'transient', status: 503 });
    expect(server.received).toHaveLength(3);
  });

  test('pauses with full jitter below 250 and 500 ms', async () => {
    server.script({ status: 500 }, { status: 500 }, { status: 500 });
    await failureOf(client({ random: () => 0.999 }).getCurrentInstall());
    await failureOf(client({ random: () => 0 }).getCurrentInstall());
    expect(pauses.slice(0, 2)).toEqual([249, 499]);
  });

  test('never pauses longer than 4 s of its own accord', async () => {
    server.script(...Array.from({ length: 9 }, () => ({ status: 500 })));
    await failureOf(client({ random: () => 0.999, maxAttempts: 9 }).getCurrentInstall());
    expect(Math.max(...pauses)).toBe(3996);
  });

  test('usage is reported again, because totals replace', async () => {
    server.script('hang-up', { status: 200, body: { accepted: 1 } });
    const entries = [{ workDate: '2026-10-01', totalSeconds: 3600 }];
    expect(await client().reportContractUsage(contractId, entries)).toEqual({ accepted: 1, budget: null });
    expect(server.received.map(({ body }) => body)).toEqual([{ entries }, { entries }]);
  });

  const risky = [
    ['createProjectLink', () => client().createProjectLink({ externalProjectId: 'signs' })],
    [
      'createWebhookEndpoint',
      () => client().createWebhookEndpoint({ url: 'https://a.example', eventTypes: ['contract.started'] }),
    ],
    ['redeliverWebhookEndpoint', () => client().redeliverWebhookEndpoint('we_1')],
  ] as const;

  test.each(risky)('%s is not made twice when it may have been done', async (_, call) => {
    for (const step of ['hang-up', { status: 500 }, { status: 502 }, { status: 503 }, { status: 504 }] as const) {
      server.script(step);
      expect(await failureOf(call())).toMatchObject({ kind: 'transient' });
    }
    expect(server.received).toHaveLength(5);
  });

  test.each(risky)('%s is made again after a 429 or a 503 with Retry-After, which did nothing', async (_, call) => {
    server.script({ status: 429 }, { status: 503, headers: { 'retry-after': '1' } }, { status: 400 });
    expect(await failureOf(call())).toMatchObject({ status: 400 });
    expect(server.received).toHaveLength(3);
  });

  test.each(risky)('%s is made again when nobody was reached', async (_, call) => {
    await server.close();
    await failureOf(call());
    expect(pauses).toHaveLength(2);
  });

  test('a deletion whose answer was lost counts as done when the thing is gone', async () => {
    server.script('hang-up', { status: 404, body: { error: 'No such link', code: 'NOT_FOUND', requestId: 'req_1' } });
    await expect(client().deleteProjectLink(linkId)).resolves.toBeUndefined();
  });

  test('a deletion of what never was is an error', async () => {
    server.script({ status: 404, body: { error: 'No such link', code: 'NOT_FOUND', requestId: 'req_1' } });
    expect(await failureOf(client().deleteProjectLink(linkId))).toMatchObject({ kind: 'rejected', code: 'NOT_FOUND' });
  });

  test.each([400, 403, 404, 405, 409, 413, 422])(
    '%i of something in between is not OpenTrain’s word',
    async (status) => {
      // As many frameworks write it.
      const body = { timestamp: '2026-11-20T10:00:00Z', status, error: 'Not Found', path: '/' };
      server.script({ status, body }, { status, body: { error: 'No', code: 'NO' } });
      const foreign = await failureOf(client().getContractBudget(contractId));
      expect(foreign).toMatchObject({ kind: 'transient', status, message: expect.stringContaining('in between') });
      const own = await failureOf(client().getContractBudget(contractId));
      expect(own).toMatchObject({ kind: status === 403 ? 'forbidden' : 'rejected', status });
      expect(server.received).toHaveLength(2);
    },
  );

  test('a deletion whose answer was lost does not count as done because a proxy finds nothing', async () => {
    server.script('hang-up', { status: 404 });
    expect(await failureOf(client().deleteProjectLink(linkId))).toMatchObject({ kind: 'transient', status: 404 });
  });

  test('401 is believed of whomever', async () => {
    server.script({ status: 401 }, { status: 401 });
    expect(await failureOf(client().listProjectLinks())).toMatchObject({ kind: 'forbidden' });
  });

  test.each([400, 401, 403, 404, 405, 409, 413, 422, 302])('%i is not repeated', async (status) => {
    server.script({ status, headers: { location: `${server.url}/elsewhere` } });
    await failureOf(client().getContractBudget(contractId));
    expect(server.received).toHaveLength(1);
  });
});

describe('Retry-After', () => {
  test('is waited for when it fits', async () => {
    server.script({ status: 429, headers: { 'retry-after': '7' } }, { status: 200, body: { contracts: [] } });
    await client().listContracts();
    expect(pauses).toEqual([7000]);
  });

  test('may be a date', async () => {
    const headers = { 'retry-after': 'Thu, 01 Oct 2026 12:00:09 GMT' };
    server.script({ status: 503, headers }, { status: 200, body: { contracts: [] } });
    await client().listContracts();
    expect(pauses).toEqual([9000]);
  });

  test('that does not fit into what remains is carried by the error, at once', async () => {
    server.script({ status: 429, headers: { 'retry-after': '60' } });
    const error = await failureOf(client({ budgetMilliseconds: 20_000 }).listContracts());
    expect(error).toMatchObject({ kind: 'rate-limited', retryAfterSeconds: 60 });
    expect([server.received.length, pauses.length]).toEqual([1, 0]);
  });

  test('counts the pauses that were made already', async () => {
    const step = { status: 429, headers: { 'retry-after': '12' } };
    server.script(step, step, step);
    await failureOf(client({ budgetMilliseconds: 20_000 }).listContracts());
    expect(pauses).toEqual([12_000]);
  });
});

describe('waiting', () => {
  test('ends for each attempt after its time', async () => {
    server.script('silence', 'silence', { status: 200, body: { contracts: [] } });
    expect(await client({ timeoutMilliseconds: 40 }).listContracts()).toEqual([]);
  });

  test('that was in vain is a transient error that says so', async () => {
    server.script('silence');
    const error = await failureOf(client({ timeoutMilliseconds: 20, maxAttempts: 1 }).listContracts());
    expect(error).toMatchObject({ kind: 'transient', status: undefined });
    expect(error.message).toContain('took too long');
  });

  test('ends when the caller stops it, and nothing is repeated', async () => {
    server.script('silence');
    const stopping = new AbortController();
    const call = client().getCurrentInstall(stopping.signal);
    setTimeout(() => stopping.abort(), 20);
    expect((await failureOf(call)).message).toContain('the caller stopped waiting');
    expect(server.received).toHaveLength(1);
  });

  test('ends when the caller stops it in a pause', async () => {
    server.script({ status: 503 });
    const stopping = new AbortController();
    const stopped = client({
      sleep: async (_, signal) => {
        stopping.abort();
        signal?.throwIfAborted();
      },
    });
    expect(await failureOf(stopped.getCurrentInstall(stopping.signal))).toMatchObject({ status: 503 });
    expect(server.received).toHaveLength(1);
  });
});

describe('the token', () => {
  test('that was rotated is read again once, and the call succeeds', async () => {
    server.script({ status: 401 }, { status: 200, body: { accepted: 1 } });
    const rotated = client({ token: async (options) => (options?.refresh ? 'ot_ptk_second' : token) });
    await rotated.reportContractUsage(contractId, [{ workDate: '2026-10-01', totalSeconds: 1 }]);
    expect(server.received.map(({ authorization }) => authorization)).toEqual([
      'Bearer ot_ptk_first',
      'Bearer ot_ptk_second',
    ]);
    expect(server.received[1]?.body).toEqual(server.received[0]?.body);
  });

  test('that is still refused is forbidden, after two requests in all', async () => {
    server.script({ status: 401 }, { status: 401 });
    const rotated = client({ token: async (options) => (options?.refresh ? 'ot_ptk_second' : token) });
    expect(await failureOf(rotated.listProjectLinks())).toMatchObject({ kind: 'forbidden', status: 401 });
    expect(server.received).toHaveLength(2);
  });

  test('that cannot be read is a transient error, and nothing is sent', async () => {
    const error = await failureOf(client({ token: async () => Promise.reject(new Error('down')) }).listContracts());
    expect(error).toMatchObject({ kind: 'transient' });
    expect(error.message).toContain('was not sent');
    expect(server.received).toHaveLength(0);
  });

  test('is sent over https only, but for loopback', () => {
    expect(() => client({ baseUrl: 'http://app.opentrain.ai/api/partner/v1' })).toThrow(/https/);
  });
});

describe('an error', () => {
  test.each([
    ['listProjectLinks', 'project-links:read', () => client().listProjectLinks()],
    ['listContracts', 'contracts:read', () => client().listContracts()],
    ['listContractParticipants', 'participants:read', () => client().listContractParticipants(contractId)],
    [
      'reportContractUsage',
      'usage:write',
      () => client().reportContractUsage(contractId, [{ workDate: '2026-10-01' }]),
    ],
    ['listWebhookEndpoints', 'webhooks:manage', () => client().listWebhookEndpoints()],
  ] as const)('of 403 on %s names the scope %s and quotes the request id', async (operation, scope, call) => {
    server.script({ status: 403, body: { error: 'Missing scope', code: 'FORBIDDEN', requestId: 'req_42' } });
    const error = await failureOf(call());
    expect(error).toMatchObject({ operation, kind: 'forbidden', code: 'FORBIDDEN', requestId: 'req_42' });
    expect(error.message).toContain(scope);
    expect(error.message).toContain('req_42');
  });

  test.each([
    ['nothing', undefined],
    ['a web page', '<html>Bad gateway</html>'],
    ['a list', []],
    ['null', 'null'],
    ['fields of other types', { error: 7, code: { a: 1 }, requestId: ['x'] }],
    ['half a document', '{"error": "'],
  ])('survives a body that holds %s', async (_, body) => {
    server.script({ status: 400, body });
    expect(await failureOf(client().listContracts())).toMatchObject({
      status: 400,
      code: undefined,
      requestId: undefined,
    });
  });

  test('keeps a code that is not known yet, and a request id from the header', async () => {
    const headers = { 'x-request-id': 'req_7' };
    server.script({ status: 422, headers, body: { error: 'No', code: 'TEAPOT' } });
    expect(await failureOf(client().listContracts())).toMatchObject({
      code: 'TEAPOT',
      requestId: 'req_7',
      kind: 'rejected',
    });
  });

  test('tells no token and no Work Email, even when OpenTrain repeats both', async () => {
    const gossip = `Bearer ${token} of maria@opentrain.work`;
    const bodies = [
      { error: gossip, code: gossip, requestId: gossip },
      gossip,
      { participants: [{ opentrainUserId: [gossip] }] },
    ];
    for (const body of bodies) {
      for (const status of [200, 400, 401, 403, 404, 409, 422]) {
        server.script({ status, body });
        const told = toldBy(await failureOf(client().listContractParticipants(contractId)));
        expect(told).not.toMatch(/ot_ptk|maria/);
      }
    }
  });

  test.each(['', '.', '..'])('is thrown for the id "%s" before anything is sent', async (id) => {
    expect(await failureOf(client().deleteProjectLink(id as LinkId))).toMatchObject({ kind: 'rejected' });
    expect(server.received).toHaveLength(0);
  });
});

describe('an answer', () => {
  const link = { id: 'link_1', jobId: null, externalProjectId: 'signs', provisioningMode: 'PARTNER_WEBHOOK' };

  test('may hold fields and values that nobody knows yet', async () => {
    server.script({
      status: 200,
      body: { projectLinks: [{ ...link, provisioningMode: 'BY_CARRIER_PIGEON', colour: 'red' }], total: 1 },
    });
    expect(await client().listProjectLinks()).toEqual([
      { ...link, provisioningMode: 'BY_CARRIER_PIGEON', externalProjectName: null, externalProjectUrl: null },
    ]);
  });

  test.each([
    ['projectLinks', {}],
    ['projectLinks.0.id', { projectLinks: [{ ...link, id: undefined }] }],
    ['projectLinks.1.provisioningMode', { projectLinks: [link, { ...link, provisioningMode: null }] }],
    ['the JSON', '<html>Sign in</html>'],
    ['the body', undefined],
  ])('that lacks %s is refused, and the error names it', async (field, body) => {
    server.script({ status: 200, body });
    const error = await failureOf(client().listProjectLinks());
    expect(error.kind).toBe('rejected');
    expect(error.message).toContain(field);
  });

  test('whose Work Email is none holds null in its place', async () => {
    const participants = ['maria@opentrain.work', 'Kofi@OpenTrain.work', 'li@gmail.com', undefined].map(
      (workEmail, index) => ({
        opentrainUserId: `u${index}`,
        displayName: 'M',
        ...(workEmail === undefined ? {} : { workEmail }),
      }),
    );
    server.script({ status: 200, body: { contractId, participants } });
    const answer = await client().listContractParticipants(contractId);
    expect(answer.map(({ workEmail }) => workEmail)).toEqual([
      'maria@opentrain.work',
      'kofi@opentrain.work',
      null,
      null,
    ]);
  });

  const endpoint = { id: 'we_1', url: 'https://a.example', eventTypes: ['contract.started'], status: 'ACTIVE' };

  test.each([
    ['in the field that we infer', { webhookEndpoints: [endpoint] }],
    ['bare', [endpoint]],
  ])('with the endpoints %s is understood', async (_, body) => {
    server.script({ status: 200, body });
    expect(await client().listWebhookEndpoints()).toMatchObject([
      { id: 'we_1', consecutiveFailures: 0, disabledAt: null },
    ]);
  });

  test('to the creation of an endpoint without a secret is refused, because it is never told again', async () => {
    server.script({ status: 201, body: { webhookEndpoint: endpoint } });
    const call = client().createWebhookEndpoint({ url: 'https://a.example', eventTypes: ['contract.started'] });
    expect((await failureOf(call)).message).toContain('secret');
  });

  test('of usage with an odd budget still counts as accepted', async () => {
    server.script({ status: 200, body: { accepted: 1, budget: { odd: true } } });
    const answer = await client().reportContractUsage(contractId, [{ workDate: '2026-10-01' }]);
    expect(answer).toEqual({ accepted: 1, budget: null });
  });
});

test('every operation works against the simulated OpenTrain', async () => {
  const opentrain = await startSimulatedOpenTrain();
  try {
    const { installId, token } = opentrain.consent();
    const job = opentrain.postJob({ organizationId: opentrain.signedIn.id });
    const api = createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => token });

    expect(await api.getCurrentInstall()).toMatchObject({ id: installId, status: 'ACTIVE', piiConsent: true });
    const link = await api.createProjectLink({ externalProjectId: 'signs', jobId: job.id });
    expect(await api.getProjectLink(link.id)).toEqual(link);
    expect(await api.listProjectLinks()).toEqual([link]);

    const { id } = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    opentrain.fundMilestone(id, { volume: 10 });
    const [contract] = await api.listContracts({ projectLinkId: link.id, status: 'active', limit: 200 });
    expect(contract).toMatchObject({ id, status: 'active', endDate: null, projectLinkIds: [link.id] });
    const [participant] = await api.listContractParticipants(id as ContractId);
    expect(participant?.workEmail).toMatch(/@opentrain\.work$/);
    const workDate = new Date().toISOString().slice(0, 10);
    const report = await api.reportContractUsage(id as ContractId, [{ workDate, totalSeconds: 9 * 3600 }]);
    expect(report).toMatchObject({ accepted: 1, budget: { state: 'LOW', consumedFraction: 0.9 } });
    expect(await api.getContractBudget(id as ContractId)).toEqual(report.budget);

    const { webhookEndpoint, secret } = await api.createWebhookEndpoint({
      url: 'http://localhost:9/hook',
      eventTypes: ['contract.started', 'contract.ended'],
    });
    expect(secret).toMatch(/^whsec_/);
    expect(await api.getWebhookEndpoint(webhookEndpoint.id)).toEqual(webhookEndpoint);
    expect(await api.listWebhookEndpoints()).toEqual([webhookEndpoint]);
    expect(await api.updateWebhookEndpoint(webhookEndpoint.id, { status: 'DISABLED' })).toMatchObject({
      status: 'DISABLED',
    });
    expect(await api.redeliverWebhookEndpoint(webhookEndpoint.id)).toBe(0);
    await api.deleteWebhookEndpoint(webhookEndpoint.id);
    await api.deleteProjectLink(link.id);
    expect(await failureOf(api.getProjectLink(link.id))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(opentrain.violations).toEqual([]);
  } finally {
    await opentrain.close();
  }
});

/** A client of the scripted server that never waits: its clock only moves by its own pauses. */
function client(options: Partial<OpenTrainClientOptions> = {}) {
  let now = Date.parse('2026-10-01T12:00:00Z');
  return createOpenTrainClient({
    baseUrl: server.url,
    token: async () => token,
    clock: { now: () => now },
    sleep: async (milliseconds) => {
      pauses.push(milliseconds);
      now += milliseconds;
    },
    random: () => 0.5,
    ...options,
  });
}

async function failureOf(call: Promise<unknown>): Promise<OpenTrainError> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof OpenTrainError) return outcome;
  throw new Error('expected the call to fail with an OpenTrainError', { cause: outcome });
}

/** All that an error could put into a log, causes included. */
function toldBy(error: Error): string {
  const cause = error.cause instanceof Error ? toldBy(error.cause) : '';
  return `${error.stack} ${error.message} ${JSON.stringify(error)} ${cause}`;
}
