import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';

/** Links that come and go without a word. */

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

type Hired = Awaited<ReturnType<Story['newHire']>>;

/** A customer with one trainer who is in. */
async function newHire(): Promise<Hired> {
  const hired = await story.newHire();
  await runReconcile(story, hired.customer.id);
  expect(story.membersOf(hired.project)).toEqual([hired.workEmail]);
  return hired;
}

const linkOf = async ({ customer, link }: Pick<Hired, 'customer' | 'link'>) =>
  story.store.links.get(customer.id, link.id);

/** OpenTrain, where a `GET` of that path is answered by something else. */
const answering =
  (path: string, answer: (request: Request) => Promise<Response>): typeof fetch =>
  async (input) => {
    const request = input instanceof Request ? input : new Request(input);
    return new URL(request.url).pathname.endsWith(path) ? answer(request) : fetch(request);
  };

describe('a link that was removed', () => {
  test('ends its grants, without a contract.ended; a late contract.started brings nobody back', async () => {
    const hired = await newHire();
    const { customer, contract, link, project } = hired;
    story.opentrain.unlinkProject(customer.installId, link.id);
    const run = await runReconcile(story, customer.id);
    expect(run).toMatchObject({ repaired: { 'remove-link': 1, link_removed: 1 }, held: [] });
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
    expect((await linkOf(hired))?.removedAt).toEqual(expect.any(Number));

    await customer.deliver(customer.event('contract.started', contract.id));
    expect(story.membersOf(project)).toEqual([]);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [] });
  });

  test('leaves its trainers in where that is configured, and lets in nobody who waited', async () => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project, workEmail } = hired;
    story.opentrain.setPiiConsent(customer.installId, false);
    const waiting = customer.hire(jobId);
    const keep = { keepAfterUnlink: true };
    expect(await runReconcile(story, customer.id, keep)).toMatchObject({ waiting: 1 });
    story.opentrain.setPiiConsent(customer.installId, true);
    story.opentrain.unlinkProject(customer.installId, link.id);

    const run = await runReconcile(story, customer.id, keep);
    expect(run).toMatchObject({ repaired: { 'remove-link': 1, link_removed: 1 } });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await customer.grant(contract, link))?.state).toBe('open');
    expect((await customer.grant(waiting, link))?.state).toBe('ended');
    story.workspace.removeMemberByHand(project, contract.trainer?.opentrainUserId ?? '');
    expect((await runReconcile(story, customer.id, keep)).repaired).toEqual({ missing_in_workspace: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);

    // It is configured otherwise now.
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ link_removed: 1 });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('and another for the same contract: by that the trainer stays in, and in the one place that both lead to', async () => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project, workEmail } = hired;
    const second = customer.link(jobId);
    await runReconcile(story, customer.id);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await runReconcile(story, customer.id);
    expect([story.membersOf(project), story.membersOf(second.project)]).toEqual([[], [workEmail]]);
    expect((await customer.grant(contract, second))?.state).toBe('open');
  });

  test('and another for the same contract: where both lead to the whole workspace, nobody is taken out for a moment', async () => {
    const everywhere = { workspace: { accessScope: 'workspace' } } as const;
    const { customer, jobId, contract, link, workEmail } = await story.newHire();
    const second = customer.link(jobId);
    await runReconcile(story, customer.id, everywhere);
    story.opentrain.unlinkProject(customer.installId, link.id);
    const run = await runReconcile(story, customer.id, everywhere);
    expect(run.repaired).toEqual({ 'remove-link': 1, link_removed: 1 });
    expect(run.calls.workspace).not.toContain('deleteMember');
    expect(story.membersOf('*')).toEqual([workEmail]);
    expect([await customer.grant(contract, link), await customer.grant(contract, second)]).toMatchObject([
      { state: 'ended' },
      { state: 'open' },
    ]);
  });

  test('and made anew for the same project: whoever is in stays in, by the new one', async () => {
    const { customer, jobId, contract, link, project, workEmail } = await newHire();
    story.opentrain.unlinkProject(customer.installId, link.id);
    const anew = customer.link(jobId, { project });
    const run = await runReconcile(story, customer.id);
    expect(run.repaired).toEqual({ 'remove-link': 1, 'record-link': 1, contract_unheard_of: 1, link_removed: 1 });
    expect(run.calls.workspace).not.toContain('deleteMember');
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await customer.grant(contract, anew))?.state).toBe('open');
  });

  test.each(['active', 'ended'])(
    'while its %s contracts are being asked for: it is removed, and not an error',
    async (status) => {
      const hired = await newHire();
      const { customer, contract, link, project } = hired;
      // Without an end nobody asks for those that have ended.
      story.opentrain.endContract(contract.id);
      let isRemoved = false;
      const meanwhile = answering('/contracts', async (request) => {
        const isTime = !isRemoved && new URL(request.url).searchParams.get('status') === status;
        if (isTime) story.opentrain.unlinkProject(customer.installId, link.id);
        isRemoved ||= isTime;
        return fetch(request);
      });
      const run = await runReconcile(story, customer.id, { opentrainFetch: meanwhile });
      expect(run).toMatchObject({ kind: 'done', repaired: { 'remove-link': 1, link_removed: 1 } });
      expect(story.membersOf(project)).toEqual([]);
    },
  );

  test('and made anew for the same project, while nobody can be let in by it: whoever is in stays in', async () => {
    const { customer, jobId, contract, link, project, workEmail } = await newHire();
    story.opentrain.unlinkProject(customer.installId, link.id);
    const anew = customer.link(jobId, { project });
    const away = answering('/participants', async () => Response.json({}, { status: 503 }));
    for (let time = 0; time < 2; time += 1) {
      const run = await runReconcile(story, customer.id, { opentrainFetch: away });
      expect(run).toMatchObject({ kind: 'retry', failed: 1, held: [] });
      expect(run.repaired).not.toHaveProperty('link_removed');
      expect(story.membersOf(project)).toEqual([workEmail]);
    }
    const run = await runReconcile(story, customer.id);
    expect(run.repaired).toEqual({ contract_unheard_of: 1, link_removed: 1 });
    expect(run.calls.workspace).not.toContain('deleteMember');
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect([await customer.grant(contract, link), await customer.grant(contract, anew)]).toMatchObject([
      { state: 'ended' },
      { state: 'open' },
    ]);
  });

  test('leaves its trainers in where that is configured, until another link tells that their contract has ended', async () => {
    const { customer, jobId, contract, link, project, workEmail } = await newHire();
    const second = customer.link(jobId);
    const keep = { keepAfterUnlink: true };
    await runReconcile(story, customer.id, keep);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await runReconcile(story, customer.id, keep);
    expect([story.membersOf(project), story.membersOf(second.project)]).toEqual([[workEmail], [workEmail]]);

    // An event tells the end by the link that is left, and of that grant alone.
    story.opentrain.endContract(contract.id);
    await customer.deliver(customer.event('contract.ended', contract.id));
    expect([story.membersOf(project), story.membersOf(second.project)]).toEqual([[workEmail], []]);
    expect((await runReconcile(story, customer.id, keep)).repaired).toEqual({ contract_ended: 1 });
    expect(story.membersOf(project)).toEqual([]);
    expect(await customer.grant(contract, link)).toMatchObject({
      state: 'ended',
      endDate: story.opentrain.contract(contract.id).endDate,
    });
  });

  test('as the connector was told while OpenTrain still lists it: removed it stays', async () => {
    const hired = await newHire();
    const { customer, contract, link, project } = hired;
    const removed = { ...customer.event('contract.started', contract.id), id: '99999999999999999998' };
    await customer.deliver({ ...removed, type: 'project_link.removed', resourceId: link.id });
    expect(story.membersOf(project)).toEqual([]);
    customer.hire(hired.jobId);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [] });
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('a link that OpenTrain lists, though it was taken for removed', () => {
  const MINUTE = 60_000;

  test('counts again; who was locked out for good is named, and let in once the project is linked anew', async () => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project, workEmail } = hired;
    const second = customer.hire(jobId);
    await runReconcile(story, customer.id);
    // As far as a worker got that was told of a removal which never was: one grant has ended.
    await story.store.links.remove(customer.id, link.id, story.opentrain.clock.now());
    const { trainer, id } = contract;
    await customer.deliver({ ...customer.event('contract.started', id), id: '99999999999999999997' });
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail]);

    // It may be the list that is behind.
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [], lockedOut: [] });
    await story.opentrain.clock.advance(11 * MINUTE);
    const run = await runReconcile(story, customer.id);
    expect(run.repaired).toEqual({ still_listed: 1 });
    expect(run.lines).toContainEqual(
      expect.objectContaining({ event: 'link.still-listed', level: 'error', linkId: link.id, projectId: project }),
    );
    expect((await linkOf(hired))?.removedAt).toBeUndefined();
    const third = customer.hire(jobId);
    const next = await runReconcile(story, customer.id);
    expect(next.repaired).toEqual({ contract_unheard_of: 1 });
    const lockedOut = { contractId: id, linkId: link.id, projectId: project, trainerId: trainer?.opentrainUserId };
    expect(next.lockedOut).toEqual([lockedOut]);
    expect(next.lines).toContainEqual(
      expect.objectContaining({ event: 'contract.locked-out', level: 'error', ...lockedOut }),
    );
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail, third.trainer?.workEmail].sort());

    story.opentrain.unlinkProject(customer.installId, link.id);
    customer.link(jobId, { project });
    expect(await runReconcile(story, customer.id)).toMatchObject({ lockedOut: [], held: [] });
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail, third.trainer?.workEmail].sort());
  });

  test('ends nobody’s access, be it that the removal was interrupted', async () => {
    const { customer, jobId, link, project } = await newHire();
    for (let more = 0; more < 5; more += 1) customer.hire(jobId);
    await runReconcile(story, customer.id);
    await story.store.links.remove(customer.id, link.id, story.opentrain.clock.now());
    for (let time = 0; time < 3; time += 1) {
      await story.opentrain.clock.advance(9 * MINUTE);
      expect(await runReconcile(story, customer.id)).toMatchObject({ held: [], lockedOut: [] });
      expect(story.membersOf(project)).toHaveLength(6);
    }
    expect((await runReconcile(story, customer.id)).repairs).toEqual([]);
  });
});

