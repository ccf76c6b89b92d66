import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAdminHandler } from '../../functions/admin/handler.ts';
import { type AdminParts, createAdminParts, readAdminSettings } from '../../functions/admin/parts.ts';
import { BODY_LIMIT_BYTES } from '../../functions/admin/request.ts';
import type { Scope } from '../../local/opentrain/state.ts';
import { NEEDED_SCOPES } from '../../shared/connections/needed-scopes.ts';
import { ConfigurationError } from '../../shared/errors.ts';
import type { ConnectionId, WorkspaceId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { storedOf } from '../connections/mortal.ts';
import { webhookEvent } from '../support/api-gateway-event.ts';
import { type Story, startStory } from '../support/story.ts';

let story: Story;
let parts: AdminParts;
const lines: string[] = [];
/** Of the test under way: none of them may be told to anybody. */
const tokens: string[] = [];

beforeAll(async () => {
  story = await startStory();
  const { connector, opentrain, store } = story;
  const settings = readAdminSettings({
    ...connector.emulators.environment,
    OPENTRAIN_BASE_URL: opentrain.platformApiUrl,
    WEBHOOK_BASE_URL: connector.url,
  });
  const logger = createLogger((line) => lines.push(line));
  parts = createAdminParts(settings, { store, parameters: connector.parameters, clock: opentrain.clock, logger });
});
afterAll(() => story.close());
beforeEach(() => {
  lines.length = 0;
  tokens.length = 0;
});
afterEach(() => {
  for (const token of tokens) expect(lines.join('\n')).not.toContain(token);
  expect(lines.join('\n')).not.toMatch(/ot_ptk_[^…]|whsec_/);
});

interface Request {
  readonly method: 'PUT' | 'GET' | 'DELETE';
  readonly connection: string;
  readonly body?: unknown;
  readonly base64?: boolean;
}

function eventOf({ method, connection, body, base64 = false }: Request): APIGatewayProxyEventV2 {
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? null);
  const event = webhookEvent({ connection, body: text, base64 });
  const { requestContext } = event;
  const path = `/connections/${connection}`;
  return {
    ...event,
    routeKey: `${method} /connections/{connectionId}`,
    rawPath: path,
    requestContext: { ...requestContext, http: { ...requestContext.http, method, path } },
  };
}

/** Calls the function. No answer ever holds a token or a secret. */
async function call(request: Request, faults: Partial<AdminParts> = {}) {
  const answer = await createAdminHandler({ ...parts, ...faults })(eventOf(request));
  const body = String(answer.body);
  for (const token of tokens) expect(body).not.toContain(token);
  expect(body).not.toMatch(/ot_ptk_[^…]|whsec_/);
  return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(body) };
}

function newConsent(consent: { readonly scopes?: readonly Scope[]; readonly piiConsent?: boolean } = {}) {
  const connection = story.unique('platform-customer') as ConnectionId;
  const consented = story.opentrain.consent({ organization: connection, ...consent });
  tokens.push(consented.token);
  return { ...consented, connection };
}

const put = (connection: string, body: unknown, faults?: Partial<AdminParts>) =>
  call({ method: 'PUT', connection, body }, faults);

