import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reconcileConnection } from '../../shared/reconcile/reconcile-connection.ts';
import { NeedsPersonError } from '../../shared/workspace/errors.ts';
import { reconcileParts, runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';
import { countedTable } from '../support/worker.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const now = () => story.opentrain.clock.now();

describe('what no delivery told', () => {
  test('a link and its hires are found, and those whose contracts ended are out', async () => {
    const { customer, jobId, contract, project, workEmail, link } = await story.newHire();
    const second = customer.hire(jobId);
    const { checked, repaired } = await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail].sort());
    expect({ checked, repaired }).toEqual({ checked: 2, repaired: { 'record-link': 1, contract_unheard_of: 2 } });

    story.opentrain.endContract(contract.id);
    const ended = await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail]);
    expect(ended.repaired).toEqual({ contract_ended: 1 });
    expect(await customer.grant(contract, link)).toMatchObject({
      state: 'ended',
      endDate: story.opentrain.contract(contract.id).endDate,
    });
  });

  test('contracts of every customer are found by one schedule, each in a job of its own', async () => {
    const hires = [await story.newHire(), await story.newHire()];
    await story.connector.reconcile();
    for (const { project, workEmail } of hires) expect(story.membersOf(project)).toEqual([workEmail]);
    const done = story.lines.filter(({ event }) => event === 'reconcile.connection-done');
    expect(done.map(({ connectionId }) => connectionId)).toEqual(
      expect.arrayContaining(hires.map(({ customer }) => customer.id)),
    );
  });

  test('who provisions is respected: nobody is let in by a link that OpenTrain looks after itself', async () => {
    const { customer, project } = await story.newHire({ mode: 'MANAGED_ADAPTER' });
    expect(await runReconcile(story, customer.id)).toMatchObject({ checked: 0, repairs: [] });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('ended is final: a contract that is over here stays so, though OpenTrain lists it as running', async () => {
    const { customer, contract, link, project } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    const ended = { ...customer.event('contract.started'), id: '99999999999999999999', type: 'contract.ended' };
    await customer.deliver(ended);
    const { checked, repaired } = await runReconcile(story, customer.id);
    expect({ checked, repaired }).toEqual({ checked: 1, repaired: { 'record-link': 1 } });
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
  });

  test('a crash between two steps of an event is made good: a claim that was lost, and one that was left behind', async () => {
    const { customer, contract, link, project, trainer, workEmail } = await story.newHire();
    await runReconcile(story, customer.id);
    const seat = await story.seatOf(project, trainer);
    const grant = await customer.grant(contract, link);
    if (seat === undefined || grant === undefined) throw new Error('Nobody was let in.');

    await story.store.seats.release(seat, grant, now());
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ claim_lost: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);

    // Taken out by hand meanwhile: nobody is let in for a moment.
    await story.store.grants.end(grant, {}, now());
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    const released = await runReconcile(story, customer.id);
    expect(released.repaired).toEqual({ claim_left_behind: 1 });
    expect(released.calls.workspace).not.toContain('putMember');
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('a contract that OpenTrain lists neither as running nor as ended', () => {
  test('loses its access, but not for good', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await runReconcile(story, customer.id);
    const paused = { opentrainFetch: withoutContracts };
    expect((await runReconcile(story, customer.id, paused)).repaired).toEqual({ contract_untold: 1 });
    expect(story.membersOf(project)).toEqual([]);
    expect((await runReconcile(story, customer.id, paused)).repaired).toEqual({});
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ reconnected: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

/** OpenTrain, whose lists of contracts are empty. */
const withoutContracts: typeof fetch = async (input) => {
  const { pathname } = new URL(input instanceof Request ? input.url : input);
  return pathname.endsWith('/contracts') ? Response.json({ contracts: [] }) : fetch(input);
};

/** OpenTrain, where paths with that end are answered by something else. */
const answeringFor =
  (end: string, answer: (pathname: string) => Response, otherwise: typeof fetch = fetch): typeof fetch =>
  async (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    return pathname.endsWith(end) ? answer(pathname) : otherwise(input, init);
  };

describe('a link with more contracts than OpenTrain lists', () => {
  test('is told, and nobody is taken for gone whom the list may have left out', async () => {
    const { customer, jobId, contract, project, workEmail, link } = await story.newHire();
    await runReconcile(story, customer.id);
    const newer = Array.from({ length: 200 }, () => customer.hire(jobId, 'Ana Sousa'));
    const full = await runReconcile(story, customer.id);
    expect(full).toMatchObject({ checked: 200, fullLinks: 1, untold: 1, held: [] });
    expect(full.lines).toContainEqual(
      expect.objectContaining({ event: 'contracts.list-full', level: 'warn', linkId: link.id, count: 200 }),
    );
    expect(await story.store.reconciliations.get(customer.id)).toMatchObject({ fullLinks: 1 });
    expect(story.membersOf(project)).toEqual(['ana.sousa@opentrain.work', workEmail]);

    // That it has ended is told by the other list, however full this one is.
    story.opentrain.endContract(contract.id);
    expect(await runReconcile(story, customer.id)).toMatchObject({
      fullLinks: 1,
      untold: 0,
      repaired: { contract_ended: 1 },
    });
    expect(story.membersOf(project)).toEqual(['ana.sousa@opentrain.work']);

    for (const { id } of newer.slice(0, 1)) story.opentrain.endContract(id);
    expect(await runReconcile(story, customer.id)).toMatchObject({ checked: 199, fullLinks: 0, untold: 0 });
  });
});

describe('consent that comes later', () => {
  test('trainers who were parked without a Work Email are let in by the next run, and until then nothing is written', async () => {
    const { customer, contract, link, project, workEmail } = await story.newHire({ piiConsent: false });
    const first = await runReconcile(story, customer.id);
    expect(first).toMatchObject({ waiting: 1, held: [] });
    expect(first.calls.opentrain).not.toContain('getContractBudget');
    const before = await customer.grant(contract, link);
    expect(before).toMatchObject({ state: 'parked', reason: 'waiting_for_consent' });
    await story.opentrain.clock.advance(1_000);
    const { waiting, repaired } = await runReconcile(story, customer.id);
    expect({ waiting, repaired }).toEqual({ waiting: 1, repaired: {} });
    expect(await customer.grant(contract, link)).toEqual(before);
    expect(story.membersOf(project)).toEqual([]);

    story.opentrain.setPiiConsent(customer.installId, true);
    expect(await runReconcile(story, customer.id)).toMatchObject({ waiting: 0, repaired: { was_parked: 1 } });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await customer.connection()).piiConsent).toBe(true);
  });

  test('and so is one whom an event had parked', async () => {
    const { customer, project, workEmail } = await story.newHire({ piiConsent: false });
    expect(await customer.deliver(customer.event('contract.started'))).toBe('parked: waiting_for_consent');
    story.opentrain.setPiiConsent(customer.installId, true);
    await story.connector.reconcile();
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('what needs a person', () => {
  test('is told once, tried again by every run, and made so once they have helped', async () => {
    const { customer, contract, link, project, workEmail } = await story.newHire();
    const ensureAccess = async (): Promise<never> => {
      throw new NeedsPersonError('Somebody must help.', { steps: ['Help.'] });
    };
    const stuck = { workspace: { ensureAccess } };
    const first = await runReconcile(story, customer.id, stuck);
    expect(first).toMatchObject({ kind: 'done', waiting: 1, failed: 0 });
    expect(first.lines).toContainEqual(expect.objectContaining({ event: 'reconcile.needs-person', level: 'error' }));
    const parked = await customer.grant(contract, link);
    expect(parked).toMatchObject({ state: 'parked', reason: 'action_required', steps: ['Help.'] });

    await story.opentrain.clock.advance(1_000);
    const second = await runReconcile(story, customer.id, stuck);
    expect([second.waiting, second.repaired]).toEqual([1, {}]);
    expect(second.events).not.toContain('reconcile.needs-person');
    expect(await customer.grant(contract, link)).toEqual(parked);

    expect(await runReconcile(story, customer.id)).toMatchObject({ waiting: 0, repaired: { was_parked: 1 } });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('by a second contract, too, is one person who waits', async () => {
    const { customer, jobId, project, trainer } = await story.newHire({ trainer: 'Hired Twice' });
    await runReconcile(story, customer.id);
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    customer.hire(jobId, 'Hired Twice');
    const ensureAccess = async (): Promise<never> => {
      throw new NeedsPersonError('Somebody must help.', { steps: ['Help.'] });
    };
    const run = await runReconcile(story, customer.id, { workspace: { ensureAccess } });
    expect(run).toMatchObject({ kind: 'done', waiting: 1 });
  });
});

describe('somebody who was put back by hand before they were hired anew', () => {
  test('is not taken out because they cannot be let in at once', async () => {
    const { customer, jobId, contract, project, trainer, workEmail } = await story.newHire({ trainer: 'Back Again' });
    await runReconcile(story, customer.id);
    story.opentrain.endContract(contract.id);
    await runReconcile(story, customer.id);
    story.workspace.addMemberByHand(project, { ...trainer, workEmail });
    customer.hire(jobId, 'Back Again');
    const ensureAccess = async (): Promise<never> => {
      throw new Error('Nobody foresaw this.');
    };
    const run = await runReconcile(story, customer.id, { workspace: { ensureAccess } });
    expect(run.repairs.map(({ action, why }) => `${action}: ${why}`)).toEqual([
      'add: contract_unheard_of',
      'note: unsettled',
    ]);
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('budgets', () => {
  test('are asked for where they were never told, and then no more', async () => {
    const { customer, contract, project } = await story.newHire();
    story.opentrain.fundMilestone(contract.id, { volume: 10 });
    const first = await runReconcile(story, customer.id);
    expect(first.calls.opentrain).toContain('getContractBudget');
    expect(await customer.budget(contract)).toMatchObject({ state: 'OK', fundedVolume: 10 });
    const second = await runReconcile(story, customer.id);
    expect(second.calls.opentrain).not.toContain('getContractBudget');
    expect(story.workspace.noticeOf(project)).toBeUndefined();
  });

  test('are asked for after a pause, of whichever side: milestone events are not replayed', async () => {
    const { customer, contract, project, trainer } = await story.newHire();
    story.opentrain.fundMilestone(contract.id, { volume: 1 });
    await runReconcile(story, customer.id);
    const workDate = new Date(now()).toISOString().slice(0, 10);
    await customer.client.reportContractUsage(contract.id as never, [
      { workDate, totalSeconds: 3_600, workerOpentrainUserId: trainer.opentrainUserId },
    ]);
    await story.opentrain.clock.advance(HOUR - 60_000);
    await runReconcile(story, customer.id);
    expect(story.workspace.noticeOf(project)).toBeUndefined();

    await story.opentrain.clock.advance(2 * HOUR);
    await runReconcile(story, customer.id);
    expect(story.workspace.noticeOf(project)).toMatchObject({ state: 'DEPLETED' });

    story.opentrain.fundMilestone(contract.id, { volume: 100 });
    await story.opentrain.clock.advance(DAY);
    await runReconcile(story, customer.id);
    expect(story.workspace.noticeOf(project)).toBeUndefined();
  });

  test('that are warned of are asked for in each run, and written only when they have changed', async () => {
    const { customer, contract, project, trainer } = await story.newHire();
    story.opentrain.fundMilestone(contract.id, { volume: 1 });
    const workDate = new Date(now()).toISOString().slice(0, 10);
    await customer.client.reportContractUsage(contract.id as never, [
      { workDate, totalSeconds: 3_600, workerOpentrainUserId: trainer.opentrainUserId },
    ]);
    await runReconcile(story, customer.id);
    expect(story.workspace.noticeOf(project)).toMatchObject({ state: 'DEPLETED' });

    const before = await everything(customer.id);
    await story.opentrain.clock.advance(30 * 60_000);
    const quiet = await runReconcile(story, customer.id);
    expect(quiet.calls.opentrain.filter((one) => one === 'getContractBudget')).toHaveLength(1);
    const changed = (await everything(customer.id)).filter((item) => !before.includes(item));
    expect(changed.map((item) => JSON.parse(item).sk)).toEqual(['RECONCILIATION']);

    // Nobody is told of that.
    story.opentrain.fundMilestone(contract.id, { volume: 100 });
    await story.opentrain.clock.advance(30 * 60_000);
    await runReconcile(story, customer.id);
    expect(await customer.budget(contract)).toMatchObject({ state: 'OK', fundedVolume: 101 });
    expect(story.workspace.noticeOf(project)).toBeUndefined();
    expect((await runReconcile(story, customer.id)).calls.opentrain).not.toContain('getContractBudget');
  });

  test('a pause is over only once all of them were asked for, each of them once', async () => {
    const { customer, jobId } = await story.newHire();
    for (let more = 0; more < 2; more += 1) customer.hire(jobId);
    await runReconcile(story, customer.id);
    await story.opentrain.clock.advance(DAY);
    const plannedAt = now();
    const asked = new Set<string>();
    const soonAway: typeof fetch = async (input) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      if (pathname.endsWith('/budget')) asked.add(pathname);
      return asked.size > 1 ? Response.json({}, { status: 503 }) : fetch(input);
    };
    expect(await runReconcile(story, customer.id, { opentrainFetch: soonAway, plannedAt })).toMatchObject({
      kind: 'retry',
      failed: 1,
    });
    // While OpenTrain is away, the third one is not asked for.
    expect(asked.size).toBe(2);
    await story.opentrain.clock.advance(60_000);
    const again = await runReconcile(story, customer.id, { plannedAt });
    expect(again.calls.opentrain.filter((one) => one === 'getContractBudget')).toHaveLength(2);
  });

  test('one that OpenTrain does not know any more keeps nobody from the others', async () => {
    const { customer } = await story.newHire();
    const gone: typeof fetch = async (input) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      const no = { error: 'no', code: 'NOT_FOUND', requestId: 'r' };
      return pathname.endsWith('/budget') ? Response.json(no, { status: 404 }) : fetch(input);
    };
    const run = await runReconcile(story, customer.id, { opentrainFetch: gone });
    expect(run).toMatchObject({ kind: 'done', failed: 0 });
  });
});

describe('a part of a connection', () => {
  test('one project, or one trainer, and nobody else: newcomers are asked for their names first', async () => {
    const { customer, jobId, project, trainer, workEmail } = await story.newHire();
    const other = customer.link(jobId);
    const second = customer.hire(jobId);
    const named = await runReconcile(story, customer.id, { only: { trainerId: trainer.opentrainUserId as never } });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(story.membersOf(other.project)).toEqual([workEmail]);
    expect(named.repairs.every(({ trainerId }) => trainerId === trainer.opentrainUserId)).toBe(true);

    await runReconcile(story, customer.id, { only: { projectId: project as never } });
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail].sort());
    expect(story.membersOf(other.project)).toEqual([workEmail]);
    // Of all contracts that are let in by now, budgets are asked for of one.
    const apart = customer.postJob();
    const { project: third } = customer.link(apart);
    customer.hire(apart);
    for (const only of [{ trainerId: trainer.opentrainUserId as never }, { projectId: third as never }]) {
      const { calls } = await runReconcile(story, customer.id, { only });
      expect(calls.opentrain.filter((one) => one === 'getContractBudget')).toHaveLength(1);
    }
    // A run over a part says nothing about the rest, and has a summary of its own.
    expect(await story.store.reconciliations.get(customer.id)).toBeUndefined();
    expect(await story.store.reconciliations.getPart(customer.id)).toMatchObject({
      only: { projectId: third },
      checked: 5,
      repaired: { contract_unheard_of: 1 },
      failed: 0,
      outcome: 'active',
    });
  });
});

describe('when one side is away', () => {
  test('a busy workspace is asked no further, and the run is tried again after what it asked for', async () => {
    const { customer, jobId, project } = await story.newHire();
    for (let more = 0; more < 9; more += 1) customer.hire(jobId);
    story.workspace.rateLimit({ calls: 0, perSeconds: 77 });
    const { kind, failed, calls, ...outcome } = await runReconcile(story, customer.id);
    expect({ kind, failed }).toEqual({ kind: 'retry', failed: 10 });
    expect(outcome).toMatchObject({ reason: 'busy', retryAfterSeconds: 77 });
    // Those that were under way at once.
    expect(calls.workspace.length).toBeLessThanOrEqual(4);
    const failures = outcome.lines.filter(({ event }) => event === 'reconcile.repair-failed');
    expect(new Set(failures.map(({ level }) => level))).toEqual(new Set(['warn']));
    story.workspace.rateLimit(null);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toHaveLength(10);
  });

  test('a busy OpenTrain is asked for no more newcomers, and nobody stays in for it', async () => {
    const { customer, jobId, contract, project } = await story.newHire();
    await runReconcile(story, customer.id);
    story.opentrain.endContract(contract.id);
    for (let more = 0; more < 9; more += 1) customer.hire(jobId);
    const asked = new Set<string>();
    const busy = answeringFor('/participants', (pathname) => {
      asked.add(pathname);
      return Response.json({}, { status: 503, headers: { 'retry-after': '40' } });
    });
    const run = await runReconcile(story, customer.id, { opentrainFetch: busy });
    expect(run).toMatchObject({ kind: 'retry', reason: 'busy', failed: 9, repaired: { contract_ended: 1 } });
    expect(asked.size).toBeLessThanOrEqual(4);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('of several failures, the one that says when to come back is heeded', async () => {
    const { customer, jobId, contract } = await story.newHire();
    await runReconcile(story, customer.id);
    story.opentrain.endContract(contract.id);
    customer.hire(jobId);
    const no = { error: 'no', code: 'FORBIDDEN', requestId: 'r' };
    const refusing = answeringFor('/webhook-endpoints', () => Response.json(no, { status: 403 }));
    const busy = answeringFor(
      '/participants',
      () => Response.json({}, { status: 503, headers: { 'retry-after': '40' } }),
      refusing,
    );
    const stop = new AbortController();
    const revokeAccess = async (): Promise<never> => {
      stop.abort();
      throw new Error('Time is up.');
    };
    const run = await runReconcile(story, customer.id, {
      opentrainFetch: busy,
      workspace: { revokeAccess },
      signal: stop.signal,
    });
    expect(run).toMatchObject({ kind: 'retry', reason: 'busy', retryAfterSeconds: 40 });
  });

  test('what OpenTrain refuses keeps nobody from being taken out: a scope may be missing', async () => {
    const { customer, jobId, contract, project } = await story.newHire();
    await runReconcile(story, customer.id);
    story.opentrain.endContract(contract.id);
    customer.hire(jobId);
    const refusing: typeof fetch = async (input) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      return pathname.endsWith('/participants')
        ? Response.json({ error: 'no', code: 'FORBIDDEN', requestId: 'r' }, { status: 403 })
        : fetch(input);
    };
    const refused = await runReconcile(story, customer.id, { opentrainFetch: refusing });
    expect(refused).toMatchObject({ kind: 'done', failed: 1, repaired: { contract_ended: 1 } });
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.connection()).attention).toBe('opentrain_forbidden');
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toHaveLength(1);
    expect((await customer.connection()).attention).toBeUndefined();
  });

  test('a run whose time runs out is gone on with, not called done', async () => {
    const { customer, jobId } = await story.newHire();
    for (let more = 0; more < 9; more += 1) customer.hire(jobId);
    const stop = new AbortController();
    let let_in = 0;
    const slow = {
      ensureAccess: async () => {
        let_in += 1;
        if (let_in === 1) throw new Error('Nobody foresaw this.');
        if (let_in === 2) stop.abort();
        return {};
      },
    };
    const outcome = await runReconcile(story, customer.id, { workspace: slow, signal: stop.signal });
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'out-of-time' });
    expect(outcome.failed).toBeGreaterThanOrEqual(5);
    // Those that were under way at once, and the one that had failed before.
    const tried = outcome.events.filter((event) => event === 'reconcile.repair-failed');
    expect(tried.length).toBeLessThanOrEqual(5);
    // Nobody is to blame for that.
    expect(outcome.events).not.toContain('reconcile.project-unreadable');
    expect(outcome.events).not.toContain('reconcile.budget-failed');
    expect((await story.store.reconciliations.get(customer.id))?.completeAt).toBeUndefined();
  });
});

describe('the summary', () => {
  test('says in the table and in the log what was checked, repaired, held and failed, and how long it took', async () => {
    const { customer } = await story.newHire();
    const { lines, runId } = await runReconcile(story, customer.id);
    expect(await story.store.reconciliations.get(customer.id)).toMatchObject({
      runId,
      at: expect.any(Number),
      durationMs: expect.any(Number),
      checked: 1,
      fullLinks: 0,
      repaired: { 'record-link': 1, contract_unheard_of: 1 },
      waiting: 0,
      failed: 0,
      outcome: 'active',
      completeAt: expect.any(Number),
    });
    const done = { event: 'reconcile.connection-done', level: 'info', connectionId: customer.id, runId };
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...done,
        count: 1,
        repaired: 2,
        repairedBy: { 'record-link': 1, contract_unheard_of: 1 },
        held: 0,
        failed: 0,
        durationMs: expect.any(Number),
      }),
    );
  });

  test('is left by a run that comes to nothing, too, which forgets neither what is held nor when all was complete', async () => {
    const { customer, jobId } = await story.newHire();
    const contracts = Array.from({ length: 5 }, () => customer.hire(jobId));
    await runReconcile(story, customer.id);
    for (const { id } of contracts) story.opentrain.endContract(id);
    await runReconcile(story, customer.id);
    const before = await story.store.reconciliations.get(customer.id);
    expect(before).toMatchObject({ hold: { count: 5 }, completeAt: expect.any(Number) });

    const away = answeringFor('/installs/current', () => Response.json({}, { status: 503 }));
    const { parts, lines } = reconcileParts(story, { opentrainFetch: away });
    const { signal } = new AbortController();
    const request = { connectionId: customer.id, runId: 'fruitless' };
    const fruitless = reconcileConnection({ ...request, isDryRun: true }, parts, signal);
    await expect(fruitless).rejects.toMatchObject({ kind: 'transient' });
    expect(await story.store.reconciliations.get(customer.id)).toEqual(before);
    expect(lines).toEqual([]);

    await expect(reconcileConnection(request, parts, signal)).rejects.toMatchObject({ kind: 'transient' });
    expect(await story.store.reconciliations.get(customer.id)).toMatchObject({
      runId: 'fruitless',
      checked: 0,
      repaired: {},
      failed: 1,
      outcome: 'busy',
      hold: before?.hold,
      completeAt: before?.completeAt,
    });
    const unfinished = { event: 'reconcile.connection-unfinished', level: 'warn', ...request };
    expect(lines).toContainEqual(expect.objectContaining({ ...unfinished, failed: 1, outcome: 'busy', count: 0 }));

    const part = { ...request, only: { projectId: 'p' as never } };
    await expect(reconcileConnection(part, parts, signal)).rejects.toMatchObject({ kind: 'transient' });
    expect(await story.store.reconciliations.getPart(customer.id)).toMatchObject({ runId: 'fruitless', failed: 1 });
  });
});

describe('a run that finds nothing to do', () => {
  test('writes its summary and nothing else, and makes as many requests for ten contracts as for one', async () => {
    const { customer, jobId } = await story.newHire({ delivered: true });
    await story.idle();
    await runReconcile(story, customer.id);
    const one = await runReconcile(story, customer.id);
    expect(one.calls).toEqual({
      // The connection, the last run, grants, links, the connection once more, seats, budgets; and the summary.
      dynamodb: 8,
      opentrain: ['getCurrentInstall', 'listWebhookEndpoints', 'listProjectLinks', 'listContracts'],
      workspace: ['listMembers'],
    });
    expect(one).toMatchObject({ repairs: [], endpoint: 'fine', checked: 1 });

    for (let more = 0; more < 9; more += 1) customer.hire(jobId);
    await story.idle();
    await runReconcile(story, customer.id);
    const ten = await runReconcile(story, customer.id);
    expect(ten).toMatchObject({ checked: 10, calls: one.calls });

    const items = await everything(customer.id);
    await story.opentrain.clock.advance(1_000);
    await runReconcile(story, customer.id);
    const changed = (await everything(customer.id)).filter((item) => !items.includes(item));
    expect(changed.map((item) => JSON.parse(item).sk)).toEqual(['RECONCILIATION']);
  });
});

/** Every item of a connection, as text. */
async function everything(connection: string): Promise<string[]> {
  const { table } = countedTable(story.connector.emulators);
  const items: string[] = [];
  for await (const item of table.list(`CONN#${connection}`, '')) items.push(JSON.stringify(item));
  return items;
}