describe('a link whose contracts cannot be listed', () => {
  /** OpenTrain, which answers so when it is asked for the contracts of a link. */
  const refusingFor = ({ id }: { readonly id: string }, status: number) =>
    answering('/contracts', async (request) => {
      const isMeant = new URL(request.url).searchParams.get('projectLinkId') === id;
      return isMeant ? Response.json({ error: 'no', code: 'NO', requestId: 'r' }, { status }) : fetch(request);
    });

  test.each([
    { status: 404, reason: 'unforeseen' },
    { status: 400, reason: 'unforeseen' },
    { status: 500, reason: 'busy' },
  ])('($status), though it is there, is left as it is, and keeps nobody from the rest', async ({ status, reason }) => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project, trainer, workEmail } = hired;
    const other = customer.link(customer.postJob());
    await runReconcile(story, customer.id);
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    const unheard = customer.hire(jobId);
    const elsewhere = customer.link(jobId);

    const run = await runReconcile(story, customer.id, { opentrainFetch: refusingFor(link, status) });
    expect(run).toMatchObject({ kind: 'retry', reason, failed: 1, held: [] });
    expect(run.repaired).toEqual({ 'record-link': 1, contract_unheard_of: 2, missing_in_workspace: 1 });
    expect(run.lines).toContainEqual(expect.objectContaining({ event: 'reconcile.link-unreadable', linkId: link.id }));
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(story.membersOf(elsewhere.project)).toHaveLength(2);
    expect((await linkOf(hired))?.removedAt).toBeUndefined();
    expect((await customer.grant(contract, link))?.state).toBe('open');
    expect((await linkOf({ customer, link: other }))?.removedAt).toBeUndefined();

    expect((await runReconcile(story, customer.id)).repaired).toEqual({ contract_unheard_of: 1 });
    expect(story.membersOf(project)).toEqual([workEmail, unheard.trainer?.workEmail].sort());
  });

  test('takes nobody’s place who had it by the link before it', async () => {
    const { customer, jobId, link, project, workEmail } = await newHire();
    story.opentrain.holdDeliveries();
    story.opentrain.unlinkProject(customer.installId, link.id);
    const body = { externalProjectId: project, jobId, provisioningMode: 'PARTNER_WEBHOOK' } as const;
    const anew = story.opentrain.linkProject(customer.installId, body);
    const calls = story.workspace.requests.count;
    const run = await runReconcile(story, customer.id, { opentrainFetch: refusingFor(anew, 503) });
    expect(run).toMatchObject({ kind: 'retry', reason: 'busy', repaired: {} });
    expect(story.membersOf(project)).toEqual([workEmail]);

    expect((await runReconcile(story, customer.id)).repaired).toMatchObject({
      contract_unheard_of: 1,
      link_removed: 1,
    });
    expect(story.membersOf(project)).toEqual([workEmail]);
    const asked = story.workspace.requests.log.slice(calls).map(({ operationId }) => operationId);
    expect(asked, 'nobody was out in between').not.toContain('deleteMember');
    await story.opentrain.release();
  });

  test('nor those of another: OpenTrain is away, and is asked for no more of them', async () => {
    const { customer, jobId, project } = await newHire();
    for (let more = 0; more < 4; more += 1) customer.link(jobId);
    const asked = new Set<string>();
    const away = answering('/contracts', async (request) => {
      asked.add(request.url);
      return Response.json({}, { status: 503 });
    });
    expect(await runReconcile(story, customer.id, { opentrainFetch: away })).toMatchObject({
      kind: 'retry',
      failed: 5,
      repairs: [],
    });
    expect(asked.size).toBe(2);
    expect(story.membersOf(project)).toHaveLength(1);
  });
});

