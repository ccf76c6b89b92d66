import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DemoWorkspace, startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import { systemClock } from '../../shared/clock.ts';
import { credentialNames } from '../../shared/connections/credential-names.ts';
import { ConfigurationError } from '../../shared/errors.ts';
import type { ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../../shared/ids.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import type { WorkspaceSettings } from '../../shared/store/workspaces.ts';
import { openWorkspaces } from '../../shared/workspace/open-workspaces.ts';
import type { BudgetNotice, Trainer } from '../../shared/workspace/port.ts';
import { readWorkspaceSettings } from '../../shared/workspace/workspace-settings.ts';
import { collect } from '../conformance/observe.ts';
import { type ScimServer, startScimServer } from '../conformance/scim-server.ts';

const maria: Trainer = {
  opentrainUserId: 'u-maria' as TrainerId,
  workEmail: 'maria@opentrain.work' as WorkEmail,
  displayName: 'Maria S.',
};

describe('access by SCIM, totals and notice by http', () => {
  let scim: ScimServer;
  let demo: DemoWorkspace;

  beforeEach(async () => {
    scim = await startScimServer();
    demo = await startDemoWorkspace();
  });
  afterEach(async () => {
    await demo.close();
    await scim.close();
  });

  const names = credentialNames('/opentrain/test');
  const settings = (): WorkspaceSettings => ({
    adapter: 'scim',
    url: scim.url,
    usage: { adapter: 'http', url: demo.url },
  });

  /** Each token out of its own parameter, so that a mix-up is refused by the servers. */
  function open(defaultSettings: WorkspaceSettings) {
    const secrets = new Map([
      ['/opentrain/test/workspaces/default/token', scim.token],
      ['/opentrain/test/workspaces/default/usage-token', demo.token],
    ]);
    const readSecret = async (name: string) => secrets.get(name) ?? 'no-such-token';
    return openWorkspaces({
      defaultSettings,
      settingsOf: async () => settings(),
      readSecret,
      names,
      clock: systemClock,
    })(DEFAULT_WORKSPACE);
  }

  test('each is asked for its own part, with its own token', async () => {
    const { workspace } = await open(settings());
    const project = { projectId: scim.addGroup('Street signs') as ProjectId };
    const member = await workspace.ensureAccess(maria, project);
    expect(scim.membersOf(project.projectId)).toEqual([member.memberId]);

    demo.addMemberByHand(project.projectId, { ...maria });
    demo.recordWork({ trainer: 'u-maria', project: project.projectId, at: Date.UTC(2026, 9, 1, 9), seconds: 60 });
    const october = { project, from: Date.UTC(2026, 9, 1), to: Date.UTC(2026, 10, 1) };
    // The demo's own member id is left out: it would be taken for one of the SCIM server's.
    expect(await collect(workspace.dailyTotals(october))).toEqual([
      { member: { opentrainUserId: 'u-maria' }, project, workDate: '2026-10-01', seconds: 60 },
    ]);

    const notice: BudgetNotice = { state: 'LOW', text: 'One fifth is left.' };
    await workspace.setNotice?.(project, notice);
    expect(demo.noticeOf(project.projectId)).toEqual(notice);
    await workspace.revokeAccess(member, project);
    expect(scim.membersOf(project.projectId)).toEqual([]);
    expect(demo.requests.of('putMember') + demo.requests.of('deleteMember')).toBe(0);
  });

  test('both have to answer a ping', async () => {
    const { workspace } = await open(settings());
    expect((await workspace.ping()).name).toMatch(/^SCIM 2\.0 at .*, with the usage of Demo workspace$/);
    demo.outage(true);
    await expect(workspace.ping()).rejects.toThrow(/503/);
  });

  test('alone, SCIM has no totals', async () => {
    const { workspace } = await open({ adapter: 'scim', url: scim.url });
    expect(workspace.setNotice).toBeUndefined();
    const call = collect(workspace.dailyTotals({ project: { projectId: 'p' as ProjectId }, from: 0, to: 1 }));
    await expect(call).rejects.toThrow(/USAGE_WORKSPACE/);
  });
});

describe('settings', () => {
  const http = { WORKSPACE: 'http', WORKSPACE_URL: 'https://annotation.example/api' };
  const usage = { USAGE_WORKSPACE: 'http', USAGE_WORKSPACE_URL: 'https://totals.example' };

  test('of one adapter', () => {
    expect(readWorkspaceSettings(http)).toEqual({ adapter: 'http', url: 'https://annotation.example/api' });
  });

  test('of two', () => {
    expect(readWorkspaceSettings({ WORKSPACE: 'scim', WORKSPACE_URL: 'https://a.example/scim/v2', ...usage })).toEqual({
      adapter: 'scim',
      url: 'https://a.example/scim/v2',
      usage: { adapter: 'http', url: 'https://totals.example' },
    });
  });

  test.each([
    [{}, [/WORKSPACE must be one of http, .*it is not set/, /WORKSPACE_URL must be a URL/]],
    [{ ...http, WORKSPACE: 'csv' }, [/WORKSPACE must be one of .*"csv" is none/]],
    [{ ...http, WORKSPACE: 'toString' }, [/"toString" is none/]],
    [{ ...http, WORKSPACE_URL: 'http://annotation.example' }, [/WORKSPACE_URL must begin with https/]],
    [{ ...http, USAGE_WORKSPACE: 'http' }, [/USAGE_WORKSPACE_URL must be a URL/]],
    [{ ...http, USAGE_WORKSPACE_URL: usage.USAGE_WORKSPACE_URL }, [/USAGE_WORKSPACE must be one of/]],
    [
      { ...http, ...usage, USAGE_WORKSPACE: 'scim' },
      [/USAGE_WORKSPACE must be an adapter that tells totals \(http.*scim does not/],
    ],
    [{ ...usage, USAGE_WORKSPACE: 'csv' }, [/WORKSPACE must be/, /WORKSPACE_URL must be/, /USAGE_WORKSPACE must be/]],
  ])('%o are refused, with every mistake', (environment, mistakes) => {
    for (const mistake of mistakes) expect(() => readWorkspaceSettings(environment)).toThrow(mistake);
  });

  test('out of the table are checked as well, and say whose they are', async () => {
    const workspaces = openWorkspaces({
      defaultSettings: { adapter: 'http', url: 'https://annotation.example' },
      settingsOf: async () => ({ adapter: 'csv', url: 'https://annotation.example' }),
      readSecret: async () => 'token',
      names: credentialNames('/opentrain/test'),
      clock: systemClock,
    });
    const opening = workspaces('acme' as WorkspaceId);
    await expect(opening).rejects.toThrow(ConfigurationError);
    await expect(opening).rejects.toThrow(/Workspace "acme": .*"csv" is none/);
  });

  test('out of the table are read again after five minutes, and the workspace is opened anew if they differ', async () => {
    const clock = { ms: 0, now: () => clock.ms };
    let settings: WorkspaceSettings = { adapter: 'http', url: 'https://annotation.example' };
    let readings = 0;
    const workspaces = openWorkspaces({
      defaultSettings: { adapter: 'http', url: 'https://default.example' },
      settingsOf: async () => {
        readings += 1;
        return { ...settings };
      },
      readSecret: async () => 'token',
      names: credentialNames('/opentrain/test'),
      clock,
    });
    const open = async () => (await workspaces('acme' as WorkspaceId)).workspace;
    const first = await open();
    settings = { adapter: 'label-studio', url: 'https://label-studio.example' };
    clock.ms += 5 * 60_000 - 1;
    expect(await open(), 'not yet').toBe(first);
    clock.ms += 1;
    const second = await open();
    expect(second.accessScope).toBe('workspace');
    clock.ms += 5 * 60_000;
    expect(await open(), 'the same settings keep it open').toBe(second);
    expect(readings).toBe(3);
    clock.ms += 1;
    await open();
    expect(readings, 'believed for five minutes again').toBe(3);
  });
});
