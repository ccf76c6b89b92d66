import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import type { MemberId, ProjectId, WorkEmail } from '../../shared/ids.ts';
import { CANARY, type Check, checkWorkspace, verdictOf } from '../../shared/workspace/check-workspace.ts';
import { NeedsPersonError, WorkspaceForbiddenError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { createHttpWorkspace } from '../../shared/workspace/http/http-workspace.ts';
import type { Member, Trainer, Workspace } from '../../shared/workspace/port.ts';

const project = { projectId: 'street-signs' as ProjectId };

let demo: DemoWorkspace;
let workspace: Workspace;

beforeEach(async () => {
  demo = await startDemoWorkspace();
  workspace = createHttpWorkspace({ baseUrl: demo.url, token: async () => demo.token });
});
afterEach(() => demo.close());

const checks = (parts: Partial<Workspace>) => checkWorkspace({ ...workspace, ...parts }, project);

test('a removal that does nothing fails, although nothing was refused', async () => {
  const found = await checks({ revokeAccess: async () => {} });
  expect(found.find(({ name }) => name === 'no longer listed')).toMatchObject({
    verdict: 'fail',
    advice: expect.stringContaining('would keep access'),
  });
  expect(found.at(-1)).toMatchObject({
    name: 'clean up',
    verdict: 'fail',
    advice: expect.stringContaining('changed nothing'),
  });
});

test('whoever is listed twice, or not at all, is told', async () => {
  async function* twice() {
    yield CANARY;
    yield CANARY;
  }
  const found = await checks({ listAccess: twice });
  expect(found.find(({ name }) => name === 'listed')).toMatchObject({ verdict: 'fail' });
  expect(demo.membersOf(project.projectId)).toEqual([]);
});

test('a second account fails', async () => {
  let calls = 0;
  const found = await checks({
    ensureAccess: async (trainer, place) => {
      calls += 1;
      return { ...(await workspace.ensureAccess(trainer, place)), memberId: `m${calls}` as MemberId };
    },
  });
  expect(found.find(({ name }) => name === 'let in again')?.verdict).toBe('fail');
});

test('who comes back only with a person’s help is a warning, with the steps', async () => {
  let calls = 0;
  const found = await checks({
    ensureAccess: (trainer, place) => {
      calls += 1;
      if (calls > 2) throw new NeedsPersonError('It cannot restore.', { steps: ['Run this.', 'Then that.'] });
      return workspace.ensureAccess(trainer, place);
    },
  });
  expect(found.find(({ name }) => name === 'hire again')).toEqual({
    name: 'hire again',
    verdict: 'warn',
    advice: 'It cannot restore. 1. Run this. 2. Then that.',
  });
  expect(verdictOf(found)).toBe('warn');
});

describe('where letting in needs a person', () => {
  test('because an earlier check took the canary out for good, a fresh one goes the whole way', async () => {
    const members = new Set<string | undefined>();
    const revoked: (string | undefined)[] = [];
    const found = await checks({
      ...membersIn(members),
      ensureAccess: async (trainer) => {
        if (trainer.workEmail === CANARY.workEmail || revoked.includes(trainer.workEmail)) throw needsPerson();
        members.add(trainer.workEmail);
        return memberOf(trainer);
      },
      revokeAccess: async ({ workEmail }) => {
        revoked.push(workEmail);
        members.delete(workEmail);
      },
    });
    expect(verdicts(found)).toMatchObject({
      'let in': 'pass',
      'let in again': 'pass',
      listed: 'pass',
      'take out': 'pass',
      'no longer listed': 'pass',
      'hire again': 'warn',
      'clean up': 'pass',
    });
    expect(revoked[0]).toBe(CANARY.workEmail);
    expect([...members]).toEqual([]);
  });

  test('each time, though the account is in at once: it is said with the steps, and the removal is tried', async () => {
    const members = new Set<string | undefined>();
    const letIn = new Set<string>();
    const found = await checks({
      ...membersIn(members),
      ensureAccess: async ({ workEmail }) => {
        members.add(workEmail);
        letIn.add(workEmail);
        throw needsPerson();
      },
    });
    expect(accessOf(found)).toEqual([
      { name: 'let in', verdict: 'warn', advice: 'It has no password. 1. Set one. 2. Hand it over.' },
      { name: 'listed', verdict: 'pass', advice: expect.any(String) },
      { name: 'take out', verdict: 'pass', advice: expect.any(String) },
      { name: 'no longer listed', verdict: 'pass', advice: expect.any(String) },
    ]);
    expect(letIn.size).toBe(2);
    expect([...members]).toEqual([]);
  });

  test('each time, and nobody is in until then: the removal is not claimed to have worked', async () => {
    const found = await checks({
      ensureAccess: async () => {
        throw needsPerson();
      },
    });
    expect(verdicts(found)).toMatchObject({ 'let in': 'warn', listed: 'warn', 'take out': 'warn' });
    expect(verdictOf(found)).toBe('warn');
  });

  test('and the canary cannot be taken out again: it fails, and it is said who is left', async () => {
    const members = new Set<string | undefined>();
    const found = await checks({
      ...membersIn(members),
      ensureAccess: async ({ workEmail }) => {
        members.add(workEmail);
        throw needsPerson();
      },
      revokeAccess: async () => {
        throw new WorkspaceForbiddenError('It answered 403.');
      },
    });
    expect(accessOf(found)).toEqual([
      {
        name: 'let in',
        verdict: 'fail',
        advice: expect.stringContaining('could not be taken out again. It answered 403.'),
      },
    ]);
    expect(found.at(-1)).toMatchObject({
      name: 'clean up',
      verdict: 'fail',
      advice: expect.stringContaining(`(${CANARY.opentrainUserId})`),
    });
    expect([...members]).toEqual([CANARY.workEmail]);
  });

  test('and removals are accepted but not carried out: everybody who is left is named', async () => {
    const members = new Set<string | undefined>();
    const found = await checks({
      ...membersIn(members),
      ensureAccess: async ({ workEmail }) => {
        members.add(workEmail);
        throw needsPerson();
      },
      revokeAccess: async () => {},
    });
    expect(verdicts(found)).toMatchObject({ 'no longer listed': 'fail', 'clean up': 'fail' });
    expect(members.size).toBe(2);
    for (const workEmail of members) expect(found.at(-1)?.advice).toContain(`(${workEmail?.split('@')[0]})`);
  });
});

test('a notice that cannot be taken away is told at the end', async () => {
  const found = await checks({
    setNotice: async (place, notice) => {
      if (notice === null) throw new WorkspaceForbiddenError('It answered 403.');
      await workspace.setNotice?.(place, notice);
    },
  });
  expect(found.at(-1)).toMatchObject({
    name: 'clean up',
    verdict: 'fail',
    advice: expect.stringContaining('the notice of this check'),
  });
});

test('an error that nobody foresaw is thrown on, after the cleaning up', async () => {
  const listAccess = () => {
    throw new TypeError('a bug');
  };
  await expect(checks({ listAccess })).rejects.toThrow('a bug');
  expect(demo.membersOf(project.projectId)).toEqual([]);
});

test('an interruption leaves nothing behind', async () => {
  const interrupted = new AbortController();
  const slow: Partial<Workspace> = {
    ensureAccess: async (trainer, place) => {
      const member = await workspace.ensureAccess(trainer, place);
      interrupted.abort(new WorkspaceUnavailableError('Interrupted.'));
      return member;
    },
  };
  const running = checkWorkspace({ ...workspace, ...slow }, project, { signal: interrupted.signal });
  await expect(running).rejects.toThrow('Interrupted.');
  expect(demo.membersOf(project.projectId)).toEqual([]);
});

test('without a notice, none is touched', async () => {
  await workspace.setNotice?.(project, { state: 'LOW', text: 'One fifth is left.' });
  await checkWorkspace(workspace, project, { withNotice: false });
  expect(demo.noticeOf(project.projectId)?.text).toBe('One fifth is left.');
});

/** Who is in, known by address alone, as on a platform that tells no ids until somebody has signed in. */
const membersIn = (members: Set<string | undefined>) =>
  ({
    async *listAccess() {
      for (const workEmail of members) yield { workEmail: workEmail as WorkEmail };
    },
    revokeAccess: async ({ workEmail }) => {
      members.delete(workEmail);
    },
  }) satisfies Partial<Workspace>;

const memberOf = ({ opentrainUserId, workEmail }: Trainer): Member => ({ opentrainUserId, workEmail });

const needsPerson = () => new NeedsPersonError('It has no password.', { steps: ['Set one.', 'Hand it over.'] });

const verdicts = (found: readonly Check[]) => Object.fromEntries(found.map(({ name, verdict }) => [name, verdict]));

/** What was found about access, before the totals. */
const accessOf = (found: readonly Check[]) =>
  found.slice(
    1,
    found.findIndex(({ name }) => name === 'totals'),
  );