describe('a link that the connector has not heard of', () => {
  test('to a job with running contracts: all of them are let in, and those that have ended are not', async () => {
    const { customer, jobId, contract, workEmail } = await newHire();
    const second = customer.hire(jobId);
    const ended = customer.hire(jobId);
    story.opentrain.endContract(ended.id);
    const added = customer.link(jobId);
    const run = await runReconcile(story, customer.id);
    expect(run.repaired).toEqual({ 'record-link': 1, contract_unheard_of: 3 });
    expect(story.membersOf(added.project)).toEqual([workEmail, second.trainer?.workEmail].sort());
    expect(await customer.grant(contract, added)).toMatchObject({ state: 'open', projectId: added.project });
    expect(await customer.grant(ended, added)).toBeUndefined();
  });

  test('to no job is recorded, and not asked for contracts', async () => {
    const customer = await story.newCustomer();
    const body = { externalProjectId: story.unique('project'), provisioningMode: 'PARTNER_WEBHOOK' } as const;
    story.opentrain.linkProject(customer.installId, body);
    const run = await runReconcile(story, customer.id);
    expect(run.repaired).toEqual({ 'record-link': 1 });
    expect(run.calls.opentrain).not.toContain('listContracts');
    expect((await runReconcile(story, customer.id)).repairs).toEqual([]);
  });
});

