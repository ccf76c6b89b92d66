import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import { runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

/** Rule 10: no mass removal by accident. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type Contract = ReturnType<Story['opentrain']['hire']>;
type Run = Awaited<ReturnType<typeof runReconcile>>;

/** A customer with so many trainers in one project. */
async function withCrew(size: number, { project = story.unique('project') } = {}) {
  const customer = await story.newCustomer();
  const job = customer.postJob();
  const link = customer.link(job, { project });
  const contracts = Array.from({ length: size }, () => customer.hire(job));
  const { held } = await runReconcile(story, customer.id);
  expect(held).toEqual([]);
  const end = (some: readonly Contract[]) => {
    for (const { id } of some) story.opentrain.endContract(id);
  };
  return {
    customer,
    job,
    link,
    project,
    contracts,
    end,
    run: (options: Parameters<typeof runReconcile>[2] = {}) => runReconcile(story, customer.id, options),
    members: () => story.membersOf(project).length,
    hold: async () => (await story.store.reconciliations.get(customer.id))?.hold,
  };
}

const contractsOf = (rows: Run['held']) => rows.map(({ contractId }) => contractId).sort();
const idsOf = (contracts: readonly Contract[]) => contracts.map(({ id }) => id).sort();
const emailsOf = (contracts: readonly Contract[]) => contracts.map(({ trainer }) => trainer?.workEmail);

/** OpenTrain, whose lists of contracts are empty. */
const withoutContracts: typeof fetch = async (input) => {
  const { pathname } = new URL(input instanceof Request ? input.url : input);
  return pathname.endsWith('/contracts') ? Response.json({ contracts: [] }) : fetch(input);
};

describe('so many removals in one run', () => {
  test.each([
    { seats: 4, allowed: 3 },
    { seats: 19, allowed: 3 },
    { seats: 20, allowed: 4 },
    { seats: 30, allowed: 6 },
  ])('of $seats seats, $allowed go at once; of one more, none goes', async ({ seats, allowed }) => {
    const some = await withCrew(seats);
    some.end(some.contracts.slice(0, allowed));
    expect(await some.run()).toMatchObject({ repaired: { contract_ended: allowed }, held: [], holdRunId: undefined });
    expect(some.members()).toBe(seats - allowed);
    expect(await some.hold()).toBeUndefined();

    const others = await withCrew(seats);
    const ended = others.contracts.slice(0, allowed + 1);
    others.end(ended);
    const run = await others.run();
    expect(run).toMatchObject({ kind: 'done', repairs: [], holdRunId: run.runId });
    expect(contractsOf(run.held)).toEqual(idsOf(ended));
    expect(others.members()).toBe(seats);
    expect(await others.hold()).toMatchObject({
      runId: run.runId,
      count: allowed + 1,
      removals: { length: allowed + 1 },
    });
  });

  test('are told: one error for the run, one line for each of them, and all of them in the summary', async () => {
    const { customer, contracts, end, run, project, link, hold } = await withCrew(4);
    end(contracts);
    const { lines, runId } = await run();
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'reconcile.held',
        level: 'error',
        connectionId: customer.id,
        runId,
        held: 4,
        reason: runId,
      }),
    );
    for (const { id: contractId, trainer } of contracts) {
      expect(lines).toContainEqual(
        expect.objectContaining({
          event: 'reconcile.removal-held',
          level: 'warn',
          connectionId: customer.id,
          runId,
          contractId,
          linkId: link.id,
          projectId: project,
          trainerId: trainer?.opentrainUserId,
          reason: 'contract_ended',
        }),
      );
    }
    expect(lines.filter(({ event }) => event === 'reconcile.removal-held')).toHaveLength(4);
    const removals = (await hold())?.removals.join() ?? '';
    for (const { trainer } of contracts) expect(removals).toContain(trainer?.opentrainUserId);

    // The same ones keep the name of the run that held them first.
    const again = await run();
    expect(again).toMatchObject({ holdRunId: runId, held: { length: 4 } });
    expect(again.lines).toContainEqual(expect.objectContaining({ event: 'reconcile.held', reason: runId }));
  });

  test('hold up no addition of the same run, and nobody whom another claim keeps in', async () => {
    const { customer, job, contracts, end, run, project, link, members } = await withCrew(5);
    const [twice] = contracts;
    const [first] = (twice?.trainer?.workEmail ?? '').split('@');
    const second = customer.hire(job, (first ?? '').replaceAll('.', ' '));
    await run();
    expect(second.trainer?.opentrainUserId).toBe(twice?.trainer?.opentrainUserId);
    const newcomers = [customer.hire(job), customer.hire(job)];
    end(contracts);
    const outcome = await run();
    expect(outcome.repaired).toEqual({ contract_unheard_of: 2, contract_ended: 1 });
    expect(contractsOf(outcome.held)).toEqual(idsOf(contracts.slice(1)));
    expect(members()).toBe(7);
    expect(story.membersOf(project)).toEqual(expect.arrayContaining(emailsOf(newcomers)));
    expect((await customer.grant(twice ?? second, link))?.state).toBe('ended');
  });

  test('are counted together, of whichever kind: ended contracts, a removed link, people put in by hand', async () => {
    const { customer, job, contracts, end, run, project } = await withCrew(8);
    const left = contracts.slice(0, 2);
    end(left);
    await run();
    const other = customer.postJob();
    const gone = customer.link(other);
    customer.hire(other);
    await run();

    for (const { trainer } of left)
      story.workspace.addMemberByHand(project, trainer ?? { workEmail: '', displayName: '' });
    story.opentrain.unlinkProject(customer.installId, gone.id);
    const three = await run({ isDryRun: true });
    expect(three).toMatchObject({ held: [], repairs: { length: 4 } });
    end(contracts.slice(2, 3));
    const outcome = await run();
    expect(outcome.held.map(({ why }) => why).sort()).toEqual([
      'contract_ended',
      'link_removed',
      'still_in_workspace',
      'still_in_workspace',
      // The link itself.
      undefined,
    ]);
    expect(outcome.repaired).toEqual({});
    expect([story.membersOf(project).length, story.membersOf(gone.project).length]).toEqual([8, 1]);
    expect(await run({ approve: outcome.holdRunId })).toMatchObject({ held: [] });
    expect([story.membersOf(project).length, story.membersOf(gone.project).length]).toEqual([5, 0]);
    expect(story.opentrain.linksOf(customer.installId).map(({ jobId }) => jobId)).toEqual([job]);
  });

  test('are counted where only the claim is left of a grant that is over', async () => {
    const { customer, contracts, run, link, members } = await withCrew(4);
    for (const contract of contracts) {
      const grant = await customer.grant(contract, link);
      if (grant !== undefined) await story.store.grants.end(grant, {}, story.opentrain.clock.now());
    }
    const { held, repaired, holdRunId } = await run();
    expect({ why: new Set(held.map(({ why }) => why)), repaired }).toEqual({
      why: new Set(['claim_left_behind']),
      repaired: {},
    });
    expect(members()).toBe(4);
    expect(await run({ approve: holdRunId })).toMatchObject({ repaired: { claim_left_behind: 4 }, held: [] });
    expect(members()).toBe(0);
  });

  test('are not counted where a suspension stopped half-way, and the same run takes it back', async () => {
    const { customer, contracts, run, link, members } = await withCrew(4);
    for (const contract of contracts) {
      const grant = await customer.grant(contract, link);
      if (grant !== undefined) await story.store.grants.suspend(grant, story.opentrain.clock.now());
    }
    const { repaired, held, calls } = await run();
    expect({ repaired, held }).toEqual({ repaired: { reconnected: 4 }, held: [] });
    expect(calls.workspace).not.toContain('deleteMember');
    expect(members()).toBe(4);
  });

  test('are counted by who loses their place: four of two contracts each, and four who were hired anew, stay in', async () => {
    const names = ['One', 'Two', 'Three', 'Four'].map((name) => story.unique(`Hired ${name}`));
    const customer = await story.newCustomer();
    const job = customer.postJob();
    const { project } = customer.link(job);
    const first = names.map((name) => customer.hire(job, name));
    const second = names.map((name) => customer.hire(job, name));
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toHaveLength(4);

    for (const { id } of first) story.opentrain.endContract(id);
    const one = await runReconcile(story, customer.id);
    expect(one).toMatchObject({ held: [], repaired: { contract_ended: 4 } });

    for (const { id } of second) story.opentrain.endContract(id);
    for (const name of names) customer.hire(job, name);
    expect(await runReconcile(story, customer.id, { isDryRun: true })).toMatchObject({
      held: [],
      repairs: { length: 8 },
    });
    const other = await runReconcile(story, customer.id);
    expect(other).toMatchObject({ held: [], repaired: { contract_unheard_of: 4, contract_ended: 4 } });
    expect([...one.calls.workspace, ...other.calls.workspace]).not.toContain('deleteMember');
    expect(story.membersOf(project)).toHaveLength(4);
  });

  test('of a trainer whose every claim ends at once count as one, and are held together', async () => {
    const customer = await story.newCustomer();
    const job = customer.postJob();
    const { project } = customer.link(job);
    const names = ['One', 'Two', 'Three', 'Four'].map((name) => story.unique(`Twice ${name}`));
    const [last, ...three] = names.map((name) => [customer.hire(job, name), customer.hire(job, name)]);
    await runReconcile(story, customer.id);
    for (const { id } of three.flat()) story.opentrain.endContract(id);
    expect(await runReconcile(story, customer.id, { isDryRun: true })).toMatchObject({
      held: [],
      repairs: { length: 6 },
    });
    for (const { id } of last ?? []) story.opentrain.endContract(id);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [], held: { length: 8 } });
    expect(story.membersOf(project)).toHaveLength(4);
    expect((await story.store.reconciliations.get(customer.id))?.hold).toMatchObject({ count: 4 });
  });

  test('are measured by the connection’s own seats, and not by a neighbour’s in the same project', async () => {
    const neighbour = await withCrew(30);
    const { contracts, end, run } = await withCrew(5, neighbour);
    end(contracts.slice(0, 4));
    expect((await run()).held).toHaveLength(4);
    expect(neighbour.members()).toBe(35);
  });

  test('are measured by the seats that are held, and not by those that were given up', async () => {
    const { contracts, end, run, members } = await withCrew(20);
    for (const [from, to] of [
      [0, 4],
      [4, 7],
      [7, 10],
    ]) {
      end(contracts.slice(from, to));
      expect((await run()).held).toEqual([]);
    }
    end(contracts.slice(10, 14));
    expect((await run()).held).toHaveLength(4);
    expect(members()).toBe(10);
  });

  test('are no mass where a single event tells each of them: those go meanwhile, and are held no longer', async () => {
    const { customer, contracts, end, run, members, hold } = await withCrew(6);
    end(contracts.slice(0, 5));
    await run();
    for (const { id } of contracts.slice(0, 2)) await customer.deliver(customer.event('contract.ended', id));
    expect(members()).toBe(4);
    expect(await hold()).toMatchObject({ count: 5 });
    // Three are left, which is no mass.
    expect(await run()).toMatchObject({ held: [], repaired: { contract_ended: 3 } });
    expect(members()).toBe(1);
    expect(await hold()).toBeUndefined();
  });
});

