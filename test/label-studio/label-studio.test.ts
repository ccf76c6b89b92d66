import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { MemberId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { checkWorkspace } from '../../shared/workspace/check-workspace.ts';
import { NeedsPersonError, WorkspaceForbiddenError, WorkspaceRejectedError } from '../../shared/workspace/errors.ts';
import {
  createLabelStudioWorkspace,
  type LabelStudioWorkspaceOptions,
} from '../../shared/workspace/label-studio/label-studio-workspace.ts';
import type { ProjectRef, Trainer } from '../../shared/workspace/port.ts';
import { collect, failureOf } from '../conformance/observe.ts';
import { run } from '../support/child.ts';
import { openApi, signIn, submitForm } from './api.ts';
import { createHarness, type LabelStudioHarness } from './harness.ts';
import { takeOver } from './installation.ts';
import { startMailbox } from './mailbox.ts';

// What the kit does not ask of every platform, or what only Label Studio does.
const installation = takeOver();
const everywhere = { projectId: '*' } as ProjectRef;

let harness: LabelStudioHarness;
let project: ProjectRef;
let maria: Trainer;

const open = (options: Partial<LabelStudioWorkspaceOptions> = {}) =>
  createLabelStudioWorkspace({
    baseUrl: installation.url,
    token: async () => installation.owner.personalAccessToken,
    ...options,
  });

beforeAll(() => {
  harness = createHarness(installation);
});
beforeEach(async () => {
  project = await harness.newProject();
  maria = newTrainer();
});

test('the check of a live workspace runs its whole way a second time, though the first canary cannot come back', async () => {
  for (const time of ['first', 'second']) {
    const checks = await checkWorkspace(open(), project);
    const verdictOf = (name: string) => checks.find((check) => check.name === name)?.verdict;
    expect(verdictOf('take out'), time).toBe('pass');
    expect(verdictOf('no longer listed'), time).toBe('pass');
    expect(verdictOf('clean up'), time).not.toBe('fail');
  }
});

describe('the token', () => {
  test.each(['personalAccessToken', 'token'] as const)('of the owner works in both forms: %s', async (form) => {
    const workspace = open({ token: async () => installation.owner[form] });
    expect(await workspace.ping()).toEqual({ name: 'Label Studio', version: '1.23.2' });
    await workspace.ensureAccess(maria, everywhere);
    expect(await harness.tryToWork(maria, project)).toBe('in');
  });

  test('of another member could let people in but not remove them, so it is refused for both', async () => {
    const kofi = newTrainer();
    const member = await open().ensureAccess(maria, everywhere);
    await harness.people.apiOf(maria);
    const [row] = harness.database.all('select key from authtoken_token where user_id = ?', Number(member.memberId));
    const token = String(row?.key);

    const removal = openApi(installation, { authorization: `Token ${token}` });
    await expect(removal.call('DELETE', '/api/organizations/1/memberships/1/')).rejects.toThrow('403');

    const workspace = open({ token: async () => token });
    const before = await harness.accessState();
    for (const call of [
      () => workspace.ping(),
      () => workspace.ensureAccess(kofi, everywhere),
      () => workspace.revokeAccess(member, everywhere),
    ]) {
      const error = await failureOf(call());
      expect(error).toBeInstanceOf(WorkspaceForbiddenError);
      expect(error.message).toContain('The token must be the organisation owner’s');
    }
    expect(await harness.accessState()).toEqual(before);
  });
});

describe('getting in', () => {
  test('by-person: a new account asks for a first password, and is complete once the trainer has signed in', async () => {
    const workspace = open({ firstPassword: 'by-person' });
    const error = await failureOf(workspace.ensureAccess(maria, everywhere));
    expect(error).toBeInstanceOf(NeedsPersonError);
    const [step = ''] = (error as NeedsPersonError).steps;
    expect(step).not.toContain(maria.workEmail);
    const page = /\/admin\/users\/user\/\d+\/password\//.exec(step)?.[0] ?? '';

    const password = 'given-by-a-person';
    const fields = { usable_password: 'true', password1: password, password2: password };
    expect(await submitForm(installation, page, fields, await ownersCookie())).toBeDefined();
    expect((await failureOf(workspace.ensureAccess(maria, everywhere))).message).toBe(error.message);

    expect(await signIn(installation, maria.workEmail, password)).toBeDefined();
    expect(await workspace.ensureAccess(maria, everywhere)).toMatchObject({ workEmail: maria.workEmail });
  });

  test('an account that an administrator opened in mixed case is never doubled, and a person makes it usable', async () => {
    const mixed = maria.workEmail.replace('maria', 'Maria');
    const { id } = (await harness.owner.call('POST', '/api/users/', { email: mixed, username: 'm' })) as { id: number };
    const error = await failureOf(open().ensureAccess(maria, everywhere));
    expect(error).toBeInstanceOf(NeedsPersonError);
    expect((error as NeedsPersonError).steps.join()).toContain(`/admin/users/user/${id}/change/`);

    const joined = { date_joined_0: '2026-11-01', date_joined_1: '00:00:00' };
    const fields = { email: maria.workEmail, username: 'm', is_active: 'on', ...joined };
    const page = `/admin/users/user/${id}/change/`;
    expect(await submitForm(installation, page, fields, await ownersCookie())).toBeDefined();
    expect(await open().ensureAccess(maria, everywhere)).toMatchObject({ memberId: String(id) });
    expect(await harness.tryToWork(maria, project)).toBe('in');
  });

  test('the companion mails a first password to new accounts, and shuts removed ones out of everything', async () => {
    const mailbox = await startMailbox();
    const companion = () =>
      run(
        join(installation.environment.VIRTUAL_ENV ?? '', 'bin', 'python'),
        [join(import.meta.dirname, '..', '..', 'docs', 'workspaces', 'label-studio-companion.py')],
        {
          cwd: installation.dataDirectory,
          env: {
            ...installation.environment,
            LABEL_STUDIO_URL: installation.url,
            MAIL_FROM: 'annotation@acme.example',
            SMTP_HOST: '127.0.0.1',
            SMTP_PORT: String(mailbox.port),
            SMTP_STARTTLS: 'false',
          },
        },
      );
    try {
      const member = await open().ensureAccess(maria, everywhere);
      await companion();
      const mail = mailbox.mails.find(({ to }) => to === maria.workEmail);
      const password = mail?.text.split('\n').findLast((line) => line.trim() !== '') ?? '';
      const cookie = await signIn(installation, maria.workEmail, password);
      const session = openApi(installation, { cookie: cookie ?? '' });
      expect(await session.status(`/api/projects/${project.projectId}/`)).toBe(200);

      await open().revokeAccess(member, everywhere);
      expect(await session.status(`/api/projects/${project.projectId}/`)).toBe(403);
      // Left open by Label Studio itself: the list of projects, of people, and the link to sign up with.
      expect(await session.status('/api/projects/')).toBe(200);
      expect(await session.status('/api/invite')).toBe(200);

      const mailsBefore = mailbox.mails.length;
      await companion();
      expect(await session.status('/api/projects/')).toBe(401);
      expect(await session.status('/api/invite')).toBe(401);
      expect(await signIn(installation, maria.workEmail, password)).toBeUndefined();
      expect(mailbox.mails).toHaveLength(mailsBefore);

      const error = (await failureOf(open().ensureAccess(maria, everywhere))) as NeedsPersonError;
      await harness.performSteps?.(error.steps, maria);
      expect(await open().ensureAccess(maria, everywhere)).toMatchObject({ memberId: member.memberId });
      expect(await signIn(installation, maria.workEmail, password)).toBeDefined();
    } finally {
      await mailbox.close();
    }
  });
});

describe('hiring again', () => {
  test('of a trainer whose member id is remembered, the steps name the account by that', async () => {
    const { memberId } = await open().ensureAccess(maria, everywhere);
    await open().revokeAccess({ ...maria, memberId: memberId as MemberId }, everywhere);
    const known = { ...maria, memberId: memberId as MemberId };
    const error = (await failureOf(open().ensureAccess(known, everywhere))) as NeedsPersonError;
    expect(error.steps.join()).toContain(`User.objects.get(id=${memberId})`);
    await harness.performSteps?.(error.steps, maria);
    expect(await open().ensureAccess(known, everywhere)).toMatchObject({ memberId });
  });

  test('can be done in the browser as well', async () => {
    const { memberId } = await open().ensureAccess(maria, everywhere);
    expect(await harness.tryToWork(maria, project)).toBe('in');
    await open().revokeAccess({ ...maria, memberId: memberId as MemberId }, everywhere);
    const sql = 'select id from organizations_organizationmember where user_id = ?';
    const [membership] = harness.database.all(sql, Number(memberId));
    const page = `/admin/organizations/organizationmember/${membership?.id}/change/`;
    const fields = { user: String(memberId), organization: '1', deleted_at_0: '', deleted_at_1: '' };
    expect(await submitForm(installation, page, fields, await ownersCookie())).toBeDefined();
    expect(await open().ensureAccess(maria, everywhere)).toMatchObject({ memberId });
    expect(await harness.tryToWork(maria, project)).toBe('in');
  });
});

describe('removing', () => {
  test('the tool’s own people is refused, even if a seat should name one of them', async () => {
    const { memberId } = await harness.addBystander(project);
    const before = await harness.accessState();
    await expect(open().revokeAccess({ ...maria, memberId }, everywhere)).rejects.toThrow(WorkspaceRejectedError);
    expect(await harness.accessState()).toEqual(before);
  });

  test('a removed trainer’s row is listed no more, under whatever name Label Studio gives it', async () => {
    const member = await open().ensureAccess(maria, everywhere);
    await open().revokeAccess(member, everywhere);
    const listed = await collect(open().listAccess(everywhere));
    expect(listed.filter(({ memberId }) => memberId === member.memberId)).toEqual([]);
  });
});

describe('totals', () => {
  const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000 - 43_200_000;
  const work = (seconds: number, labels: number) => ({ at: noon, seconds, labels });
  const totals = async () => {
    const window = { project, from: noon - 3_600_000, to: noon + 3_600_000 };
    return (await collect(open().dailyTotals(window))).map(({ seconds, tasks, labels }) => ({
      seconds,
      tasks,
      labels,
    }));
  };
  beforeEach(async () => {
    await open().ensureAccess(maria, everywhere);
  });

  test('of a skipped task are the seconds that it took, but no task and no labels', async () => {
    await harness.totals.record(maria, project, work(60, 2));
    await harness.totals.skip(maria, project, work(15, 3));
    expect(await totals()).toEqual([{ seconds: 75, tasks: 1, labels: 2 }]);
  });

  test('shrink when an annotation is deleted, down to no row', async () => {
    const first = await harness.totals.record(maria, project, work(60, 2));
    const second = await harness.totals.record(maria, project, work(30, 1));
    await harness.totals.remove(first);
    expect(await totals()).toEqual([{ seconds: 30, tasks: 1, labels: 1 }]);
    await harness.totals.remove(second);
    expect(await totals()).toEqual([]);
  });

  test('keep their parts of a second: they are rounded once, when all projects are added up', async () => {
    for (let index = 0; index < 3; index += 1) await harness.totals.record(maria, project, work(10.4, 0));
    expect(await totals()).toEqual([{ seconds: expect.closeTo(31.2, 6), tasks: 3, labels: 0 }]);
  });

  test('of more tasks than fit on a page are complete', async () => {
    const [account] = harness.database.all('select id from htx_user where email = ?', maria.workEmail);
    const annotations = [{ result: [], lead_time: 2, completed_by: Number(account?.id) }];
    const tasks = Array.from({ length: 230 }, (_, index) => ({ data: { text: String(index) }, annotations }));
    await harness.owner.call('POST', `/api/projects/${project.projectId}/import`, tasks);
    const window = { project, from: Date.now() - 3_600_000, to: Date.now() + 3_600_000 };
    const rows = await collect(open().dailyTotals(window));
    const sum = (measure: 'seconds' | 'tasks') => rows.reduce((total, row) => total + (row[measure] ?? 0), 0);
    expect([sum('seconds'), sum('tasks')]).toEqual([460, 230]);
  });

  test.each(['street-scenes', '0', '1/../2', '*'])('of "%s", which is no project’s number, are refused', async (id) => {
    const window = { project: { projectId: id } as ProjectRef, from: 0, to: 1 };
    await expect(collect(open().dailyTotals(window))).rejects.toThrow(WorkspaceRejectedError);
  });
});

describe('the notice', () => {
  const OWN = '<h2>Boxes &amp; masks</h2><p>Tight, a &lt; b.</p>\n  <ul><li>Mind "shadows"</li></ul>';
  const LOW = {
    state: 'LOW',
    text: 'Less than 10 % left <soon> & "then" stop.',
    url: 'https://a.example/?a=1&b=2',
  } as const;

  test.each([true, false])(
    'leaves the owner’s text as it is to the character, and whether it was shown (%s)',
    async (isShown) => {
      const path = `/api/projects/${project.projectId}/`;
      await harness.owner.call('PATCH', path, { expert_instruction: OWN, show_instruction: isShown });
      await open().setNotice?.(project, LOW);
      const shown = (await harness.owner.call('GET', path)) as Record<string, unknown>;
      expect(shown.show_instruction).toBe(true);
      expect(shown.expert_instruction).toContain('Less than 10 % left &lt;soon&gt; &amp; "then" stop.');
      expect(shown.expert_instruction).toContain('href="https://a.example/?a=1&amp;b=2"');
      await open().setNotice?.(project, { state: 'DEPLETED', text: 'All gone.' });
      await open().setNotice?.(project, null);
      expect(await harness.owner.call('GET', path)).toMatchObject({
        expert_instruction: OWN,
        show_instruction: isShown,
      });
    },
  );

  test('that the owner writes around stays in one piece, and so does what they wrote', async () => {
    const path = `/api/projects/${project.projectId}/`;
    await open().setNotice?.(project, LOW);
    const { expert_instruction } = (await harness.owner.call('GET', path)) as { expert_instruction: string };
    await harness.owner.call('PATCH', path, { expert_instruction: `Before. ${expert_instruction} After.` });
    await open().setNotice?.(project, null);
    expect(await harness.owner.call('GET', path)).toMatchObject({ expert_instruction: 'Before.  After.' });
  });
});

const ownersCookie = async () =>
  (await signIn(installation, installation.owner.address, installation.owner.password)) ?? '';

function newTrainer(): Trainer {
  const unique = `maria-${randomBytes(4).toString('hex')}`;
  return {
    opentrainUserId: `u-${unique}` as TrainerId,
    workEmail: `${unique}@opentrain.work` as WorkEmail,
    displayName: 'Maria S.',
  };
}