describe('a link whose job is gone', () => {
  test('keeps those in whose contracts run', async () => {
    const { customer, link, project, workEmail } = await newHire();
    const jobless = answering('/project-links', async (request) => {
      const { projectLinks } = (await (await fetch(request)).json()) as { readonly projectLinks: readonly object[] };
      return Response.json({ projectLinks: projectLinks.map((one) => ({ ...one, jobId: null })) });
    });
    const run = await runReconcile(story, customer.id, { opentrainFetch: jobless });
    expect(run).toMatchObject({ checked: 1, repairs: [] });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await linkOf({ customer, link }))?.removedAt).toBeUndefined();
  });
});

describe('a link that is missing on the list', () => {
  const withoutLinks = answering('/project-links', async () => Response.json({ projectLinks: [] }));

  test('and found when it is asked for by name is not removed, and its contracts are looked after', async () => {
    const hired = await newHire();
    const { customer, jobId, project, workEmail } = hired;
    const second = customer.hire(jobId);
    const run = await runReconcile(story, customer.id, { opentrainFetch: withoutLinks });
    expect(run.repaired).toEqual({ contract_unheard_of: 1 });
    expect(run.calls.opentrain).toContain('getProjectLink');
    expect(story.membersOf(project)).toEqual([workEmail, second.trainer?.workEmail].sort());
    expect((await linkOf(hired))?.removedAt).toBeUndefined();
  });

  test('and of which only a contract was ever heard is asked for by name, too', async () => {
    const { customer, project, workEmail } = await story.newHire();
    await customer.deliver(customer.event('contract.started'));
    const run = await runReconcile(story, customer.id, { opentrainFetch: withoutLinks });
    expect(run.repaired).toEqual({ 'record-link': 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('and gone for certain is asked for once, and never again', async () => {
    const { customer, link } = await newHire();
    story.opentrain.unlinkProject(customer.installId, link.id);
    expect((await runReconcile(story, customer.id)).calls.opentrain).toContain('getProjectLink');
    expect((await runReconcile(story, customer.id)).calls.opentrain).not.toContain('getProjectLink');
  });

  test('while OpenTrain cannot be asked for it by name: nobody loses anything', async () => {
    const { customer, link, project, workEmail } = await newHire();
    const away = answering(`/project-links/${link.id}`, async () => Response.json({}, { status: 503 }));
    const opentrainFetch: typeof fetch = async (input) => {
      const request = input instanceof Request ? input : new Request(input);
      return new URL(request.url).pathname.endsWith('/project-links') ? withoutLinks(request) : away(request);
    };
    const run = await runReconcile(story, customer.id, { opentrainFetch });
    expect(run).toMatchObject({ kind: 'retry', reason: 'busy', failed: 1, repairs: [] });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('a link with more ended contracts than OpenTrain lists', () => {
  /** Ends one contract, and then so many younger ones that it is pushed from the list. */
  function endBeyondTheList({ customer, jobId, contract }: Hired) {
    story.opentrain.endContract(contract.id);
    for (let more = 0; more < 200; more += 1) story.opentrain.endContract(customer.hire(jobId).id);
  }

  test('whoever is on neither list loses access, but not for good; that the list is full is told', async () => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project } = hired;
    const second = customer.hire(jobId);
    await runReconcile(story, customer.id);
    endBeyondTheList(hired);
    const run = await runReconcile(story, customer.id);
    expect(run).toMatchObject({ fullLinks: 0, repaired: { contract_untold: 1 } });
    expect(run.lines).toContainEqual(
      expect.objectContaining({ event: 'contracts.list-full', linkId: link.id, reason: 'ended', count: 200 }),
    );
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail]);
    expect((await customer.grant(contract, link))?.state).toBe('suspended');
    expect((await runReconcile(story, customer.id)).repairs).toEqual([]);
  });

  test('whom a list of running ones leaves out by mistake is back as soon as it does not', async () => {
    const hired = await newHire();
    const { customer, jobId, project, workEmail } = hired;
    for (let more = 0; more < 200; more += 1) story.opentrain.endContract(customer.hire(jobId).id);
    const withoutRunning = answering('/contracts', async (request) =>
      new URL(request.url).searchParams.get('status') === 'active' ? Response.json({ contracts: [] }) : fetch(request),
    );
    expect(await runReconcile(story, customer.id, { opentrainFetch: withoutRunning })).toMatchObject({
      repaired: { contract_untold: 1 },
    });
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ reconnected: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('whoever is on neither list stays where the list of running ones is full, too', async () => {
    const hired = await newHire();
    const { customer, jobId, project, workEmail } = hired;
    endBeyondTheList(hired);
    for (let more = 0; more < 199; more += 1) customer.hire(jobId, 'Ana Sousa');
    const leaver = customer.hire(jobId);
    const full = await runReconcile(story, customer.id);
    expect(full).toMatchObject({ fullLinks: 1, untold: 1, repaired: { contract_unheard_of: 200 } });

    customer.hire(jobId, 'Ana Sousa');
    story.opentrain.endContract(leaver.id);
    expect(await runReconcile(story, customer.id)).toMatchObject({
      fullLinks: 1,
      untold: 1,
      repaired: { contract_ended: 1, contract_unheard_of: 1 },
    });
    expect(story.membersOf(project)).toEqual(['ana.sousa@opentrain.work', workEmail]);
  });
});