describe('PUT makes a token a connection', () => {
  test('exactly as the operator’s command does, and says so', async () => {
    const { connection, token, installId, organizationId } = newConsent();
    const { status, headers, body } = await put(connection, { token });
    const webhookUrl = story.connector.webhookUrl(connection);
    const [endpoint, ...others] = story.opentrain.endpointsOf(installId);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        connectionId: connection,
        installId,
        organizationId,
        partnerSlug: 'demo-platform',
        workspaceId: 'default',
        endpointId: endpoint?.id,
        webhookUrl,
        kept: false,
        mended: [],
        requeued: null,
        missingScopes: [],
        piiConsent: true,
      },
    });
    expect(headers).toEqual({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect([endpoint?.url, others]).toEqual([webhookUrl, []]);
    const stored = await storedOf(connection, story);
    expect(stored).toEqual({ token, secrets: [expect.stringMatching(/^whsec_/)] });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ event: 'admin.done', outcome: 'PUT' }]);

    story.opentrain.linkProject(installId, { externalProjectId: 'its project' });
    await story.opentrain.idle();
    expect(story.opentrain.deliveriesOf(endpoint?.id ?? '')).toMatchObject([{ status: 'SUCCEEDED' }]);
    expect((await put(connection, { token })).body).toMatchObject({ kept: true, endpointId: endpoint?.id });
  });

  test('also where the body comes as base64, with space around the token', async () => {
    const { connection, token } = newConsent();
    const body = { token: ` ${token}\n` };
    expect((await call({ method: 'PUT', connection, body, base64: true })).status).toBe(200);
    expect((await storedOf(connection, story)).token).toBe(token);
  });

  test('with what is missing, and what does not work without it', async () => {
    const { connection, token } = newConsent({ scopes: ['webhooks:manage', 'contracts:read'], piiConsent: false });
    const { body } = await put(connection, { token });
    expect(body.piiConsent).toBe(false);
    expect(body.missingScopes).toContainEqual({ scope: 'usage:write', consequence: NEEDED_SCOPES['usage:write'] });
    expect(body.missingScopes.map(({ scope }: { scope: string }) => scope)).not.toContain('contracts:read');
  });

  test('in a workspace of its own, which it keeps', async () => {
    const { connection, token } = newConsent();
    const workspaceId = story.unique('workspace') as WorkspaceId;
    await story.store.workspaces.put(workspaceId, { adapter: 'http', url: 'https://annotation.example' }, 1);
    expect((await put(connection, { token, workspaceId })).body).toMatchObject({ workspaceId });
    expect((await put(connection, { token })).body).toMatchObject({ workspaceId, kept: true });
    expect((await story.store.connections.get(connection)).workspaceId).toBe(workspaceId);
  });
});

describe('a PUT that makes no sense is a 400, and what came is not repeated:', () => {
  test.each([
    ['no JSON', 'ot_ptk_pasted_as_it_is', 'something else came'],
    ['no object', ['ot_ptk_in_a_list'], 'token is missing or of another form'],
    ['no token', {}, 'token is missing'],
    ['another secret', { token: 'whsec_of_an_endpoint' }, 'token is missing or of another form'],
    ['two tokens', { token: 'ot_ptk_one ot_ptk_two' }, 'token is missing or of another form'],
    [
      'a workspace that is no id',
      { token: 'ot_ptk_good', workspaceId: '../x' },
      'workspaceId is missing or of another',
    ],
    ['more than is known', { token: 'ot_ptk_good', force: true }, 'nothing else'],
    ['a yes that is none', { token: 'ot_ptk_good', replaceCustomer: 'yes' }, 'replaceCustomer is missing or of'],
  ])('%s', async (_what, body, said) => {
    const answer = await put('acme', body);
    expect([answer.status, answer.body.code]).toEqual([400, 'bad_request']);
    expect(answer.body.error).toContain(said);
    expect(answer.body.error).not.toMatch(/pasted|in_a_list|of_an_endpoint|_one|_good|\.\./);
  });

  test('a connection id that is none', async () => {
    const { status, body } = await put('Acme Inc', { token: 'ot_ptk_good' });
    expect({ status, body }).toMatchObject({ status: 400, body: { error: expect.stringContaining('connection id') } });
  });

  test('a body over the limit is a 413', async () => {
    const { status, body } = await put('acme', { token: `ot_ptk_${'x'.repeat(BODY_LIMIT_BYTES)}` });
    expect([status, body.code]).toEqual([413, 'body_too_large']);
  });
});

