import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigurationError } from '../../shared/errors.ts';
import type { MemberId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import {
  NeedsPersonError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../../shared/workspace/errors.ts';
import type { Member, ProjectRef, Trainer, Workspace } from '../../shared/workspace/port.ts';
import { createScimWorkspace, type ScimWorkspaceOptions } from '../../shared/workspace/scim/scim-workspace.ts';
import { collect, expectToldNothingOf, failureOf } from '../conformance/observe.ts';
import { type ScimServer, type ScimServerOptions, startScimServer } from '../conformance/scim-server.ts';

const maria: Trainer = {
  opentrainUserId: 'u-maria' as TrainerId,
  workEmail: 'maria@opentrain.work' as WorkEmail,
  displayName: 'Maria S.',
};

let server: ScimServer;
let workspace: Workspace;
let project: ProjectRef;
let sent: Sent[];

beforeEach(() => start());
afterEach(() => server.close());

describe('what is sent', () => {
  test('a new account has the Work Email as userName and e-mail, and the opentrainUserId as externalId', async () => {
    await workspace.ensureAccess(maria, project);
    expect(bodyOf('POST')).toEqual({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'maria@opentrain.work',
      name: { givenName: 'Maria', familyName: 'S.' },
      emails: [{ value: 'maria@opentrain.work', type: 'work', primary: true }],
      active: true,
      externalId: 'u-maria',
    });
  });

  test('members are added and removed, and accounts switched off, by PATCH in the form of the RFC', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    expect(sent.filter(({ method }) => method === 'PATCH').map(({ body }) => body)).toEqual([
      patch({ op: 'add', path: 'members', value: [{ value: member.memberId }] }),
      patch({ op: 'remove', path: `members[value eq "${member.memberId}"]` }),
      patch({ op: 'replace', path: 'active', value: false }),
    ]);
    for (const { headers } of sent) expect(headers.get('accept')).toContain('application/scim+json');
  });

  test('ServiceProviderConfig is asked for once, and only when something is to be written', async () => {
    const asked = () => sent.filter(({ path }) => path.endsWith('/ServiceProviderConfig')).length;
    await workspace.revokeAccess(maria, project);
    expect(asked()).toBe(0);
    await workspace.revokeAccess(await workspace.ensureAccess(maria, project), project);
    expect(asked()).toBe(1);
  });

  test('a PUT of a group keeps its name and its other members, and leaves out what the server keeps itself', async () => {
    await start({ groupPatch: 'no' });
    server.replaceMembers(project.projectId, ['somebody']);
    await workspace.ensureAccess(maria, project);
    expect(bodyOf('PUT')).toMatchObject({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
      displayName: 'Street signs',
      members: [{ value: 'somebody' }, { value: expect.any(String) }],
    });
    expect(bodyOf('PUT')).not.toHaveProperty('meta');
  });

  test('where versions are kept, a PUT names the one it was made for, and starts over when that is no longer it', async () => {
    let version = 1;
    let readings = 0;
    const adapter = adapterWith(async (request) => {
      if (request.url.endsWith('/ServiceProviderConfig')) {
        return json({ patch: { supported: false }, etag: { supported: true } });
      }
      if (request.method === 'PUT' && request.headers.get('if-match') !== `W/"${version}"`) return json({}, 412);
      const answer = await fetch(request);
      if (request.method !== 'GET' || !request.url.includes('/Groups/')) return answer;
      const group = (await answer.json()) as object;
      const shown = json({ ...group, meta: { version: `W/"${version}"` } });
      readings += 1;
      // Another worker changes the group right after it was read for the write.
      if (readings === 2) {
        server.replaceMembers(project.projectId, ['somebody']);
        version = 2;
      }
      return shown;
    });
    const { memberId } = await adapter.ensureAccess(maria, project);
    expect(server.membersOf(project.projectId)).toEqual(['somebody', memberId]);
  });
});

describe('odd answers', () => {
  test('a 204 is taken for what it is, and never parsed', async () => {
    const adapter = adapterWith(async (request) => {
      const answer = await fetch(request);
      return request.method === 'PATCH' ? new Response(null, { status: 204 }) : answer;
    });
    const member = await adapter.ensureAccess(maria, project);
    await adapter.revokeAccess(member, project);
    expect(await server.openAs(maria.workEmail, project.projectId)).toBe(401);
  });

  test('"False" as text is false', async () => {
    server.addUser({ userName: maria.workEmail, active: false });
    const adapter = adapterWith(async (request) => {
      const text = await (await fetch(request)).text();
      return new Response(text.replaceAll('"active":false', '"active":"False"'));
    });
    await adapter.ensureAccess(maria, project);
    expect(await server.openAs(maria.workEmail, project.projectId)).toBe(200);
  });

  test('a member who is there twice is removed twice', async () => {
    const member = await workspace.ensureAccess(maria, project);
    const id = String(member.memberId);
    server.replaceMembers(project.projectId, [id, 'somebody', id]);
    await workspace.revokeAccess(member, project);
    expect(server.membersOf(project.projectId)).toEqual(['somebody']);
  });

  test('a removal that is accepted and not carried out is an error, with where to look', async () => {
    const member = await workspace.ensureAccess(maria, project);
    const deaf = adapterWith((request) => (request.method === 'PATCH' ? json({}) : fetch(request)));
    const error = await failureOf(deaf.revokeAccess(member, project));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expect(error.message).toContain('manages this group’s members by itself');
  });

  test('a group that hides its members does not make a removal look done', async () => {
    const member = await workspace.ensureAccess(maria, project);
    const hiding = adapterWith(async (request) => {
      const answer = await fetch(request);
      return request.url.includes('/Groups/') ? json({ id: project.projectId, displayName: 'Street signs' }) : answer;
    });
    await expect(hiding.revokeAccess(member, project)).rejects.toThrow(WorkspaceUnavailableError);
  });

  test('the 404 of a gateway is neither a missing account nor a missing group', async () => {
    const lost = adapterWith(async () => new Response('<h1>Not Found</h1>', { status: 404 }));
    const member = { ...maria, memberId: 'm-1' as MemberId };
    const removals = [lost.revokeAccess(member, project), lost.revokeAccess(maria, project)];
    for (const call of [...removals, lost.ensureAccess(maria, project), lost.ping()]) {
      const error = await failureOf(call);
      expect(error).toBeInstanceOf(WorkspaceRejectedError);
      expect(error.message).toContain('base URL');
    }
  });

  test('an attribute or operation that the server does not have is unsupported, and not retried for ever', async () => {
    const poor = adapterWith((request) => (request.method === 'POST' ? json({}, 501) : fetch(request)));
    await expect(poor.ensureAccess(maria, project)).rejects.toThrow(WorkspaceUnsupportedError);
  });

  test('a list whose pages never change is an error, since those on the others would look gone', async () => {
    for (let index = 0; index < 12; index += 1) server.addUser({ userName: `t${index}@opentrain.work` });
    await workspace.ensureAccess(maria, project);
    server.intercept((request, _, next) => {
      delete request.query.startIndex;
      next();
    });
    await expect(collect(workspace.listAccess(project))).rejects.toThrow(/startIndex/);
  });
});

describe('finding an account', () => {
  test('by e-mail, where the userName is something else', async () => {
    const id = server.addUser({ userName: 'msilva', emails: [{ value: 'Maria@OpenTrain.work' }] });
    expect((await workspace.ensureAccess(maria, project)).memberId).toBe(id);
  });

  test('in another case, on a server that tells cases apart', async () => {
    await start({ isCaseExact: true });
    for (let index = 0; index < 12; index += 1) server.addUser({ userName: `t${index}@opentrain.work` });
    const id = server.addUser({ userName: 'Maria@OpenTrain.work' });
    expect((await workspace.ensureAccess(maria, project)).memberId).toBe(id);
  });

  test('on a server that has no filters at all', async () => {
    for (let index = 0; index < 12; index += 1) server.addUser({ userName: `t${index}@opentrain.work` });
    const id = server.addUser({ userName: 'Maria@OpenTrain.work' });
    server.intercept((request, response, next) => {
      if (request.path !== '/Users' || request.query.filter === undefined) return next();
      response.status(400).send({ schemas: [ERROR], scimType: 'invalidFilter', status: '400' });
    });
    expect((await workspace.ensureAccess(maria, project)).memberId).toBe(id);
  });

  test('on a server that ignores filters and answers with everybody', async () => {
    const boss = server.addUser({ userName: 'boss@acme.example' });
    server.intercept((request, _, next) => {
      if (request.path === '/Users') delete request.query.filter;
      next();
    });
    const { memberId } = await workspace.ensureAccess(maria, project);
    expect(memberId).not.toBe(boss);
    expect(server.membersOf(project.projectId)).toEqual([memberId]);
  });

  test('a trainer with a new Work Email keeps the account, and gets the new address', async () => {
    const before = await workspace.ensureAccess(maria, project);
    const renamed = { ...maria, workEmail: 'maria.s@opentrain.work' as WorkEmail };
    expect(await workspace.ensureAccess(renamed, project)).toEqual({ ...before, workEmail: renamed.workEmail });
    expect(server.users().map(({ userName }) => userName)).toEqual(['maria.s@opentrain.work']);
  });

  test('two accounts for one person are left to a person', async () => {
    server.addUser({ userName: 'one', emails: [{ value: maria.workEmail }] });
    server.addUser({ userName: 'two', emails: [{ value: maria.workEmail }] });
    const error = await failureOf(workspace.ensureAccess(maria, project));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expect(error.message).toContain('2 accounts');
  });

  test('409 because another worker was faster: the account that there is now is taken', async () => {
    let id: string | undefined;
    const adapter = adapterWith((request) => {
      if (request.method === 'POST') id ??= server.addUser({ userName: maria.workEmail });
      return fetch(request);
    });
    expect((await adapter.ensureAccess(maria, project)).memberId).toBe(id);
  });

  test('409 because of an account that the server keeps hidden: a person is asked, and told how', async () => {
    const adapter = adapterWith((request) =>
      request.method === 'POST' ? json({ schemas: [ERROR], scimType: 'uniqueness' }, 409) : fetch(request),
    );
    const error = await failureOf(adapter.ensureAccess(maria, project));
    expect(error).toBeInstanceOf(NeedsPersonError);
    expect((error as NeedsPersonError).steps.join(' ')).toMatch(/deleted or archived .*u-maria.*Restore/);
    expectToldNothingOf(error, [maria.workEmail, server.token]);
  });

  test('an account that was deleted and made anew, with another id, is still removed', async () => {
    const before = await workspace.ensureAccess(maria, project);
    server.removeUser(String(before.memberId));
    const id = server.addUser({ userName: maria.workEmail });
    server.replaceMembers(project.projectId, [id]);
    await workspace.revokeAccess({ ...before, ...maria }, project);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('an account that the noted id means on a rebuilt server is not taken for the trainer’s', async () => {
    const member = await workspace.ensureAccess(maria, project);
    const ben = { ...maria, opentrainUserId: 'u-ben' as TrainerId, workEmail: 'ben@opentrain.work' as WorkEmail };
    const { memberId } = await workspace.ensureAccess(ben, project);
    await workspace.revokeAccess({ ...member, ...(memberId && { memberId }) }, project);
    expect(server.membersOf(project.projectId)).toEqual([memberId]);
    // And where the trainer has no account any more, nobody is removed in their place.
    server.removeUser(String(member.memberId));
    await workspace.revokeAccess({ ...member, ...(memberId && { memberId }) }, project);
    expect(server.membersOf(project.projectId)).toEqual([memberId]);
  });

  test('the tool’s own people are not removed, even if a seat should name one of them', async () => {
    const boss = server.addUser({ userName: 'boss@acme.example' });
    server.replaceMembers(project.projectId, [boss]);
    const error = await failureOf(workspace.revokeAccess({ ...maria, memberId: boss as MemberId }, project));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expect(error.message).toContain('no Work Email');
    expectToldNothingOf(error, ['boss@acme.example']);
    expect(server.membersOf(project.projectId)).toEqual([boss]);
  });

  test('of an account with another Work Email, which nothing shows to be the trainer’s, a person must judge', async () => {
    const id = server.addUser({ userName: 'ben@opentrain.work' });
    server.replaceMembers(project.projectId, [id]);
    const error = await failureOf(workspace.revokeAccess({ ...maria, memberId: id as MemberId }, project));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expectToldNothingOf(error, ['ben@opentrain.work', maria.workEmail]);
    expect(server.membersOf(project.projectId)).toEqual([id]);
  });

  test('an account whose Work Email changed is removed by its id, for its externalId is the trainer’s', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess({ ...member, workEmail: 'maria.s@opentrain.work' as WorkEmail }, project);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('an account that stays inactive is left to a person', async () => {
    server.addUser({ userName: maria.workEmail, active: false });
    const stubborn = adapterWith((request) => (request.method === 'PATCH' ? json({}) : fetch(request)));
    await expect(stubborn.ensureAccess(maria, project)).rejects.toThrow(NeedsPersonError);
  });
});

describe('the group', () => {
  test('is found by its displayName too, and then kept by its id, whatever it is called later', async () => {
    const byName = { projectId: 'Street signs' as ProjectId };
    const member = await workspace.ensureAccess(maria, byName);
    server.renameGroup(project.projectId, 'Traffic');
    await workspace.revokeAccess(member, byName);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('that is not there is refused, without an account being made, and the message says where to look', async () => {
    const error = await failureOf(workspace.ensureAccess(maria, { projectId: 'No such' as ProjectId }));
    expect(error).toBeInstanceOf(WorkspaceRejectedError);
    expect(error.message).toContain('externalProjectId');
    expect(server.users()).toEqual([]);
  });

  test('of which there are two by the same name is refused', async () => {
    server.addGroup('Street signs');
    const byName = { projectId: 'Street signs' as ProjectId };
    await expect(workspace.ensureAccess(maria, byName)).rejects.toThrow(/2 groups/);
  });

  test('that is gone keeps nobody in, but only who is inactive is known to be out', async () => {
    const member = await workspace.ensureAccess(maria, project);
    server.removeGroup(project.projectId);
    await expect(workspace.revokeAccess(member, project)).rejects.toThrow(WorkspaceRejectedError);
    server.deactivate(String(member.memberId));
    await workspace.revokeAccess(member, project);
  });

  test('is listed without those who are inactive, and without the tool’s own people', async () => {
    const member = await workspace.ensureAccess(maria, project);
    const boss = server.addUser({ userName: 'boss@acme.example' });
    const gone = server.addUser({ userName: 'kofi@opentrain.work', active: false });
    server.replaceMembers(project.projectId, [String(member.memberId), boss, gone]);
    expect(await collect(workspace.listAccess(project))).toEqual([member]);
  });
});

describe('whether an account stays active', () => {
  const isActive = ({ memberId }: Member) => server.userById(String(memberId))?.active;

  test.each(['filter', 'attribute'] as const)('out of the last group: no (groups told by %s)', async (groupsOfUser) => {
    await start({ groupsOfUser });
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    expect(isActive(member)).toBe(false);
  });

  test.each(['filter', 'attribute'] as const)('in another group still: yes (by %s)', async (groupsOfUser) => {
    await start({ groupsOfUser });
    const member = await workspace.ensureAccess(maria, project);
    server.addGroup('Annotators', [String(member.memberId)]);
    await workspace.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
  });

  test('the server cannot tell of which groups: yes, for it might be another contract’s', async () => {
    await start({ groupsOfUser: 'neither' });
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
    expect(await server.openAs(maria.workEmail, project.projectId)).toBe(403);
  });

  test('the server answers every search for groups with none: yes, for that is not credible', async () => {
    const forgetful = adapterWith((request) =>
      request.url.includes('members.value') ? json({ totalResults: 0, Resources: [] }) : fetch(request),
    );
    const member = await forgetful.ensureAccess(maria, project);
    server.addGroup('Annotators', [String(member.memberId)]);
    await forgetful.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
  });

  test('the server ignores the filter and answers with every group: those count that show the account', async () => {
    server.addGroup('Annotators');
    ignoreGroupFilter();
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    expect(isActive(member)).toBe(false);
    await workspace.revokeAccess(member, project);
  });

  test('the same, and it tells no members: yes, and a removal that is repeated is no contradiction', async () => {
    ignoreGroupFilter();
    const terse = adapterWith(async (request) => {
      const answer = await fetch(request);
      if (!request.url.includes('members.value')) return answer;
      const { Resources, ...list } = (await answer.json()) as { Resources: { members?: unknown }[] };
      return json({ ...list, Resources: Resources.map(({ members: _, ...rest }) => rest) });
    });
    const member = await terse.ensureAccess(maria, project);
    await terse.revokeAccess(member, project);
    await terse.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('the server tells some of the groups only: yes, for another may be among the rest', async () => {
    ignoreGroupFilter();
    for (let index = 0; index < 12; index += 1) server.addGroup(`Project ${index}`);
    const member = await workspace.ensureAccess(maria, project);
    server.addGroup('Annotators', [String(member.memberId)]);
    await workspace.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
  });

  test('let into another group in the moment of the deactivation: yes', async () => {
    const racing = adapterWith(async (request) => {
      const text = request.method === 'PATCH' ? await request.clone().text() : '';
      const answer = await fetch(request);
      // The other worker has looked at `active` just before, so only this one can put it right.
      if (text.includes('"active","value":false')) server.addGroup('Faces', [String(member.memberId)]);
      return answer;
    });
    const member = await racing.ensureAccess(maria, project);
    await racing.revokeAccess(member, project);
    expect(isActive(member)).toBe(true);
  });

  test('deactivated by another worker in the moment of being let in: yes', async () => {
    const racing = adapterWith(async (request) => {
      const answer = await fetch(request);
      // The other worker has looked for groups just before, so only this one can put it right.
      if (request.method === 'PATCH' && request.url.includes('/Groups/')) {
        for (const { id } of server.users()) server.deactivate(String(id));
      }
      return answer;
    });
    expect(isActive(await racing.ensureAccess(maria, project))).toBe(true);
  });

  test('never in the group at all: as it was, since it is not ours to judge', async () => {
    const id = server.addUser({ userName: maria.workEmail });
    await workspace.revokeAccess(maria, project);
    expect(isActive({ memberId: id as MemberId })).toBe(true);
  });
});

describe('many trainers of one project at once', () => {
  const putOnly = { isLabelStudioEnterprise: true, groupPatch: 'no', groupsOfUser: 'attribute' } as const;
  const names = ['ana', 'ben', 'cleo', 'dan', 'eve'];
  const trainer = (name: string): Trainer => ({
    opentrainUserId: `u-${name}` as TrainerId,
    workEmail: `${name}@opentrain.work` as WorkEmail,
    displayName: name,
  });
  /** As slow as a server on the other side of the network, so that all have read before the first writes. */
  const slowAdapter = () =>
    adapterWith(async (request) => {
      await wait(10);
      return fetch(request);
    }, 'label-studio-enterprise');

  beforeEach(() => start(putOnly, 'label-studio-enterprise'));

  test('where a group is written as a whole, no hire undoes another', async () => {
    await Promise.all(names.map((name) => slowAdapter().ensureAccess(trainer(name), project)));
    expect([...server.membersOf(project.projectId)].sort()).toEqual(names.map((name) => `${name}@opentrain.work`));
  });

  test('nor does a hire bring back somebody whose contract ends', async () => {
    const adapter = slowAdapter();
    const member = await adapter.ensureAccess(maria, project);
    await Promise.all([
      adapter.revokeAccess(member, project),
      ...names.map((name) => adapter.ensureAccess(trainer(name), project)),
    ]);
    expect([...server.membersOf(project.projectId)].sort()).toEqual(names.map((name) => `${name}@opentrain.work`));
    expect(server.userById(maria.workEmail)?.active).toBe(false);
  });

  test('one whose write fails holds up nobody after them', async () => {
    let writes = 0;
    const adapter = adapterWith((request) => {
      if (request.method === 'PUT') writes += 1;
      return request.method === 'PUT' && writes === 1 ? json({}, 503) : fetch(request);
    }, 'label-studio-enterprise');
    const outcomes = await Promise.allSettled(names.map((name) => adapter.ensureAccess(trainer(name), project)));
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(server.membersOf(project.projectId)).toHaveLength(names.length - 1);
  });
});

describe('Label Studio Enterprise', () => {
  beforeEach(() => start({ isLabelStudioEnterprise: true, groupsOfUser: 'attribute' }, 'label-studio-enterprise'));

  test('adds and removes members by PATCH in the form of Entra, the only one that it is known to take', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess(member, project);
    const groupPatches = sent.filter(({ method, path }) => method === 'PATCH' && path.includes('/Groups/'));
    expect(groupPatches.map(({ body }) => body)).toEqual([
      patch({ op: 'Add', path: 'members', value: [{ value: maria.workEmail }] }),
      patch({ op: 'Remove', path: 'members', value: [{ value: maria.workEmail }] }),
    ]);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('loses nobody whom another instance of the function lets in at the same moment', async () => {
    const racing = adapterWith(async (request) => {
      const isGroup = request.url.includes('/Groups/');
      if (isGroup && request.method !== 'GET') server.replaceMembers(project.projectId, ['ben@opentrain.work']);
      return fetch(request);
    }, 'label-studio-enterprise');
    await racing.ensureAccess(maria, project);
    expect([...server.membersOf(project.projectId)].sort()).toEqual(['ben@opentrain.work', maria.workEmail]);
  });

  test.each([400, 405, 500, 501])('is sent the whole list when it answers a PATCH with %d', async (status) => {
    const picky = adapterWith(
      (request) => (request.method === 'PATCH' && request.url.includes('/Groups/') ? json({}, status) : fetch(request)),
      'label-studio-enterprise',
    );
    server.replaceMembers(project.projectId, ['boss@acme.example']);
    const member = await picky.ensureAccess(maria, project);
    expect(server.membersOf(project.projectId)).toEqual(['boss@acme.example', maria.workEmail]);
    await picky.revokeAccess(member, project);
    expect(server.membersOf(project.projectId)).toEqual(['boss@acme.example']);
  });

  test('gets documented attributes only, and where it has no PATCH, all members by address', async () => {
    await start(
      { isLabelStudioEnterprise: true, groupPatch: 'no', groupsOfUser: 'attribute' },
      'label-studio-enterprise',
    );
    server.replaceMembers(project.projectId, ['boss@acme.example']);
    await workspace.ensureAccess(maria, project);
    expect(bodyOf('POST')).toEqual({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'maria@opentrain.work',
      name: { givenName: 'Maria', familyName: 'S.' },
      emails: [{ value: 'maria@opentrain.work', type: 'work', primary: true }],
      active: true,
    });
    expect(bodyOf('PUT')).toEqual({
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:Group'],
      displayName: 'Street signs',
      members: [{ value: 'boss@acme.example' }, { value: 'maria@opentrain.work' }],
    });
  });

  test('an id that is a Work Email is the trainer’s on every server, also when they have a new one by now', async () => {
    const member = await workspace.ensureAccess(maria, project);
    await workspace.revokeAccess({ ...member, workEmail: 'maria.s@opentrain.work' as WorkEmail }, project);
    expect(server.membersOf(project.projectId)).toEqual([]);
  });

  test('no error tells the address that is the account’s id', async () => {
    const member = await workspace.ensureAccess(maria, project);
    server.intercept((_, response) => void response.status(400).send({ detail: 'maria@opentrain.work is odd' }));
    for (const call of [workspace.ensureAccess(maria, project), workspace.revokeAccess(member, project)]) {
      expectToldNothingOf(await failureOf(call), [maria.workEmail]);
    }
  });
});

test.each(['http://annotation.example/scim/v2', 'https://a:b@annotation.example/scim/v2'])(
  'the token is never sent to %s',
  (baseUrl) => {
    expect(() => createScimWorkspace({ baseUrl, token: async () => 't' })).toThrow(ConfigurationError);
  },
);

const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

async function start(options: ScimServerOptions = {}, dialect: ScimWorkspaceOptions['dialect'] = 'rfc'): Promise<void> {
  await server?.close();
  server = await startScimServer(options);
  project = { projectId: server.addGroup('Street signs') as ProjectId };
  sent = [];
  workspace = adapterWith(fetch, dialect);
}

/** An adapter whose requests are noted and then answered by `answer`, which may pass them on to the server. */
function adapterWith(
  answer: (request: Request) => Promise<Response> | Response,
  dialect: ScimWorkspaceOptions['dialect'] = 'rfc',
): Workspace {
  return createScimWorkspace({
    baseUrl: server.url,
    token: async () => server.token,
    dialect,
    fetch: async (input) => {
      const request = input as Request;
      const text = await request.clone().text();
      const { method, url, headers } = request;
      sent.push({ method, path: new URL(url).pathname, headers, body: text === '' ? undefined : JSON.parse(text) });
      return answer(request);
    },
  });
}

function ignoreGroupFilter(): void {
  server.intercept((request, _, next) => {
    if (String(request.query.filter).startsWith('members.value')) delete request.query.filter;
    next();
  });
}

const bodyOf = (method: string): unknown => sent.find((one) => one.method === method)?.body;

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

const patch = (operation: unknown) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [operation],
});
