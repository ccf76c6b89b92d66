import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type DemoWorkspace,
  type DemoWorkspaceOptions,
  startDemoWorkspace,
} from '../../local/workspace/demo-workspace.ts';
import { ConfigurationError } from '../../shared/errors.ts';
import type { MemberId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import {
  NeedsPersonError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../../shared/workspace/errors.ts';
import { createHttpWorkspace, type HttpWorkspaceOptions } from '../../shared/workspace/http/http-workspace.ts';
import type { DailyTotal, Member, Trainer, Workspace } from '../../shared/workspace/port.ts';

const project = { projectId: 'street-signs' as ProjectId };
const other = { projectId: 'faces/2026 & more' as ProjectId };

let demo: DemoWorkspace;
let workspace: Workspace;

beforeEach(async () => {
  demo = await startDemoWorkspace();
  workspace = adapterTo(demo);
});
afterEach(() => demo.close());

describe('access', () => {
  test('a trainer who gets access is in the project under their Work Email', async () => {
    const member = await workspace.ensureAccess(maria, project);
    expect(member).toEqual({ memberId: 'member-1', opentrainUserId: 'u-maria', workEmail: 'maria@opentrain.work' });
    expect(demo.membersOf(project.projectId)).toEqual(['maria@opentrain.work']);
  });

  test('granting twice changes nothing and costs one request each time', async () => {
    const first = await workspace.ensureAccess(maria, project);
    expect(await workspace.ensureAccess(maria, project)).toEqual(first);
    expect(demo.membersOf(project.projectId)).toEqual(['maria@opentrain.work']);
    expect(demo.requests.log.map(({ operationId, status }) => [operationId, status])).toEqual([
      ['putMember', 201],
      ['putMember', 200],
    ]);
  });

  test('revoking twice is fine and costs one request each time', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    await workspace.revokeAccess(member, project);
    expect(demo.membersOf(project.projectId)).toEqual([]);
    expect(demo.requests.of('deleteMember')).toBe(2);
  });

  test('revoking in one project leaves the other project alone', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.ensureAccess(maria, other);
    await workspace.revokeAccess(member, project);
    expect(demo.membersOf(other.projectId)).toEqual(['maria@opentrain.work']);
  });

  test('a trainer who comes back is the same member as before', async () => {
    const before = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(before, project);
    expect(await workspace.ensureAccess(maria, project)).toEqual(before);
  });

  test('a trainer whose Work Email changed keeps their account', async () => {
    const before = await workspace.ensureAccess(maria, project);
    const after = await workspace.ensureAccess({ ...maria, workEmail: 'maria.s@opentrain.work' as WorkEmail }, project);
    expect(after.memberId).toBe(before.memberId);
    expect(demo.membersOf(project.projectId)).toEqual(['maria.s@opentrain.work']);
  });

  test('whoever has no opentrainUserId can be removed by a person only, and the steps say how', async () => {
    const member: Member = { memberId: 'member-9' as MemberId };
    const error = await failureOf(workspace.revokeAccess(member, project));
    expect(error).toBeInstanceOf(NeedsPersonError);
    expect((error as NeedsPersonError).steps.join(' ')).toContain('member-9');
    expect(demo.requests.count).toBe(0);
  });

  test.each(['.', '..', ''])(
    'a project id "%s", which a URL would swallow, is refused before anything is sent',
    async (id) => {
      await expect(workspace.ensureAccess(maria, { projectId: id as ProjectId })).rejects.toThrow(
        WorkspaceRejectedError,
      );
      expect(demo.requests.count).toBe(0);
    },
  );
});