describe('a link that OpenTrain denies', () => {
  /** OpenTrain, which has no links: neither on the list nor by name. */
  const withoutLinks: typeof fetch = async (input) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (pathname.endsWith('/project-links')) return Response.json({ projectLinks: [] });
    const no = { error: 'no', code: 'NOT_FOUND', requestId: 'r' };
    return pathname.includes('/project-links/') ? Response.json(no, { status: 404 }) : fetch(input);
  };

  test('is held as a whole with its removals: once it is there again, nothing was lost, and newcomers are let in', async () => {
    const { customer, job, link, run, members } = await withCrew(5);
    story.opentrain.setPiiConsent(customer.installId, false);
    const waiting = customer.hire(job);
    await run();
    story.opentrain.setPiiConsent(customer.installId, true);
    const denied = await run({ opentrainFetch: withoutLinks });
    expect(denied.repaired).toEqual({});
    expect(denied.held.map(({ action }) => action).sort()).toEqual(['forget link', ...Array(6).fill('remove')]);
    expect((await story.store.links.get(customer.id, link.id))?.removedAt).toBeUndefined();
    customer.hire(job);
    expect(await run()).toMatchObject({ held: [], repaired: { contract_unheard_of: 1, was_parked: 1 } });
    expect(members()).toBe(7);
    expect((await customer.grant(waiting, link))?.state).toBe('open');
  });

  test('is forgotten with its removals once a person has approved', async () => {
    const { customer, link, run, members } = await withCrew(4);
    story.opentrain.unlinkProject(customer.installId, link.id);
    const { holdRunId, held } = await run();
    expect(held).toHaveLength(5);
    expect(await run({ approve: holdRunId })).toMatchObject({ repaired: { 'remove-link': 1, link_removed: 4 } });
    expect(members()).toBe(0);
    expect((await story.store.links.get(customer.id, link.id))?.removedAt).toEqual(expect.any(Number));
  });
});

