import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MemberId, TrainerId, WorkEmail, WorkspaceId } from '../../shared/ids.ts';
import { findDrift } from '../../shared/reconcile/find-drift.ts';
import type { Seat } from '../../shared/store/seats.ts';
import { WorkspaceRejectedError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';
import { fakeWorkspace } from '../support/worker.ts';

/** Who is really in the workspace, and who should be. */

const DAY = 24 * 3_600_000;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type Hired = Awaited<ReturnType<Story['newHire']>>;

/** A customer with one trainer who is in. */
async function newHire(options: Parameters<Story['newHire']>[0] = {}): Promise<Hired> {
  const hired = await story.newHire(options);
  await runReconcile(story, hired.customer.id);
  expect(story.membersOf(hired.project)).toContain(hired.workEmail);
  return hired;
}

const NOTHING = { repairs: [], held: [], failed: 0, calls: { workspace: ['listMembers'] } };

describe('somebody whom the connector has let in', () => {
  test('and who was taken out by hand is put back', async () => {
    const { customer, project, trainer, workEmail } = await newHire();
    expect(story.workspace.removeMemberByHand(project, trainer.opentrainUserId)).toBe(true);
    expect(await runReconcile(story, customer.id)).toMatchObject({
      repaired: { missing_in_workspace: 1 },
      repairs: [{ action: 'add', trainerId: trainer.opentrainUserId, projectId: project }],
    });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await runReconcile(story, customer.id)).toMatchObject(NOTHING);
  });

  test('and who was put back by hand after the end of their contract is taken out', async () => {
    const { customer, link, project, contract, trainer, workEmail } = await newHire();
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([]);
    story.workspace.addMemberByHand(project, { ...trainer, workEmail });
    expect(await runReconcile(story, customer.id)).toMatchObject({
      repaired: { still_in_workspace: 1 },
      repairs: [{ action: 'remove', trainerId: trainer.opentrainUserId, projectId: project }],
    });
    expect(story.membersOf(project)).toEqual([]);
    expect(await runReconcile(story, customer.id)).toMatchObject(NOTHING);

    // Once their project is not even linked any more, too.
    story.opentrain.unlinkProject(customer.installId, link.id);
    await runReconcile(story, customer.id);
    story.workspace.addMemberByHand(project, { ...trainer, workEmail });
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ still_in_workspace: 1 });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('and who was put back by hand long after is taken out as long as their project is linked', async () => {
    const { customer, link, project, contract, trainer, workEmail } = await newHire();
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id);
    await story.opentrain.clock.advance(36 * DAY);
    story.workspace.addMemberByHand(project, { ...trainer, workEmail });
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ still_in_workspace: 1 });
    expect(story.membersOf(project)).toEqual([]);

    story.opentrain.unlinkProject(customer.installId, link.id);
    await runReconcile(story, customer.id);
    const { calls } = await runReconcile(story, customer.id);
    expect(calls.workspace).toEqual([]);
  });

  test('is looked for in each project: in the one they are put back, in the other they stay as they are', async () => {
    const { customer, jobId, project, trainer, workEmail } = await newHire();
    const other = customer.link(jobId);
    await runReconcile(story, customer.id);
    story.workspace.removeMemberByHand(other.project, trainer.opentrainUserId);
    const { calls } = await runReconcile(story, customer.id);
    expect([story.membersOf(project), story.membersOf(other.project)]).toEqual([[workEmail], [workEmail]]);
    expect(calls.workspace.filter((operation) => operation !== 'listMembers')).toEqual(['putMember']);
  });

  test.each<{ told: 'memberId' | 'workEmail' | 'opentrainUserId' }>([
    { told: 'memberId' },
    { told: 'workEmail' },
    { told: 'opentrainUserId' },
  ])('is known again by $told alone, where a platform lists people by nothing else', async ({ told }) => {
    const { customer } = await newHire();
    const listAccess: Workspace['listAccess'] = async function* (project, signal) {
      for await (const member of story.connector.workspace.listAccess(project, signal)) {
        yield { [told]: member[told] };
      }
    };
    expect(await runReconcile(story, customer.id, { workspace: { listAccess } })).toMatchObject(NOTHING);
  });

  test('and whose seat was changed, but never settled, is settled', async () => {
    const { customer, project, contract, link, trainer, workEmail } = await newHire();
    const [seat, grant] = [await story.seatOf(project, trainer), await customer.grant(contract, link)];
    if (seat === undefined || grant === undefined) throw new Error('Nobody was let in.');
    await story.store.seats.claim(seat, grant, seat.trainer, story.opentrain.clock.now());
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ unsettled: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await runReconcile(story, customer.id)).toMatchObject(NOTHING);
  });
});