describe('reading', () => {
  test('everybody is listed over as many pages as it takes', async () => {
    await restart({ pageRows: 2 });
    for (const trainer of [maria, kofi, trainerCalled('ana'), trainerCalled('li'), trainerCalled('sam')]) {
      await workspace.ensureAccess(trainer, project);
    }
    const members = await collect(workspace.listAccess(project));
    expect(members.map(({ opentrainUserId }) => opentrainUserId)).toEqual([
      'u-maria',
      'u-kofi',
      'u-ana',
      'u-li',
      'u-sam',
    ]);
    expect(demo.requests.of('listMembers')).toBe(3);
  });

  test('a project without members is one empty page', async () => {
    expect(await collect(workspace.listAccess(project))).toEqual([]);
    expect(demo.requests.of('listMembers')).toBe(1);
  });

  test('whoever was added by hand is listed without an opentrainUserId', async () => {
    const memberId = demo.addMemberByHand(project.projectId, { workEmail: 'li@opentrain.work', displayName: 'Li' });
    expect(await collect(workspace.listAccess(project))).toEqual([{ memberId, workEmail: 'li@opentrain.work' }]);
  });

  test('a private address in a list goes no further than the adapter', async () => {
    const adapter = adapterAnswering({
      members: [{ memberId: 'm1', workEmail: 'boss@acme.example' }],
      nextCursor: null,
    });
    expect(await collect(adapter.listAccess(project))).toEqual([{ memberId: 'm1' }]);
  });

  test('work across midnight UTC counts on both days', async () => {
    await workspace.ensureAccess(maria, project);
    demo.recordWork({
      trainer: 'u-maria',
      project: 'street-signs',
      at: utc('2026-10-01T23:30'),
      seconds: 3600,
      labels: 40,
    });
    expect(await totals('2026-10-01', '2026-10-03')).toEqual([
      { ...ofMaria, workDate: '2026-10-01', seconds: 1800 },
      { ...ofMaria, workDate: '2026-10-02', seconds: 1800, labels: 40 },
    ]);
  });

  test('only work within the window counts, the first instant included and the last one not', async () => {
    await workspace.ensureAccess(maria, project);
    demo.recordWork({ trainer: 'u-maria', project: 'street-signs', at: utc('2026-10-01T11:00'), seconds: 7200 });
    demo.recordWork({ trainer: 'u-maria', project: 'street-signs', at: utc('2026-10-01T12:00'), tasks: 1 });
    demo.recordWork({ trainer: 'u-maria', project: 'street-signs', at: utc('2026-10-01T12:30'), tasks: 5 });
    expect(await totals('2026-10-01T12:00', '2026-10-01T12:30')).toEqual([
      { ...ofMaria, workDate: '2026-10-01', seconds: 1800, tasks: 1 },
    ]);
  });

  test('the work of a trainer who has left still counts, over several pages', async () => {
    await restart({ pageRows: 1 });
    const member = await workspace.ensureAccess(maria, project);
    for (const day of ['01', '02', '03']) {
      demo.recordWork({ trainer: 'u-maria', project: 'street-signs', at: utc(`2026-10-${day}T09:00`), seconds: 60 });
    }
    await workspace.revokeAccess(member, project);
    const days = await totals('2026-10-01', '2026-10-08');
    expect(days.map(({ workDate }) => workDate)).toEqual(['2026-10-01', '2026-10-02', '2026-10-03']);
    expect(demo.requests.of('listDailyTotals')).toBe(3);
  });

  test('a day that is out of range is passed on, so that the usage rules set aside that one alone', async () => {
    const row = { opentrainUserId: 'u-maria', workDate: '2026-10-01', seconds: 90_000 };
    const adapter = adapterAnswering({ totals: [row], nextCursor: null });
    const query = { project, from: utc('2026-10-01T00:00'), to: utc('2026-10-02T00:00') };
    const [total] = await collect(adapter.dailyTotals(query));
    expect(total?.seconds).toBe(90_000);
  });

  test('a cursor that leads in a circle ends with an error, not never', async () => {
    const adapter = adapterAnswering({ members: [], nextCursor: 'again' });
    await expect(collect(adapter.listAccess(project))).rejects.toThrow(/nextCursor/);
  });

  test('ping tells the platform’s name and version', async () => {
    expect(await workspace.ping()).toEqual({ name: 'Demo workspace', version: '1.0.0' });
  });
});