describe('a person’s approval', () => {
  test('of the run that holds lets exactly those through; twice is harmless', async () => {
    const { contracts, end, run, members, hold } = await withCrew(9);
    end(contracts.slice(0, 4));
    const { holdRunId } = await run();
    expect(holdRunId).toBeDefined();
    const approved = await run({ approve: holdRunId });
    expect(approved).toMatchObject({ repaired: { contract_ended: 4 }, held: [], holdRunId: undefined });
    expect(members()).toBe(5);
    expect(await hold()).toBeUndefined();
    expect(await run({ approve: holdRunId })).toMatchObject({ repairs: [], held: [] });
    expect(members()).toBe(5);
    end(contracts.slice(4, 8));
    expect(await run({ approve: holdRunId })).toMatchObject({ repairs: [], held: { length: 4 } });
    expect(members()).toBe(5);
  });

  test('of another run lets none through', async () => {
    const { contracts, end, run, members } = await withCrew(4);
    end(contracts);
    const { runId } = await run();
    const later = await run();
    expect(later.runId).not.toBe(runId);
    for (const approve of ['run-of-nobody', later.runId, '']) {
      expect(await run({ approve })).toMatchObject({ repairs: [], held: { length: 4 }, holdRunId: runId });
    }
    expect(members()).toBe(4);
  });

  test('covers none of those that were found later, whose hold has a name of its own', async () => {
    const { contracts, end, run, project, hold } = await withCrew(12);
    end(contracts.slice(0, 4));
    const { holdRunId } = await run();
    end(contracts.slice(4, 8));
    const approved = await run({ approve: holdRunId });
    expect(approved).toMatchObject({ repaired: { contract_ended: 4 }, held: { length: 4 } });
    expect(contractsOf(approved.held)).toEqual(idsOf(contracts.slice(4, 8)));
    expect(approved.holdRunId).toBe(approved.runId);
    expect(story.membersOf(project)).toEqual(emailsOf(contracts.slice(4)).sort());
    expect(await hold()).toMatchObject({ runId: approved.runId, count: 4 });

    expect(await run({ approve: holdRunId })).toMatchObject({ repairs: [], held: { length: 4 } });
    await run({ approve: approved.runId });
    expect(story.membersOf(project)).toEqual(emailsOf(contracts.slice(8)).sort());
  });

  test('must be given anew once more are held than were shown', async () => {
    const { contracts, end, run, members } = await withCrew(6);
    end(contracts.slice(0, 4));
    const first = await run();
    end(contracts.slice(4));
    const second = await run();
    expect(second.holdRunId).toBe(second.runId);
    expect(await run({ approve: first.holdRunId })).toMatchObject({ repairs: [], held: { length: 6 } });
    expect(members()).toBe(6);
    await run({ approve: second.holdRunId });
    expect(members()).toBe(0);
  });

  test('in a dry run shows what it would let through, and lets nobody through', async () => {
    const { contracts, end, run, members, hold } = await withCrew(4);
    end(contracts);
    const { holdRunId } = await run();
    const before = await hold();
    expect(await run({ approve: holdRunId, isDryRun: true })).toMatchObject({ repairs: { length: 4 }, held: [] });
    expect(members()).toBe(4);
    expect(await hold()).toEqual(before);
  });
});