test('somebody who has left is not taken out in the place of another, to whom a rebuilt workspace gave their member id', async () => {
  const stays = seatIn('u-stays', { memberId: '2', openGrants: ['acme/ct_1/ln_1'] });
  const left = seatIn('u-left', { memberId: '2', openGrants: [] });
  const workspace = fakeWorkspace({
    async *listAccess() {
      yield { memberId: '2' as MemberId, workEmail: stays.trainer.workEmail };
    },
  });
  const place = { workspaceId: stays.workspaceId, workspace };
  for (const seats of [
    [stays, left],
    [left, stays],
  ]) {
    expect(await findDrift({ place, project: '*', seats }, () => false, new AbortController().signal)).toEqual([]);
  }
});

describe('people whom the connector never let in', () => {
  const strangers = [
    { opentrainUserId: 'user-by-hand', workEmail: 'by.hand@opentrain.work', displayName: 'By H.' },
    { workEmail: 'nobody.knows@opentrain.work', displayName: 'Nobody K.' },
  ];

  test('are never touched, a Work Email or not, though one of ours is healed beside them', async () => {
    const { customer, project, trainer, workEmail } = await newHire();
    for (const stranger of strangers) story.workspace.addMemberByHand(project, stranger);
    const all = [workEmail, ...strangers.map((stranger) => stranger.workEmail)].sort();
    expect(await runReconcile(story, customer.id)).toMatchObject(NOTHING);
    expect(story.membersOf(project)).toEqual(all);

    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    story.workspace.removeMemberByHand(project, 'user-by-hand');
    const healed = await runReconcile(story, customer.id);
    expect(healed.repairs.map(({ trainerId }) => trainerId)).toEqual([trainer.opentrainUserId]);
    expect(healed.calls.workspace.filter((operation) => operation !== 'listMembers')).toEqual(['putMember']);
    expect(story.membersOf(project)).toEqual(all.filter((address) => address !== 'by.hand@opentrain.work'));
  });

  test('and who are of the platform’s own staff are nobody to the connector, where a platform lists them', async () => {
    const { customer } = await newHire();
    const listAccess: Workspace['listAccess'] = async function* (project, signal) {
      yield { memberId: 'member-of-staff' as MemberId, workEmail: 'owner@platform.example' as WorkEmail };
      yield* story.connector.workspace.listAccess(project, signal);
      yield {};
    };
    expect(await runReconcile(story, customer.id, { workspace: { listAccess } })).toMatchObject(NOTHING);
  });

  test('stay in a project from which all of ours have gone', async () => {
    const { customer, project, contract } = await newHire();
    for (const stranger of strangers) story.workspace.addMemberByHand(project, stranger);
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id);
    expect(await runReconcile(story, customer.id)).toMatchObject(NOTHING);
    expect(story.membersOf(project)).toEqual(strangers.map((stranger) => stranger.workEmail).sort());
  });

  test('are not even listed in a project where the connector has let in nobody', async () => {
    const customer = await story.newCustomer();
    const { project } = customer.link(customer.postJob());
    for (const stranger of strangers) story.workspace.addMemberByHand(project, stranger);
    await runReconcile(story, customer.id);
    expect((await runReconcile(story, customer.id)).calls.workspace).toEqual([]);
    expect(story.membersOf(project)).toHaveLength(strangers.length);
  });
});