describe('a PUT that is refused says by whom, and changes nothing:', () => {
  test('a token that OpenTrain refuses', async () => {
    const { connection, token, installId } = newConsent();
    story.opentrain.revoke(installId);
    const { status, body } = await put(connection, { token });
    expect([status, body.code]).toEqual([403, 'token_refused']);
    expect(body.error).toContain('The token is wrong or was revoked');
    expect(await storedOf(connection, story)).toEqual({ token: undefined, secrets: [] });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', event: 'admin.refused', status: 403, reason: 'token_refused', requestId: expect.any(String) },
    ]);
  });

  test('an install that is not ACTIVE', async () => {
    const { connection, token } = newConsent();
    const { status, body } = await put(connection, { token }, withFetch(suspended));
    expect([status, body.code]).toEqual([422, 'install_not_active']);
    expect(body.error).toContain('found SUSPENDED');
  });

  test('a token of another organisation', async () => {
    const { connection, token } = newConsent();
    const rival = newConsent();
    await put(connection, { token });
    const { status, body } = await put(connection, { token: rival.token });
    expect([status, body.code]).toEqual([409, 'other_organization']);
    expect((await storedOf(connection, story)).token).toBe(token);
    expect(story.opentrain.endpointsOf(rival.installId)).toEqual([]);
    expect((await put(connection, { token: rival.token, replaceCustomer: true })).status).toBe(200);
    expect(story.opentrain.endpointsOf(rival.installId)).toHaveLength(1);
  });

  test('an install that is another connection’s', async () => {
    const { connection, token } = newConsent();
    await put(connection, { token });
    const { status, body } = await put(newConsent().connection, { token });
    expect([status, body.code]).toEqual([409, 'install_taken']);
    expect(body.error).toContain(`as ${connection}.`);
  });

  test('an install that may register no endpoint', async () => {
    const { connection, token } = newConsent({ scopes: ['contracts:read'] });
    const { status, body } = await put(connection, { token });
    expect([status, body.code]).toEqual([422, 'scope_missing']);
    expect(body.error).toContain('the scope webhooks:manage. Without it,');
  });

  test('a workspace that is not there', async () => {
    const { connection, token, installId } = newConsent();
    const { status, body } = await put(connection, { token, workspaceId: 'nowhere' });
    expect([status, body.code]).toEqual([422, 'unknown_workspace']);
    expect(story.opentrain.endpointsOf(installId)).toEqual([]);
  });

  const suspended = async (request: Request_) => {
    const response = await fetch(request);
    return new Response((await response.text()).replaceAll('"ACTIVE"', '"SUSPENDED"'), response);
  };
  type Request_ = globalThis.Request;
  const withFetch = (replaced: (request: Request_) => Promise<Response>): Partial<AdminParts> => ({
    opentrain: { ...parts.opentrain, fetch: replaced as typeof fetch },
  });
});

describe('while somebody is away, it may be tried again:', () => {
  const quick = (): Partial<AdminParts> => ({ opentrain: { ...parts.opentrain, sleep: async () => {} } });

  test.each([
    ['unavailable', 502, 'opentrain_unavailable', undefined],
    ['dropped', 502, 'opentrain_unavailable', undefined],
    ['rate-limited', 503, 'opentrain_busy', '7'],
  ] as const)('OpenTrain is %s', async (mode, status, code, retryAfter) => {
    const { connection, token } = newConsent();
    story.opentrain.setOutage(mode);
    const answer = await put(connection, { token }, quick());
    story.opentrain.setOutage('none');
    expect([answer.status, answer.body.code, answer.headers?.['retry-after']]).toEqual([status, code, retryAfter]);
    expect((await put(connection, { token })).status).toBe(200);
  });

  test('the parameter store is', async () => {
    const { connection, token, installId } = newConsent();
    const { parameterStore } = story.connector.emulators;
    parameterStore.outage(true);
    const { status, body } = await put(connection, { token });
    parameterStore.outage(false);
    expect([status, body.code]).toEqual([503, 'aws_unavailable']);
    expect(story.opentrain.endpointsOf(installId)).toEqual([]);
    expect((await put(connection, { token })).status).toBe(200);
  });

  test('the table is', async () => {
    const { connection, token } = newConsent();
    const store = { ...parts.store, connections: { ...parts.store.connections, get: throwing(sdkError()) } };
    const { status, body } = await put(connection, { token }, { store });
    expect([status, body.code]).toEqual([503, 'aws_unavailable']);
    expect(body.error).not.toContain('arn:aws');
  });

  const sdkError = () => Object.assign(new Error('arn:aws:… is not authorized'), { $metadata: { attempts: 3 } });
});

