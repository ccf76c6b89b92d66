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
    await expect(runReconcile(story, customer.id, { opentrainFetch })).rejects.toMatchObject({ kind: 'transient' });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('a link with more ended contracts than OpenTrain lists', () => {
  /** Ends one contract, and then so many younger ones that it is pushed from the list. */
  function endBeyondTheList({ customer, jobId, contract }: Hired) {
    story.opentrain.endContract(contract.id);
    for (let more = 0; more < 200; more += 1) story.opentrain.endContract(customer.hire(jobId).id);
  }

  test('whoever is on neither list has ended where the list of running ones is whole', async () => {
    const hired = await newHire();
    const { customer, jobId, contract, link, project } = hired;
    const second = customer.hire(jobId);
    await runReconcile(story, customer.id);
    endBeyondTheList(hired);
    expect(await runReconcile(story, customer.id)).toMatchObject({ fullLinks: 0, repaired: { contract_ended: 1 } });
    expect(story.membersOf(project)).toEqual([second.trainer?.workEmail]);
    const grant = await customer.grant(contract, link);
    expect(grant?.state).toBe('ended');
    expect(grant).not.toHaveProperty('endDate');
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