describe('a trainer of two customers in one project', () => {
  /** Both have hired the same trainer, who is in by two claims. */
  async function twoCustomers() {
    const trainer = story.unique('Shared Trainer');
    const one = await newHire({ trainer });
    const other = await newHire({ trainer, project: one.project });
    expect(story.membersOf(one.project)).toEqual([one.workEmail]);
    return { one, other, project: one.project, workEmail: one.workEmail };
  }

  test('stays as long as one of the two has a running contract', async () => {
    const { one, other, project, workEmail } = await twoCustomers();
    story.opentrain.endContract(one.contract.id);
    expect((await runReconcile(story, one.customer.id)).repaired).toEqual({ contract_ended: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
    for (const { customer } of [one, other]) expect((await runReconcile(story, customer.id)).repairs).toEqual([]);

    story.opentrain.endContract(other.contract.id);
    await runReconcile(story, other.customer.id);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('is put back by the one with the claim only; out without a claim, by either', async () => {
    const { one, other, project, workEmail } = await twoCustomers();
    story.opentrain.endContract(one.contract.id);
    await runReconcile(story, one.customer.id);
    story.workspace.removeMemberByHand(project, one.trainer.opentrainUserId);
    expect((await runReconcile(story, one.customer.id)).repairs).toEqual([]);
    expect(story.membersOf(project)).toEqual([]);
    expect((await runReconcile(story, other.customer.id)).repaired).toEqual({ missing_in_workspace: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);

    story.opentrain.endContract(other.contract.id);
    await runReconcile(story, other.customer.id);
    story.workspace.addMemberByHand(project, { ...one.trainer, workEmail });
    expect((await runReconcile(story, one.customer.id)).repaired).toEqual({ still_in_workspace: 1 });
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('a platform that lets people into the whole workspace or not at all', () => {
  const everywhere = { workspace: { accessScope: 'workspace' } } as const;
  // What the adapter is told in place of a project; the demo workspace takes it for one more project.
  const members = () => story.membersOf('*');

  test('has one seat for all of a trainer’s projects: the last open contract decides, and drift is healed', async () => {
    const { customer, jobId, contract, project, workEmail, trainer } = await story.newHire();
    customer.link(jobId);
    const second = customer.hire(jobId);
    const both = [workEmail, second.trainer?.workEmail].sort();
    const first = await runReconcile(story, customer.id, everywhere);
    expect(first.repaired).toEqual({ 'record-link': 2, contract_unheard_of: 4 });
    expect(members()).toEqual(both);

    story.workspace.removeMemberByHand('*', trainer.opentrainUserId);
    const healed = await runReconcile(story, customer.id, everywhere);
    expect(healed).toMatchObject({
      repaired: { missing_in_workspace: 1 },
      repairs: [{ action: 'add', projectId: '*', trainerId: trainer.opentrainUserId }],
    });
    expect(members()).toEqual(both);

    // They are in every project, and so in any one that is looked at alone.
    story.workspace.removeMemberByHand('*', trainer.opentrainUserId);
    await runReconcile(story, customer.id, { ...everywhere, only: { projectId: project as never } });
    expect(members()).toEqual(both);

    const again = customer.hire(jobId, 'Two Contracts');
    const twice = customer.hire(jobId, 'Two Contracts');
    await runReconcile(story, customer.id, everywhere);
    expect(members()).toContain('two.contracts@opentrain.work');
    story.opentrain.endContract(again.id);
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id, everywhere);
    expect(members()).toEqual([second.trainer?.workEmail, 'two.contracts@opentrain.work'].sort());
    story.opentrain.endContract(twice.id);
    story.opentrain.endContract(second.id);
    await runReconcile(story, customer.id, everywhere);
    expect(members()).toEqual([]);

    story.workspace.addMemberByHand('*', { ...trainer, workEmail });
    expect((await runReconcile(story, customer.id, everywhere)).repaired).toEqual({ still_in_workspace: 1 });
    expect(members()).toEqual([]);
    expect(await runReconcile(story, customer.id, everywhere)).toMatchObject(NOTHING);
  });
});

describe('a project whose people cannot be listed', () => {
  /** Three projects with one trainer each, all of them taken out by hand. */
  async function threeProjects() {
    const hired = await newHire();
    const { customer } = hired;
    const others = [customer.postJob(), customer.postJob()].map((job) => ({
      link: customer.link(job),
      contract: customer.hire(job),
    }));
    await runReconcile(story, customer.id);
    const projects = [hired.project, ...others.map(({ link }) => link.project)];
    const trainers = [hired.trainer, ...others.map(({ contract }) => contract.trainer)];
    for (const [index, project] of projects.entries()) {
      expect(story.workspace.removeMemberByHand(project, trainers[index]?.opentrainUserId ?? '')).toBe(true);
    }
    return { customer, jobId: hired.jobId, contract: hired.contract, projects };
  }

  /** The workspace, but for the lists of those projects. */
  const unreadable = (
    projects: readonly (string | undefined)[],
    error: () => Error,
  ): Pick<Workspace, 'listAccess'> => ({
    async *listAccess(project, signal) {
      if (projects.includes(project.projectId)) throw error();
      yield* story.connector.workspace.listAccess(project, signal);
    },
  });

  test('because it is gone keeps nobody else from being healed, and is an error in the log', async () => {
    const { customer, projects } = await threeProjects();
    for (const gone of projects.slice(0, 2)) {
      const workspace = unreadable([gone], () => new WorkspaceRejectedError('There is no such project.'));
      const run = await runReconcile(story, customer.id, { workspace });
      expect(run).toMatchObject({ kind: 'done', failed: 0 });
      expect(run.lines).toContainEqual(
        expect.objectContaining({ event: 'reconcile.project-unreadable', level: 'error', projectId: gone }),
      );
      expect(story.membersOf(projects[2] ?? '')).toHaveLength(1);
      if (gone === projects[0]) expect(story.membersOf(gone)).toEqual([]);
    }
    expect(projects.map((project) => story.membersOf(project).length)).toEqual([1, 1, 1]);
  });

  test('because it is gone is only a warning where nobody is to be any more', async () => {
    const { customer, project, contract } = await newHire();
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id);
    const workspace = unreadable([project], () => new WorkspaceRejectedError('There is no such project.'));
    const run = await runReconcile(story, customer.id, { workspace });
    expect(run).toMatchObject({ kind: 'done', failed: 0 });
    expect(run.lines).toContainEqual(
      expect.objectContaining({ event: 'reconcile.project-unreadable', level: 'warn', projectId: project }),
    );
  });

  test('because the workspace is away holds up no end of a contract, and the run is tried again', async () => {
    const { customer, jobId, projects } = await threeProjects();
    const newcomer = customer.hire(jobId);
    const leaver = customer.hire(jobId);
    await runReconcile(story, customer.id, { workspace: unreadable(projects, () => new WorkspaceRejectedError('no')) });
    story.opentrain.endContract(leaver.id);
    const away = unreadable(projects, () => new WorkspaceUnavailableError('It is away.'));
    const run = await runReconcile(story, customer.id, { workspace: away });
    expect(run).toMatchObject({ kind: 'retry', reason: 'busy', repaired: { contract_ended: 1 }, failed: 1 });
    // One such answer will do: the others are not asked for.
    expect(run.events.filter((event) => event === 'reconcile.project-unreadable')).toHaveLength(1);
    expect(story.membersOf(projects[0] ?? '')).toEqual([newcomer.trainer?.workEmail]);
    expect((await story.store.reconciliations.get(customer.id))?.outcome).toBe('busy');
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ missing_in_workspace: 3 });
  });
});

function seatIn(trainerId: string, { memberId, openGrants }: { memberId: string; openGrants: string[] }): Seat {
  const trainer = {
    opentrainUserId: trainerId as TrainerId,
    workEmail: `${trainerId}@opentrain.work` as WorkEmail,
    displayName: trainerId,
  };
  const ref = { workspaceId: 'default' as WorkspaceId, project: '*', trainerId: trainer.opentrainUserId } as const;
  return {
    ...ref,
    trainer,
    memberId: memberId as MemberId,
    openGrants: new Set(openGrants),
    revision: 1,
    settled: true,
  };
}