describe('the notice', () => {
  test('is shown, replaced and taken away, and taking it away twice is fine', async () => {
    await workspace.setNotice?.(project, {
      state: 'LOW',
      text: 'One fifth is left.',
      url: 'https://app.opentrain.ai/jobs/1',
    });
    await workspace.setNotice?.(project, { state: 'DEPLETED', text: 'Nothing is left.' });
    expect(demo.noticeOf(project.projectId)).toEqual({ state: 'DEPLETED', text: 'Nothing is left.' });
    await workspace.setNotice?.(project, null);
    await workspace.setNotice?.(project, null);
    expect(demo.noticeOf(project.projectId)).toBeUndefined();
  });
});

describe('what an answer means', () => {
  const meanings = [
    { statuses: [408, 425, 500, 502, 503, 504], expected: WorkspaceUnavailableError },
    { statuses: [429], expected: WorkspaceRateLimitedError },
    { statuses: [401, 403], expected: WorkspaceForbiddenError },
    { statuses: [302, 400, 404, 405, 409, 413, 422], expected: WorkspaceRejectedError },
    { statuses: [501], expected: WorkspaceUnsupportedError },
  ].flatMap(({ statuses, expected }) => statuses.map((status) => ({ status, expected })));

  test.each(meanings)('$status is a $expected.name', async ({ status, expected }) => {
    demo.respondNext(status, { location: demo.url }, 3);
    const calls = [
      () => workspace.ensureAccess(maria, project),
      () => workspace.revokeAccess(maria, project),
      () => collect(workspace.listAccess(project)),
    ];
    for (const call of calls) {
      const error = await failureOf(call());
      expect(error.constructor).toBe(expected);
      expect(error.message).toContain(String(status));
    }
    expect(demo.requests.count).toBe(3);
  });

  test.each([
    ['120', 120],
    ['Thu, 01 Oct 2026 12:05:00 GMT', 300],
    ['soon', undefined],
  ])('Retry-After "%s" is carried as %o seconds', async (header, seconds) => {
    const adapter = adapterTo(demo, { clock: { now: () => utc('2026-10-01T12:00') } });
    demo.respondNext(429, { 'retry-after': header });
    const error = await failureOf(adapter.ensureAccess(maria, project));
    expect((error as WorkspaceRateLimitedError).retryAfterSeconds).toBe(seconds);
  });

  test('a rate limit of the platform carries the seconds that are left', async () => {
    demo.rateLimit({ calls: 1, perSeconds: 60 });
    await workspace.ping();
    const error = await failureOf(workspace.ping());
    expect(error).toBeInstanceOf(WorkspaceRateLimitedError);
    expect((error as WorkspaceRateLimitedError).retryAfterSeconds).toBeGreaterThan(50);
  });

  test('a project that never was is refused on removal too, and the message says where to look', async () => {
    await restart({ strictProjects: true });
    const error = await failureOf(workspace.revokeAccess(maria, project));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expect(error.message).toContain('externalProjectId');
  });

  test('a 404 of a gateway is not taken for a removal', async () => {
    const adapter = adapterAnswering('<h1>Not Found</h1>', 404);
    await expect(adapter.revokeAccess(maria, project)).rejects.toThrow(WorkspaceRejectedError);
  });

  test('an address that is taken by another trainer’s account is refused', async () => {
    await workspace.ensureAccess(maria, project);
    const impostor = { ...kofi, workEmail: maria.workEmail };
    await expect(workspace.ensureAccess(impostor, project)).rejects.toThrow(/409 .*Two accounts/s);
  });

  test.each([
    ['no JSON', '<html>Sign in</html>'],
    ['nothing', ''],
    ['a list', []],
    ['no memberId', { opentrainUserId: 'u-maria', workEmail: 'maria@opentrain.work' }],
    ['a number as memberId', { memberId: 7, opentrainUserId: 'u-maria', workEmail: 'maria@opentrain.work' }],
    ['somebody else', { memberId: 'm1', opentrainUserId: 'u-kofi', workEmail: 'kofi@opentrain.work' }],
    ['another address', { memberId: 'm1', opentrainUserId: 'u-maria', workEmail: 'maria@gmail.com' }],
  ])('an answer of 200 that holds %s is refused', async (_, body) => {
    await expect(adapterAnswering(body).ensureAccess(maria, project)).rejects.toThrow(/makes no sense/);
  });

  test('a sign-in page instead of 204 is not taken for a removal', async () => {
    const adapter = adapterAnswering('<html>Sign in</html>');
    await expect(adapter.revokeAccess(maria, project)).rejects.toThrow(WorkspaceRejectedError);
  });

  test('an outage ends when it ends: the same call works afterwards', async () => {
    demo.outage(true);
    await expect(workspace.ensureAccess(maria, project)).rejects.toThrow(WorkspaceUnavailableError);
    demo.outage(false);
    await workspace.ensureAccess(maria, project);
    expect(demo.membersOf(project.projectId)).toEqual(['maria@opentrain.work']);
  });

  test('no answer in time is unavailable, for the slow project only', async () => {
    demo.slow(5_000, { projectId: project.projectId });
    const hasty = adapterTo(demo, { timeoutMilliseconds: 50 });
    const error = await failureOf(hasty.ensureAccess(maria, project));
    expect(error).toBeInstanceOf(WorkspaceUnavailableError);
    expect(error.message).toContain('took too long');
    await adapterTo(demo).ensureAccess(maria, other);
  });

  test('a caller that stops waiting is let go at once', async () => {
    demo.slow(5_000);
    const stopping = new AbortController();
    const call = workspace.ensureAccess(maria, project, stopping.signal);
    stopping.abort();
    const error = await failureOf(call);
    expect(error).toBeInstanceOf(WorkspaceUnavailableError);
    expect(error.message).toContain('the caller stopped waiting');
  });

  test('a platform that nobody runs is unavailable', async () => {
    await demo.close();
    await expect(workspace.ensureAccess(maria, project)).rejects.toThrow(WorkspaceUnavailableError);
  });
});