describe('a hold', () => {
  test('is forgotten when the contracts turn out to run', async () => {
    const { run, members, hold } = await withCrew(5);
    const { holdRunId, held } = await run({ opentrainFetch: withoutContracts });
    expect(held.map(({ why }) => why)).toEqual(Array.from({ length: 5 }, () => 'contract_untold'));
    expect(await hold()).toBeDefined();
    expect(await run()).toMatchObject({ repairs: [], held: [], holdRunId: undefined });
    expect(await hold()).toBeUndefined();
    // What was approved is not what is found now.
    const again = await run({ opentrainFetch: withoutContracts, approve: holdRunId });
    expect(again).toMatchObject({ repairs: [], held: { length: 5 } });
    expect(members()).toBe(5);
  });

  test('gets a new name when some of them turn out to run', async () => {
    const { contracts, end, run, hold } = await withCrew(9);
    end(contracts.slice(0, 4));
    const all = await run({ opentrainFetch: withoutContracts });
    expect(all.held).toHaveLength(9);
    const { held, holdRunId, runId } = await run();
    expect(contractsOf(held)).toEqual(idsOf(contracts.slice(0, 4)));
    expect(holdRunId).toBe(runId);
    expect(await hold()).toMatchObject({ count: 4 });
  });

  test('outlasts a run that could not look at everything', async () => {
    const { customer, contracts, end, run, project, members, hold } = await withCrew(6);
    end(contracts.slice(0, 3));
    await run();
    end(contracts.slice(3, 4));
    await run();
    for (const { trainer } of contracts.slice(0, 4)) {
      story.workspace.addMemberByHand(project, trainer ?? { workEmail: '', displayName: '' });
    }
    const { holdRunId } = await run();
    const before = await hold();
    expect(before).toMatchObject({ runId: holdRunId, count: 4 });

    const unlisted = {
      listAccess: async function* (): AsyncGenerator<never> {
        yield* [];
        throw new WorkspaceUnavailableError('It is away.');
      },
    };
    expect(await run({ workspace: unlisted })).toMatchObject({ kind: 'retry', held: [], holdRunId });
    expect(await hold()).toEqual(before);

    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    expect(await run()).toMatchObject({ install: 'refused', holdRunId });
    story.opentrain.setFeatureEnabled(customer.organizationId, true);
    expect(await hold()).toEqual(before);
    expect(members()).toBe(6);

    expect(await run({ approve: holdRunId })).toMatchObject({ repaired: { still_in_workspace: 4 }, held: [] });
    expect(members()).toBe(2);
  });

  test('outlasts a run that OpenTrain refuses, which finds none of those that it held', async () => {
    const { customer, contracts, end, run, members, hold } = await withCrew(5);
    end(contracts);
    const { holdRunId } = await run();
    const before = await hold();
    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    expect(await run()).toMatchObject({ install: 'refused', held: [], failed: 0, holdRunId });
    story.opentrain.setFeatureEnabled(customer.organizationId, true);
    expect(await hold()).toEqual(before);
    await run({ approve: holdRunId });
    expect(members()).toBe(0);
  });

  test('is not touched by a run over a part, which holds, but offers nothing for approval', async () => {
    const { contracts, end, run, project, members, hold } = await withCrew(5);
    end(contracts);
    await run();
    const before = await hold();
    const part = await run({ only: { projectId: project as never } });
    expect(part).toMatchObject({ repairs: [], held: { length: 5 }, holdRunId: undefined });
    expect(await hold()).toEqual(before);
    expect(members()).toBe(5);
  });
});

