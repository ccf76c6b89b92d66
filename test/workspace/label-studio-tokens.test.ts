import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TokenSource } from '../../shared/bearer-fetch.ts';
import {
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
} from '../../shared/workspace/errors.ts';
import {
  createLabelStudioWorkspace,
  type LabelStudioWorkspaceOptions,
} from '../../shared/workspace/label-studio/label-studio-workspace.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { failureOf } from '../conformance/observe.ts';
import { type ScriptedServer, type Step, startScriptedServer } from '../opentrain/scripted-server.ts';

const ACCESS_SECONDS = 300;
const MARGIN_SECONDS = 60;

let server: ScriptedServer;
let now: number;

beforeEach(async () => {
  server = await startScriptedServer();
  now = Date.UTC(2026, 10, 21);
});
afterEach(() => server.close());

describe('a personal access token', () => {
  test('is exchanged once, and the access token signs every request until shortly before its end', async () => {
    const pat = jwt('refresh', 'pat');
    const access = jwt('access', 'a');
    server.script(exchanged(access), whoAmI, version, whoAmI, version);
    const workspace = workspaceWith(async () => pat);
    await workspace.ping();
    now += (ACCESS_SECONDS - MARGIN_SECONDS) * 1000 - 1;
    await workspace.ping();
    expect(signatures()).toEqual([
      ['/api/token/refresh/', ''],
      ...Array.from({ length: 2 }, () => [
        ['/api/current-user/whoami', `Bearer ${access}`],
        ['/api/version/', `Bearer ${access}`],
      ]).flat(),
    ]);
    expect(server.received[0]).toMatchObject({ method: 'POST', body: { refresh: pat } });
  });

  test('is exchanged again a minute before the access token ends', async () => {
    const [early, late] = [jwt('access', 'early'), jwt('access', 'late')];
    server.script(exchanged(early), whoAmI, version, exchanged(late), whoAmI, version);
    const workspace = workspaceWith(async () => jwt('refresh', 'pat'));
    await workspace.ping();
    now += (ACCESS_SECONDS - MARGIN_SECONDS) * 1000;
    await workspace.ping();
    expect(signatures().map(([, signature]) => signature)).toEqual([
      '',
      `Bearer ${early}`,
      `Bearer ${early}`,
      '',
      `Bearer ${late}`,
      `Bearer ${late}`,
    ]);
  });

  test('is exchanged by one request, however many calls wait for it', async () => {
    server.script(exchanged(jwt('access', 'a')), ...Array.from({ length: 6 }, () => anyAnswer));
    const workspace = workspaceWith(async () => jwt('refresh', 'pat'));
    await Promise.all([workspace.ping(), workspace.ping(), workspace.ping()]);
    expect(signatures().filter(([path]) => path === '/api/token/refresh/')).toHaveLength(1);
  });

  test('is exchanged again, once, when the access token is refused', async () => {
    const [refused, taken] = [jwt('access', 'refused'), jwt('access', 'taken')];
    server.script(exchanged(refused), unauthorized, exchanged(taken), whoAmI, version);
    await workspaceWith(async () => jwt('refresh', 'pat')).ping();
    expect(signatures().map(([, signature]) => signature)).toEqual([
      '',
      `Bearer ${refused}`,
      '',
      `Bearer ${taken}`,
      `Bearer ${taken}`,
    ]);
  });

  test('whose access tokens are refused twice in a row is forbidden', async () => {
    server.script(exchanged(jwt('access', 'a')), unauthorized, exchanged(jwt('access', 'b')), unauthorized);
    const error = await failureOf(workspaceWith(async () => jwt('refresh', 'pat')).ping());
    expect(error).toBeInstanceOf(WorkspaceForbiddenError);
    expect(server.received).toHaveLength(4);
  });

  test('that was rotated is read anew when the old one is no longer taken', async () => {
    const [old, fresh] = [jwt('refresh', 'old'), jwt('refresh', 'fresh')];
    server.script(unauthorized, exchanged(jwt('access', 'a')), whoAmI, version);
    let cached = old;
    const source: TokenSource = async (options) => {
      if (options?.refresh) cached = fresh;
      return cached;
    };
    await workspaceWith(source).ping();
    expect(server.received.map(({ body }) => body).slice(0, 2)).toEqual([{ refresh: old }, { refresh: fresh }]);
  });

  test('that is dead is forbidden after one exchange, and nothing is told of it', async () => {
    const pat = jwt('refresh', 'dead');
    server.script(unauthorized);
    const error = await failureOf(workspaceWith(async () => pat).ping());
    expect(error).toBeInstanceOf(WorkspaceForbiddenError);
    expect(error.message).toContain('personal access token');
    expect(error.message).not.toContain(pat);
    expect(server.received).toHaveLength(1);
  });

  test('cannot be exchanged just now: the same classes as for every other call', async () => {
    const workspace = workspaceWith(async () => jwt('refresh', 'pat'));
    server.script({ status: 429, headers: { 'retry-after': '7' } });
    expect(await failureOf(workspace.ping())).toMatchObject({
      constructor: WorkspaceRateLimitedError,
      retryAfterSeconds: 7,
    });
    server.script('hang-up');
    expect((await failureOf(workspace.ping())).constructor).toBe(WorkspaceUnavailableError);
    server.script('silence');
    expect((await failureOf(workspace.ping())).constructor).toBe(WorkspaceUnavailableError);
    server.script(exchanged(jwt('access', 'a')), whoAmI, version);
    expect(await workspace.ping()).toEqual({ name: 'Label Studio', version: '1.23.2' });
  });

  test('whoever gives up waiting for the exchange does not end it for the others', async () => {
    server.script('silence');
    const workspace = workspaceWith(async () => jwt('refresh', 'pat'), { timeoutMilliseconds: 60_000 });
    const startedAt = performance.now();
    const error = await failureOf(workspace.ping(AbortSignal.timeout(50)));
    expect(error).toBeInstanceOf(WorkspaceUnavailableError);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('a legacy token', () => {
  test('signs requests as it is', async () => {
    server.script(whoAmI, version);
    await workspaceWith(async () => 'f00d'.repeat(10)).ping();
    expect(signatures().map(([, signature]) => signature)).toEqual(Array(2).fill(`Token ${'f00d'.repeat(10)}`));
  });

  test('that the organisation has switched off is forbidden, and the message says where to switch it on', async () => {
    const detail = 'Authentication token no longer valid: legacy token authentication has been disabled';
    server.script({ status: 401, body: { status_code: 401, detail } });
    const error = await failureOf(workspaceWith(async () => 'f00d'.repeat(10)).ping());
    expect(error).toBeInstanceOf(WorkspaceForbiddenError);
    expect(error.message).toContain('switch legacy tokens on');
  });
});

test('the token of another member than the owner is refused before anybody is let in', async () => {
  server.script({
    status: 200,
    body: { ...OWNER, email: 'member@acme.example' },
  });
  const trainer = { opentrainUserId: 'u-maria', workEmail: 'maria@opentrain.work', displayName: 'Maria S.' };
  const workspace = workspaceWith(async () => 'f00d'.repeat(10));
  const error = await failureOf(workspace.ensureAccess(trainer as never, { projectId: '*' as never }));
  expect(error).toBeInstanceOf(WorkspaceForbiddenError);
  expect(error.message).toContain('The token must be the organisation owner’s');
  expect(server.received).toHaveLength(1);
});

test('another server at the base URL is not taken for Label Studio', async () => {
  server.script({ status: 200, body: '<!doctype html>' });
  const error = await failureOf(workspaceWith(async () => 'f00d'.repeat(10)).ping());
  expect(error).toBeInstanceOf(WorkspaceRejectedError);
  expect(error.message).toContain('base URL');
});

const OWNER = {
  id: 1,
  email: 'owner@acme.example',
  active_organization: 1,
  active_organization_meta: { email: 'owner@acme.example' },
};
const whoAmI: Step = { status: 200, body: OWNER };
const version: Step = { status: 200, body: { release: '1.23.2' } };
/** For calls that come in any order. */
const anyAnswer: Step = { status: 200, body: { ...OWNER, release: '1.23.2' } };
const unauthorized: Step = { status: 401, body: { status_code: 401, detail: 'Token is invalid' } };
const exchanged = (access: string): Step => ({ status: 200, body: { access } });

/** With a clock of its own, an hour ahead of the server's: only lifetimes may count. */
function jwt(type: 'access' | 'refresh', id: string): string {
  const iat = Math.floor(now / 1000) - 3_600;
  const exp = iat + (type === 'access' ? ACCESS_SECONDS : 6_307_200_000);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ token_type: type, iat, exp, jti: id })}.c2lnbmF0dXJl`;
}

const workspaceWith = (token: TokenSource, options: Partial<LabelStudioWorkspaceOptions> = {}): Workspace =>
  createLabelStudioWorkspace({
    baseUrl: server.url,
    token,
    clock: { now: () => now },
    timeoutMilliseconds: 500,
    ...options,
  });

const signatures = () => server.received.map(({ path, authorization }) => [path, authorization]);