describe('the token', () => {
  test('that was rotated is read again once, and the call succeeds', async () => {
    const asked: (boolean | undefined)[] = [];
    const old = demo.token;
    const adapter = adapterTo(demo, {
      token: async (options) => {
        asked.push(options?.refresh);
        return options?.refresh ? demo.token : old;
      },
    });
    demo.rotateToken();
    await adapter.ensureAccess(maria, project);
    expect(asked).toEqual([undefined, true]);
    expect(demo.requests.log.map(({ status }) => status)).toEqual([401, 201]);
  });

  test('that stays wrong is forbidden, without asking the platform again with the same one', async () => {
    demo.rotateToken();
    const adapter = adapterTo(demo, { token: async () => 'an-old-one' });
    await expect(adapter.ensureAccess(maria, project)).rejects.toThrow(WorkspaceForbiddenError);
    expect(demo.requests.count).toBe(1);
  });

  test('that cannot be read makes the workspace unavailable, and nothing is sent', async () => {
    const adapter = adapterTo(demo, { token: async () => Promise.reject(new Error('throttled')) });
    const error = await failureOf(adapter.ensureAccess(maria, project));
    expect(error).toBeInstanceOf(WorkspaceUnavailableError);
    expect(error.message).toContain('Nothing was sent');
    expect(demo.requests.count).toBe(0);
  });

  test.each(['', 'two words', 'with-an-end\n'])('%j is not sent, since it cannot be one', async (text) => {
    const adapter = adapterTo(demo, { token: async () => text });
    await expect(adapter.ping()).rejects.toThrow(/Store it again/);
    expect(demo.requests.count).toBe(0);
  });

  test.each([
    'http://annotation.example',
    'http://localhost.evil.example',
    'ftp://annotation.example',
    'https://admin:pass@annotation.example',
    'https://annotation.example/?token=x',
    'annotation.example',
  ])('is never sent to %s', (baseUrl) => {
    expect(() => adapterTo(demo, { baseUrl })).toThrow(ConfigurationError);
  });

  test.each([
    'https://annotation.example/opentrain/v1/',
    'http://localhost:3000',
    'http://127.0.0.1:3000',
    'http://[::1]:3000',
  ])('may be sent to %s', (baseUrl) => {
    expect(() => adapterTo(demo, { baseUrl })).not.toThrow();
  });
});