describe('a connection that is over', () => {
  test.each(['the customer', 'the operator'])('because %s said so: all its trainers go a day later', async (who) => {
    const { customer, run, members } = await withCrew(5);
    if (who === 'the customer') {
      story.opentrain.revoke(customer.installId);
      await customer.deliver(customer.event('install.revoked'));
    } else await story.store.connections.disconnectByOperator(customer.id, { gone: true }, story.opentrain.clock.now());
    await story.opentrain.clock.advance(23 * HOUR);
    expect(await run()).toMatchObject({ repairs: [], held: [] });
    expect(members()).toBe(5);
    await story.opentrain.clock.advance(HOUR);
    expect(await run()).toMatchObject({ repaired: { disconnected: 5 }, held: [] });
    expect(members()).toBe(0);
  });

  test('because OpenTrain refuses its token: its trainers stay until a person has approved', async () => {
    const { customer, run, members } = await withCrew(5);
    story.opentrain.setFeatureEnabled(customer.organizationId, false);
    await run();
    await story.opentrain.clock.advance(HOUR);
    expect((await run()).install).toBe('disconnected');
    await story.opentrain.clock.advance(24 * HOUR);
    const { held, holdRunId } = await run();
    expect(held.map(({ why }) => why)).toEqual(Array.from({ length: 5 }, () => 'disconnected'));
    expect(members()).toBe(5);
    expect(await run({ approve: holdRunId })).toMatchObject({ repaired: { disconnected: 5 }, held: [] });
    expect(members()).toBe(0);

    story.opentrain.setFeatureEnabled(customer.organizationId, true);
    expect((await run()).repaired).toEqual({ reconnected: 5 });
    expect(members()).toBe(5);
  });
});
