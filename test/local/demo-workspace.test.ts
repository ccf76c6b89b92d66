import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';

let demo: DemoWorkspace;

beforeEach(async () => {
  demo = await startDemoWorkspace({ clock: { now: () => Date.parse('2026-10-01T12:00:00Z') } });
});
afterEach(() => demo.close());

describe('the page', () => {
  test('without projects says what will appear here', async () => {
    expect(await page()).toContain('No projects yet');
  });

  test('shows who is in which project, and what they are told', async () => {
    demo.addProject('signs', 'Street signs');
    demo.addMemberByHand('signs', maria);
    await call('PUT', '/projects/signs/notice', {
      state: 'LOW',
      text: 'One fifth is left.',
      url: 'https://pay.example/1',
    });
    const html = await page();
    for (const text of [
      'Street signs',
      'Maria S.',
      'maria@opentrain.work',
      'u-maria',
      'One fifth is left.',
      '12:00:00',
    ]) {
      expect(html).toContain(text);
    }
    expect(html).toContain('href="https://pay.example/1"');
  });

  test('says so when nobody is in a project any more', async () => {
    demo.addMemberByHand('signs', maria);
    demo.removeMemberByHand('signs', 'u-maria');
    expect(await page()).toContain('Nobody is in this project');
  });

  test('shows markup in names and notices as text, and makes no link of a script', async () => {
    const attack = '<img src=x onerror=alert(1)>"\'';
    demo.addProject(`${attack}`, attack);
    demo.addMemberByHand(attack, { ...maria, displayName: attack });
    const path = `/projects/${encodeURIComponent(attack)}/notice`;
    expect((await call('PUT', path, { state: 'LOW', text: attack, url: 'javascript:alert(1)' })).status).toBe(204);
    const html = await page();
    expect(html).not.toContain('<img');
    expect(html).not.toContain('javascript:');
  });

  test('allows no script but its own', async () => {
    const policy = (await fetch(demo.url)).headers.get('content-security-policy');
    expect(policy).toMatch(/default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'/);
  });

  test('lets a visitor write down hours for a member, which count on that day', async () => {
    demo.addMemberByHand('signs', maria);
    expect(await page()).toContain('aria-label="Hours that Maria S. works"');
    const answer = await work({ project: 'signs', member: 'member-1', hours: '7.5' });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/']);
    await work({ project: 'signs', member: 'member-1', hours: '1' });
    const query = '?from=2026-10-01T00:00:00Z&to=2026-10-01T12:00:01Z';
    const { totals } = (await (await call('GET', `/projects/signs/daily-totals${query}`)).json()) as {
      totals: object[];
    };
    expect(totals).toEqual([
      { opentrainUserId: 'u-maria', memberId: 'member-1', workDate: '2026-10-01', seconds: 30_600 },
    ]);
    expect(await page()).toContain('Maria S. worked 7.5 h in signs');
    expect((await work({ project: 'signs', member: 'member-1', hours: '16' })).status).toBe(400);
  });

  test.each([
    ['a project that is not there', { project: 'lanes' }],
    ['somebody who is not in it', { member: 'member-2' }],
    ['no hours', { hours: '0' }],
    ['more hours than a day has', { hours: '24.5' }],
    ['no number', { hours: 'many' }],
    ['somebody who is no trainer', { member: 'member-2', project: 'faces' }],
  ])('takes no hours for %s', async (_, wrong) => {
    demo.addMemberByHand('signs', maria);
    demo.addMemberByHand('faces', { workEmail: 'anna@opentrain.work', displayName: 'Anna B.' });
    expect((await work({ project: 'signs', member: 'member-1', hours: '1', ...wrong })).status).toBe(400);
  });

  test('has its data at /state', async () => {
    demo.addMemberByHand('signs', maria);
    expect(await (await fetch(`${demo.url}/state`)).json()).toEqual({
      projects: [{ projectId: 'signs', name: 'signs', members: [{ memberId: 'member-1', ...maria }], notice: null }],
      requests: 0,
    });
  });
});

describe('the contract', () => {
  test.each([
    ['a private address', { workEmail: 'maria@gmail.com', displayName: 'Maria S.' }],
    ['an address that only looks managed', { workEmail: 'maria@opentrain.work.evil.example', displayName: 'M' }],
    ['no address', { displayName: 'Maria S.' }],
    ['a field that it does not know', { workEmail: 'maria@opentrain.work', displayName: 'M', admin: true }],
    ['no JSON', 'workEmail=maria'],
  ])('refuses a member with %s, without repeating it', async (_, body) => {
    const answer = await call('PUT', '/projects/signs/members/u-maria', body);
    expect(answer.status).toBe(400);
    expect(await answer.text()).not.toContain('maria');
    expect(demo.membersOf('signs')).toEqual([]);
  });

  test('lists nobody of the staff, and of a trainer no private address', async () => {
    demo.addMemberByHand('signs', { workEmail: 'boss@acme.example', displayName: 'Boss' });
    demo.addMemberByHand('signs', maria);
    demo.addMemberByHand('signs', { workEmail: 'li@opentrain.work', displayName: 'Li' });
    demo.addMemberByHand('signs', { ...maria, workEmail: 'maria@acme.example' });
    const first = await call('GET', '/projects/signs/members?limit=1');
    expect([first.status, await first.json()]).toEqual([
      200,
      { members: [{ memberId: 'member-2', opentrainUserId: 'u-maria' }], nextCursor: '1' },
    ]);
    const second = await call('GET', '/projects/signs/members?limit=1&cursor=1');
    expect(await second.json()).toEqual({
      members: [{ memberId: 'member-3', workEmail: 'li@opentrain.work' }],
      nextCursor: null,
    });
    expect(demo.membersOf('signs')).toEqual(['boss@acme.example', 'li@opentrain.work', 'maria@acme.example']);
  });

  test('finds an account under its new address, and no longer under the old one', async () => {
    const memberId = demo.addMemberByHand('signs', maria);
    expect(demo.addMemberByHand('signs', { ...maria, workEmail: 'm@opentrain.work' })).toBe(memberId);
    const { workEmail, displayName } = maria;
    expect(demo.addMemberByHand('signs', { workEmail: 'm@opentrain.work', displayName })).toBe(memberId);
    expect(demo.addMemberByHand('signs', { workEmail, displayName })).not.toBe(memberId);
  });

  test.each([
    '/projects/signs/daily-totals',
    '/projects/signs/daily-totals?from=yesterday&to=2026-10-01T00:00:00Z',
    '/projects/signs/members?limit=201',
    '/projects/signs/members?limit=many',
  ])('refuses GET %s', async (path) => {
    expect((await call('GET', path)).status).toBe(400);
  });

  test.each([
    ['GET', '/projects/signs', 404],
    ['POST', '/projects/signs/members', 405],
  ])('has no %s %s', async (method, path, status) => {
    expect((await call(method, path)).status).toBe(status);
  });

  test.each(['', 'Bearer', 'Bearer wrong', 'Basic abc'])('lets nobody in with "%s"', async (authorization) => {
    const answer = await fetch(`${demo.url}/workspace`, { headers: authorization === '' ? {} : { authorization } });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: 'UNAUTHORIZED' });
  });

  test('knows only the projects that were added, when it is told to be strict', async () => {
    await demo.close();
    demo = await startDemoWorkspace({ strictProjects: true });
    const body = { workEmail: 'maria@opentrain.work', displayName: 'Maria S.' };
    const refused = await call('PUT', '/projects/signs/members/u-maria', body);
    expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'PROJECT_UNKNOWN' }]);
    demo.addProject('signs');
    expect((await call('PUT', '/projects/signs/members/u-maria', body)).status).toBe(201);
  });

  test('makes one account of two calls for the same person at once', async () => {
    const body = { workEmail: 'maria@opentrain.work', displayName: 'Maria S.' };
    const answers = await Promise.all([
      call('PUT', '/projects/signs/members/u-maria', body),
      call('PUT', '/projects/faces/members/u-maria', body),
    ]);
    const members = await Promise.all(answers.map((answer) => answer.json() as Promise<{ memberId: string }>));
    expect(new Set(members.map(({ memberId }) => memberId)).size).toBe(1);
  });

  test('counts the calls by operation, so that a benchmark can too', async () => {
    await call('GET', '/workspace');
    await call('DELETE', '/projects/signs/members/u-maria');
    await call('DELETE', '/projects/signs/notice');
    expect(demo.requests.log.map(({ operationId, status }) => `${operationId} ${status}`)).toEqual([
      'getWorkspace 200',
      'deleteMember 404',
      'deleteNotice 204',
    ]);
    expect(demo.requests.of('deleteMember')).toBe(1);
  });
});

const maria = { opentrainUserId: 'u-maria', workEmail: 'maria@opentrain.work', displayName: 'Maria S.' };

async function page(): Promise<string> {
  return (await fetch(demo.url)).text();
}

function work(fields: Record<string, string>): Promise<Response> {
  return fetch(`${demo.url}/work`, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
}

function call(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`${demo.url}${path}`, { method, headers, ...(body === undefined ? {} : { body: text }) });
}