test('no error tells a token or a Work Email, even when the platform repeats both', async () => {
  const gossip = { error: `Bearer ${demo.token} of maria@opentrain.work is wrong`, code: 'BAD_REQUEST' };
  for (const status of [302, 400, 401, 403, 404, 409, 429, 500, 501]) {
    const adapter = adapterAnswering(gossip, status);
    const error = await failureOf(adapter.ensureAccess(maria, project));
    expect(toldBy(error)).not.toMatch(/maria@|demo_/);
  }
  for (const body of ['maria@opentrain.work', { memberId: ['maria@opentrain.work'] }]) {
    const error = await failureOf(adapterAnswering(body).ensureAccess(maria, project));
    expect(toldBy(error)).not.toMatch(/maria@|demo_/);
  }
});

test('no Work Email is ever part of a URL', async () => {
  const urls: string[] = [];
  const adapter = adapterTo(demo, {
    fetch: async (request, init) => {
      urls.push((request as Request).url);
      return fetch(request, init);
    },
  });
  const member = await adapter.ensureAccess(maria, other);
  await collect(adapter.listAccess(other));
  await adapter.revokeAccess(member, other);
  expect(urls).toHaveLength(3);
  expect(urls.map(decodeURIComponent).join()).not.toContain('@');
  expect(urls[0]).toBe(`${demo.url}/projects/faces%2F2026%20%26%20more/members/u-maria`);
});

const maria = trainerCalled('maria');
const kofi = trainerCalled('kofi');
const ofMaria = { project, member: { opentrainUserId: 'u-maria', memberId: 'member-1' } };

function trainerCalled(name: string): Trainer {
  return {
    opentrainUserId: `u-${name}` as TrainerId,
    workEmail: `${name}@opentrain.work` as WorkEmail,
    displayName: `${name} S.`,
  };
}

function adapterTo(platform: DemoWorkspace, options: Partial<HttpWorkspaceOptions> = {}): Workspace {
  return createHttpWorkspace({ baseUrl: platform.url, token: async () => platform.token, ...options });
}

/** A platform that answers everything with the same body: for what the demo workspace is too honest to send. */
function adapterAnswering(body: unknown, status = 200): Workspace {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return adapterTo(demo, { fetch: async () => new Response(text, { status }) });
}

async function restart(options: DemoWorkspaceOptions): Promise<void> {
  await demo.close();
  demo = await startDemoWorkspace(options);
  workspace = adapterTo(demo);
}

async function collect<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof Error) return outcome;
  throw new Error('expected the call to fail');
}

/** All that an error could put into a log, causes included. */
function toldBy(error: Error): string {
  const cause = error.cause instanceof Error ? toldBy(error.cause) : '';
  return `${error.stack} ${error.message} ${JSON.stringify(error)} ${cause}`;
}

function totals(from: string, to: string): Promise<DailyTotal[]> {
  return collect(workspace.dailyTotals({ project, from: Date.parse(`${from}Z`), to: Date.parse(`${to}Z`) }));
}

/** Milliseconds since the epoch of a minute in UTC, such as "2026-10-01T12:00". */
function utc(minute: string): number {
  return Date.parse(`${minute}Z`);
}