test('what nobody foresaw is a 500 that tells nothing, and an error in the log', async () => {
  const { connection, token } = newConsent();
  const store = {
    ...parts.store,
    connections: { ...parts.store.connections, get: throwing(new TypeError('secret plan')) },
  };
  const { status, body } = await put(connection, { token }, { store });
  expect([status, body.code]).toEqual([500, 'unforeseen']);
  expect(body.error).not.toContain('secret plan');
  expect(JSON.parse(lines.at(-1) ?? '{}')).toMatchObject({ level: 'error', event: 'admin.refused', status: 500 });
});

const throwing = (error: Error) => async (): Promise<never> => {
  throw error;
};

describe('GET tells how a connection stands', () => {
  test('one that is well', async () => {
    const { connection, token, installId, organizationId } = newConsent({ scopes: ['webhooks:manage'] });
    const { body: connected } = await put(connection, { token });
    const { status, body } = await call({ method: 'GET', connection });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        connectionId: connection,
        status: 'active',
        disconnectedReason: null,
        attention: null,
        installId,
        organizationId,
        partnerSlug: 'demo-platform',
        workspaceId: 'default',
        endpointId: connected.endpointId,
        rotating: false,
        missingScopes: connected.missingScopes,
        piiConsent: true,
      },
    });
  });

  test('one that a person should look at', async () => {
    const { connection, token } = newConsent();
    await put(connection, { token });
    await story.store.connections.markAttention(connection, 'opentrain_forbidden', 1);
    expect((await call({ method: 'GET', connection })).body.attention).toBe('opentrain_forbidden');
  });

  test('one that was never made is a 404', async () => {
    const { status, body } = await call({ method: 'GET', connection: 'stranger' });
    expect([status, body.code]).toEqual([404, 'unknown_connection']);
  });
});

describe('DELETE disconnects', () => {
  test('and tells who still works', async () => {
    const { customer } = await story.newHire({ delivered: true });
    await story.idle();
    const { status, body } = await call({ method: 'DELETE', connection: customer.id });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        connectionId: customer.id,
        endpoints: { kind: 'deleted', count: 1 },
        grants: { open: 1, parked: 0 },
      },
    });
    expect((await call({ method: 'GET', connection: customer.id })).body).toMatchObject({
      status: 'disconnected',
      disconnectedReason: 'by_operator',
      endpointId: null,
    });
    expect(await storedOf(customer.id, story)).toEqual({ token: undefined, secrets: [] });
  });

  test('one that was never made is a 404', async () => {
    const { status, body } = await call({ method: 'DELETE', connection: 'stranger' });
    expect([status, body.code]).toEqual([404, 'unknown_connection']);
  });
});

describe('settings that are missing or make no sense are told at start:', () => {
  const complete = {
    TABLE_NAME: 'table',
    CREDENTIALS_PATH: '/opentrain/test',
    OPENTRAIN_BASE_URL: 'https://app.opentrain.ai/api/partner/v1',
    WEBHOOK_BASE_URL: 'https://api.example/',
  };

  test('complete ones are read', () => {
    expect(readAdminSettings(complete)).toEqual({
      tableName: 'table',
      credentialsPath: '/opentrain/test',
      opentrainBaseUrl: 'https://app.opentrain.ai/api/partner/v1',
      webhookBaseUrl: 'https://api.example',
    });
  });

  test.each(Object.keys(complete))('without %s', (name) => {
    expect(() => readAdminSettings({ ...complete, [name]: undefined })).toThrow(name);
  });

  test.each(['OPENTRAIN_BASE_URL', 'WEBHOOK_BASE_URL'])('%s that is not https', (name) => {
    const settings = { ...complete, [name]: 'http://api.example' };
    expect(() => readAdminSettings(settings)).toThrow(ConfigurationError);
    expect(() => readAdminSettings(settings)).toThrow(`${name} must begin with https`);
  });
});
