import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { MemberId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { NeedsPersonError, WorkspaceRejectedError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { createLabelStudioWorkspace } from '../../shared/workspace/label-studio/label-studio-workspace.ts';
import { createLimiter } from '../../shared/workspace/label-studio/limiter.ts';
import type { Trainer, Workspace } from '../../shared/workspace/port.ts';
import { collect, expectToldNothingOf, failureOf } from '../conformance/observe.ts';
import { type ScriptedServer, type Step, startScriptedServer } from '../opentrain/scripted-server.ts';

// What the real server of `npm run test:label-studio` does not do on demand, or other releases do.
const OWNER_ADDRESS = 'owner@acme.example';
const everywhere = { projectId: '*' as ProjectId };
const project = { projectId: '7' as ProjectId };
const maria: Trainer = {
  opentrainUserId: 'u-maria' as TrainerId,
  workEmail: 'maria@opentrain.work' as WorkEmail,
  displayName: 'Maria S.',
};

let server: ScriptedServer;
let workspace: Workspace;

beforeEach(async () => {
  server = await startScriptedServer();
  workspace = createLabelStudioWorkspace({
    baseUrl: server.url,
    token: async () => 'f00d'.repeat(10),
    sleep: async () => {},
  });
});
afterEach(() => server.close());

describe('people', () => {
  test.each(['Deleted', 'deleted-7-user@example.com', 'deleted-7@example.com'])(
    'a removed member is not listed, whatever the release calls them: %s',
    async (email) => {
      server.script(whoAmI, members(account(7, email), account(8, 'maria@opentrain.work')));
      expect(await collect(workspace.listAccess(everywhere))).toEqual([
        { memberId: '8', workEmail: 'maria@opentrain.work' },
      ]);
    },
  );

  test('a list that changes while it is read is read again', async () => {
    const shifted: Step = page({ count: 2, next: null }, account(1, 'boss@acme.example'));
    server.script(whoAmI, shifted, members(account(1, 'boss@acme.example'), account(8, 'maria@opentrain.work')));
    expect(await workspace.ensureAccess(maria, everywhere)).toMatchObject({ memberId: '8' });
  });

  test('a list that never holds still may be read later; nobody is taken for absent', async () => {
    const shifted: Step = page({ count: 2, next: null }, account(1, 'boss@acme.example'));
    server.script(whoAmI, shifted, shifted, shifted);
    await expect(workspace.ensureAccess(maria, everywhere)).rejects.toThrow(WorkspaceUnavailableError);
    expect(server.received.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  test('of two accounts that differ in case only, the one spelled like a Work Email is meant', async () => {
    server.script(whoAmI, members(account(7, 'Maria@opentrain.work'), account(8, 'maria@opentrain.work')));
    expect(await workspace.ensureAccess(maria, everywhere)).toMatchObject({ memberId: '8' });
  });

  test('an account that another worker made a member only a moment later is found, not taken for removed', async () => {
    const nobody = members(account(1, 'boss@acme.example'));
    server.script(whoAmI, nobody, taken, nobody, members(account(8, 'maria@opentrain.work')));
    expect(await workspace.ensureAccess(maria, everywhere)).toMatchObject({ memberId: '8' });
  });

  test('a trainer’s id is only ever a literal in the command that an operator runs', async () => {
    const nobody = members(account(1, 'boss@acme.example'));
    server.script(whoAmI, nobody, taken, nobody, nobody);
    const opentrainUserId = 'u");\nPYTHON\nrm -rf "$HOME' as TrainerId;
    const error = await failureOf(workspace.ensureAccess({ ...maria, opentrainUserId }, everywhere));
    expect(error).toBeInstanceOf(NeedsPersonError);
    const [command = ''] = (error as NeedsPersonError).steps;
    expect(command).toContain(String.raw`username="opentrain-u\");\nPYTHON\nrm -rf \"$HOME"`);
    expect(command.match(/^PYTHON$/gm)).toHaveLength(1);
  });
});

describe('an account that a noted member id means', () => {
  const known: Trainer = { ...maria, memberId: '2' as MemberId };
  const owner = account(1, OWNER_ADDRESS);
  const bens = account(2, 'ben@opentrain.work', 'opentrain-u-ben');
  const marias = account(3, maria.workEmail, 'opentrain-u-maria');
  const read = (one: ListedAccount): Step => ({ status: 200, body: one });
  const removals = () => server.received.filter(({ method }) => method === 'DELETE').map(({ path }) => path);

  test('is the trainer’s by its Work Email', async () => {
    server.script(whoAmI, read({ ...marias, id: 2 }));
    expect(await workspace.ensureAccess(known, everywhere)).toMatchObject({ memberId: '2' });
  });

  test('is still theirs under a former Work Email, by the username that the connector gave it', async () => {
    const former = account(2, 'maria.s@opentrain.work', 'opentrain-u-maria');
    server.script(whoAmI, read(former), whoAmI, read(former), { status: 204 });
    expect(await workspace.ensureAccess(known, everywhere)).toMatchObject({ memberId: '2' });
    await workspace.revokeAccess(known, everywhere);
    expect(removals()).toEqual(['/api/organizations/1/memberships/2/']);
  });

  test('may be another trainer’s where Label Studio was rebuilt: then the trainer gets their own', async () => {
    server.script(whoAmI, read(bens), members(owner, bens), { status: 201, body: marias });
    expect(await workspace.ensureAccess(known, everywhere)).toMatchObject({ memberId: '3' });
  });

  test('and then their own is removed, or nobody', async () => {
    server.script(whoAmI, read(bens), members(owner, bens, marias), { status: 204 });
    await workspace.revokeAccess(known, everywhere);
    expect(removals()).toEqual(['/api/organizations/1/memberships/3/']);
    server.script(whoAmI, read(bens), members(owner, bens));
    await workspace.revokeAccess(known, everywhere);
    expect(removals()).toHaveLength(1);
  });

  test.each(['boss@acme.example', 'ben@opentrain.work'])(
    'is not removed when nothing shows whose it is: %s',
    async (email) => {
      const somebody = account(2, email, 'somebody');
      server.script(whoAmI, read(somebody), members(owner, somebody));
      const error = await failureOf(workspace.revokeAccess(known, everywhere));
      expect(error).toBeInstanceOf(WorkspaceRejectedError);
      expectToldNothingOf(error, [email]);
      expect(removals()).toEqual([]);
    },
  );

  test('is to be restored when it was removed, for the address that it does not tell is taken', async () => {
    server.script(whoAmI, read(account(2, 'Deleted', 'Deleted')), members(owner), taken);
    const error = (await failureOf(workspace.ensureAccess(known, everywhere))) as NeedsPersonError;
    expect(error.steps.join()).toContain('User.objects.get(id=2)');
  });

  test('was another’s when it was removed and the trainer’s address is free', async () => {
    server.script(whoAmI, read(account(2, 'Deleted', 'Deleted')), members(owner), { status: 201, body: marias });
    expect(await workspace.ensureAccess(known, everywhere)).toMatchObject({ memberId: '3' });
  });
});

describe('totals', () => {
  const at = '2026-11-20T12:00:00.123456Z';
  const window = { project, from: Date.UTC(2026, 10, 20), to: Date.UTC(2026, 10, 21) };
  const totals = async () => collect(workspace.dailyTotals(window));
  const tasks = (total: number, ...annotations: object[]): Step => ({
    status: 200,
    body: { total, tasks: [{ annotations }] },
  });
  const nobody = members(account(1, 'boss@acme.example'));

  test('know the author as a number or as a person, and leave out work that is nobody’s any more', async () => {
    const work = { created_at: at, lead_time: 10, was_cancelled: false, result: [] };
    server.script(
      tasks(
        1,
        { id: 1, completed_by: 5, ...work },
        { id: 2, completed_by: { id: 5, email: 'x' }, ...work },
        { id: 3, completed_by: null, ...work },
      ),
      whoAmI,
      nobody,
    );
    const day = { workDate: '2026-11-20', seconds: 20, tasks: 2, labels: 0 };
    expect(await totals()).toEqual([{ member: { memberId: '5' }, project, ...day }]);
  });

  test('count a region once, whatever is said about it, and no relations', async () => {
    const result = [
      { id: 'a', type: 'rectangle' },
      { id: 'a', type: 'rectanglelabels' },
      { id: 'b', type: 'choices' },
      { type: 'relation', from_id: 'a', to_id: 'b' },
    ];
    server.script(tasks(1, { id: 1, completed_by: 5, created_at: at, lead_time: null, result }), whoAmI, nobody);
    expect(await totals()).toMatchObject([{ seconds: 0, tasks: 1, labels: 2 }]);
  });

  test('count an annotation once that comes on two pages, and end where the pages end', async () => {
    const annotation = { id: 1, completed_by: 5, created_at: at, lead_time: 4, result: [] };
    const end: Step = { status: 404, body: { status_code: 404, detail: 'Invalid page.' } };
    server.script(tasks(250, annotation), tasks(250, annotation), end, whoAmI, nobody);
    expect(await totals()).toMatchObject([{ seconds: 4, tasks: 1 }]);
    expect(server.received.map(({ path }) => new URL(path, server.url).searchParams.get('page'))).toEqual([
      '1',
      '2',
      '3',
      null,
      '1',
    ]);
  });

  test('ask for tasks since the window began, and never up to an end, which a later touch would leave', async () => {
    server.script({ status: 200, body: { total: 0, tasks: [] } });
    await totals();
    const asked = new URL(server.received[0]?.path ?? '', server.url).searchParams;
    expect(JSON.parse(asked.get('query') ?? '').filters.items).toEqual([
      {
        filter: 'filter:tasks:updated_at',
        operator: 'greater',
        type: 'Datetime',
        value: new Date(window.from - 60_000).toISOString(),
      },
    ]);
  });
});

test('no more than so many run at once, and the others in their order', async () => {
  const limited = createLimiter(2);
  const ended: number[] = [];
  let running = 0;
  let most = 0;
  const work = (number: number) => async () => {
    running += 1;
    most = Math.max(most, running);
    await wait(5);
    running -= 1;
    ended.push(number);
    if (number === 1) throw new Error('A failure gives its place back as well.');
  };
  await Promise.allSettled([0, 1, 2, 3, 4].map((number) => limited(work(number))));
  expect(most).toBe(2);
  expect(ended).toEqual([0, 1, 2, 3, 4]);
});

const whoAmI: Step = {
  status: 200,
  body: {
    id: 1,
    email: OWNER_ADDRESS,
    active_organization: 1,
    active_organization_meta: { email: OWNER_ADDRESS },
  },
};
const taken: Step = {
  status: 400,
  body: { status_code: 400, detail: 'Validation error', validation_errors: { email: ['exists already'] } },
};

interface ListedAccount {
  readonly id: number;
  readonly email: string;
  readonly username: string;
}

function account(id: number, email: string, username = email): ListedAccount {
  return { id, email, username };
}

function page(about: { count: number; next: string | null }, ...accounts: ListedAccount[]): Step {
  return { status: 200, body: { ...about, results: accounts.map((user) => ({ user })) } };
}

function members(...accounts: ListedAccount[]): Step {
  return page({ count: accounts.length, next: null }, ...accounts);
}
