import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import type { MemberId, ProjectId } from '../../shared/ids.ts';
import { CANARY, checkWorkspace, verdictOf } from '../../shared/workspace/check-workspace.ts';
import { NeedsPersonError, WorkspaceForbiddenError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { createHttpWorkspace } from '../../shared/workspace/http/http-workspace.ts';
import type { Workspace } from '../../shared/workspace/port.ts';

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
