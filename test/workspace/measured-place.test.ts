import { describe, expect, test } from 'vitest';
import type { MemberId, ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import {
  NeedsPersonError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceRejectedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../../shared/workspace/errors.ts';
import { measuredPlace } from '../../shared/workspace/measured-place.ts';
import type { Member, Workspace } from '../../shared/workspace/port.ts';
import { fakeWorkspace } from '../support/worker.ts';

const project = { projectId: 'street-signs' as ProjectId };
const maria = {
  opentrainUserId: 'user_1' as TrainerId,
  workEmail: 'maria.silva@opentrain.work' as WorkEmail,
  displayName: 'Maria S.',
};

/** A workspace on a clock that only its own answers, and a test, move. */
function measured(parts: (pass: (milliseconds: number) => void) => Partial<Workspace>) {
  let now = 1_000;
  const pass = (milliseconds: number) => {
    now += milliseconds;
  };
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger((line) => lines.push(JSON.parse(line)));
  const place = { workspaceId: 'default' as WorkspaceId, workspace: fakeWorkspace(parts(pass)) };
  const { workspace } = measuredPlace(place, { now: () => now }, logger);
  return { workspace, lines, pass };
}

const about = (line: Record<string, unknown> | undefined) => {
  const { time: _time, ...rest } = line ?? {};
  return rest;
};

test('a call leaves one line with how long the workspace took, and who it was about stays out of it', async () => {
  const { workspace, lines } = measured((pass) => ({
    async ensureAccess() {
      pass(120);
      return { memberId: 'm1' as MemberId, workEmail: maria.workEmail };
    },
  }));
  expect(await workspace.ensureAccess(maria, project)).toEqual({ memberId: 'm1', workEmail: maria.workEmail });
  expect(lines.map(about)).toEqual([
    { level: 'info', event: 'workspace.called', workspaceId: 'default', outcome: 'ensureAccess', durationMs: 120 },
  ]);
});

describe('pages are one call', () => {
  const members: Member[] = [{ memberId: 'm1' as MemberId }, { memberId: 'm2' as MemberId }];
  const paged = () =>
    measured((pass) => ({
      async *listAccess() {
        for (const member of members) {
          pass(50);
          yield member;
        }
        pass(5);
      },
    }));

  test('and what the caller does in between is not the workspace’s time', async () => {
    const { workspace, lines, pass } = paged();
    const seen: Member[] = [];
    for await (const member of workspace.listAccess(project)) {
      pass(10_000);
      seen.push(member);
    }
    expect(seen).toEqual(members);
    expect(lines).toMatchObject([{ event: 'workspace.called', outcome: 'listAccess', durationMs: 105 }]);
  });

  test('and a caller who has seen enough leaves a line, too', async () => {
    const { workspace, lines } = paged();
    for await (const _member of workspace.listAccess(project)) break;
    expect(lines).toMatchObject([{ event: 'workspace.called', durationMs: 50 }]);
  });
});

test.each([
  [new WorkspaceRateLimitedError('slow down'), 'rate_limited'],
  [new WorkspaceUnavailableError('away'), 'unavailable'],
  [new WorkspaceForbiddenError('no'), 'forbidden'],
  [new WorkspaceRejectedError('nonsense'), 'rejected'],
  [new WorkspaceUnsupportedError('cannot'), 'unsupported'],
  [new NeedsPersonError('help', { steps: [] }), 'needs_person'],
  [new TypeError('oops'), 'other'],
])('%s is counted as %s, and goes on to whoever asked', async (error, reason) => {
  const { workspace, lines } = measured((pass) => ({
    async revokeAccess() {
      pass(30);
      throw error;
    },
    // biome-ignore lint/correctness/useYield: it fails before the first page
    async *dailyTotals() {
      pass(40);
      throw error;
    },
  }));
  await expect(workspace.revokeAccess({}, project)).rejects.toBe(error);
  await expect(workspace.dailyTotals({ project, from: 0, to: 1 })[Symbol.asyncIterator]().next()).rejects.toBe(error);
  expect(lines.map(about)).toMatchObject([
    { level: 'warn', event: 'workspace.failed', outcome: 'revokeAccess', durationMs: 30, reason },
    { level: 'warn', event: 'workspace.failed', outcome: 'dailyTotals', durationMs: 40, reason },
  ]);
});

test('a workspace without a place for notices still has none', async () => {
  expect(measured(() => ({})).workspace.setNotice).toBeUndefined();
  const { workspace, lines } = measured(() => ({ async setNotice() {} }));
  await workspace.setNotice?.(project, null);
  await workspace.ping();
  expect(lines).toMatchObject([{ outcome: 'setNotice' }, { outcome: 'ping' }]);
});
