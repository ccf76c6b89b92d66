import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ContractId, LinkId } from '../../shared/ids.ts';
import { reconcileConnection } from '../../shared/reconcile/reconcile-connection.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { reconcileParts, runReconcile } from '../support/reconcile.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage } from '../support/usage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let story: Story;

beforeAll(async () => {
  story = await startStory();
});
afterAll(() => story.close());

const wait = (milliseconds: number) => story.opentrain.clock.advance(milliseconds);
type Hired = Awaited<ReturnType<Story['newHire']>>;

/** A customer with one trainer who is in. */
async function newHire(): Promise<Hired> {
  const hired = await story.newHire({ delivered: true });
  await story.idle();
  await runReconcile(story, hired.customer.id);
  expect(story.membersOf(hired.project)).toEqual([hired.workEmail]);
  await wait(MINUTE);
  return hired;
}

/** The customer connects the platform anew, and the operator gives the connector the new token. */
async function reconnect({ customer }: Hired) {
  const consented = story.opentrain.reconnect(customer.installId);
  await story.idle();
  await story.connector.connect(customer.id, consented.token);
  await wait(MINUTE);
  return consented;
}

const linkAnew = ({ jobId, project }: Hired, { installId }: { installId: string }) =>
  story.opentrain.linkProject(installId, {
    externalProjectId: project,
    jobId,
    provisioningMode: 'PARTNER_WEBHOOK',
  });

describe('install.revoked', () => {
  test('stops deliveries and usage at once; access stays for a day, and is then removed', async () => {
    const hired = await newHire();
    const { customer, project, contract, workEmail, link } = hired;
    story.opentrain.revoke(customer.installId);
    await story.idle();
    expect(await customer.connection()).toMatchObject({
      status: 'disconnected',
      disconnectedReason: 'install_revoked',
      disconnectedAt: expect.any(Number),
    });
    expect(await customer.deliver(customer.event('contract.started', contract.id))).toBe(
      'parked: connection_disconnected',
    );
    expect((await runUsage(story, customer.id)).outcome.kind).toBe('disconnected');

    await wait(24 * HOUR - 2 * MINUTE);
    expect(await runReconcile(story, customer.id)).toMatchObject({ install: 'disconnected', repairs: [] });
    expect(story.membersOf(project)).toEqual([workEmail]);
    await wait(3 * MINUTE);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repaired: { disconnected: 1 }, held: [] });
    expect(story.membersOf(project)).toEqual([]);
    expect((await customer.grant(contract, link))?.state).toBe('suspended');
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [], calls: { opentrain: [] } });
  });

  test('told once more, it gives no further day', async () => {
    const { customer, project } = await newHire();
    story.opentrain.revoke(customer.installId);
    await story.idle();
    await wait(23 * HOUR);
    const revoked = customer.event('install.revoked');
    expect(await customer.deliver(revoked, { delivery: story.unique('again') })).toBe('done: disconnected');
    await wait(HOUR);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([]);
  });

  test('leaves alone what another customer has granted in the same project', async () => {
    const { customer, project, trainer, workEmail } = await newHire();
    const neighbour = await story.newCustomer();
    const job = neighbour.postJob();
    neighbour.link(job, { project });
    const [same, other] = [neighbour.hire(job, 'Shared Trainer'), neighbour.hire(job)];
    const own = customer.hire(
      story.opentrain.contract((await customer.grants())[0]?.contractId ?? '').jobId,
      'Shared Trainer',
    );
    await story.idle();
    await runReconcile(story, neighbour.id);
    expect(story.membersOf(project)).toHaveLength(3);

    story.opentrain.revoke(customer.installId);
    await story.idle();
    await wait(25 * HOUR);
    await runReconcile(story, customer.id);
    expect(own.trainer?.opentrainUserId).toBe(same.trainer?.opentrainUserId);
    expect(story.membersOf(project)).toEqual([other.trainer?.workEmail, 'shared.trainer@opentrain.work'].sort());
    expect(story.membersOf(project)).not.toContain(workEmail);
    expect((await story.seatOf(project, trainer))?.openGrants.size).toBe(0);
  });

  test('a crash in the midst of the removal is made good by the next run', async () => {
    const { customer, contract, link, project } = await newHire();
    story.opentrain.revoke(customer.installId);
    await story.idle();
    await wait(25 * HOUR);
    // As far as the crashed run got: the grant is suspended, and the seat was never told.
    const grant = await customer.grant(contract, link);
    if (grant === undefined) throw new Error('There is no grant.');
    await story.store.grants.suspend(grant, story.opentrain.clock.now());
    expect((await runReconcile(story, customer.id)).repaired).toEqual({ claim_left_behind: 1 });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('drift is looked after meanwhile: who has a claim is in, and who has none is out', async () => {
    const { customer, project, trainer, workEmail } = await newHire();
    story.opentrain.revoke(customer.installId);
    await story.idle();
    story.workspace.removeMemberByHand(project, trainer.opentrainUserId);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([workEmail]);
    await wait(25 * HOUR);
    await runReconcile(story, customer.id);
    story.workspace.addMemberByHand(project, { ...trainer, workEmail });
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([]);
  });
});

test('a revocation in the midst of a run ends it: what the run has read is not so any more', async () => {
  const { customer } = await newHire();
  let isRevoked = false;
  const meanwhile: typeof fetch = async (input) => {
    const request = input instanceof Request ? input : new Request(input);
    const response = await fetch(request);
    if (!new URL(request.url).pathname.endsWith('/contracts') || isRevoked) return response;
    isRevoked = true;
    story.opentrain.revoke(customer.installId);
    await story.idle();
    return response;
  };
  await expect(runReconcile(story, customer.id, { opentrainFetch: meanwhile })).rejects.toThrow('connected anew');
  expect(await customer.connection()).not.toHaveProperty('attention');
});

describe('a reconnect within the day', () => {
  test('keeps everyone where they are, where the new install has no link yet, and passes them on to the new link', async () => {
    const hired = await newHire();
    const { customer, project, contract, link, workEmail, jobId } = hired;
    const second = customer.hire(jobId);
    await story.idle();
    const consented = await reconnect(hired);
    const both = [workEmail, second.trainer?.workEmail].sort();
    const kept = await runReconcile(story, customer.id);
    expect(kept).toMatchObject({ install: 'active', repairs: [], unlinked: 2 });
    expect(kept.lines).toContainEqual(
      expect.objectContaining({ event: 'links.missing-after-reconnect', level: 'error', count: 2 }),
    );
    expect(story.membersOf(project)).toEqual(both);

    const requests = story.workspace.requests.of('deleteMember');
    story.opentrain.endContract(second.id);
    const anew = linkAnew(hired, consented);
    await story.idle();
    await runReconcile(story, customer.id);
    // The contract that ended meanwhile is on no list of the new link.
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await runReconcile(story, customer.id)).toMatchObject({ unlinked: 0 });
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(story.workspace.requests.of('deleteMember')).toBe(requests + 1);
    expect((await customer.grant(contract, link))?.state).toBe('ended');
    expect((await customer.grant(contract, anew))?.state).toBe('open');

    // From now on, only the new link counts.
    story.opentrain.endContract(contract.id);
    await story.idle();
    expect(story.membersOf(project)).toEqual([]);
  });

  test('who is not linked anew within a day loses their place', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    await reconnect(hired);
    await wait(24 * HOUR - 10 * MINUTE);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([workEmail]);
    await wait(HOUR);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repaired: { 'remove-link': 1, link_removed: 1 } });
    expect(story.membersOf(project)).toEqual([]);
  });

  test('a link of the new install that is removed is removed at once', async () => {
    const hired = await newHire();
    const consented = await reconnect(hired);
    const { customer, jobId } = hired;
    const other = story.unique('project');
    const link = linkAnew({ ...hired, project: other }, consented);
    await story.idle();
    expect(story.membersOf(other)).toHaveLength(1);
    story.opentrain.holdDeliveries();
    story.opentrain.unlinkProject(consented.installId, link.id);
    await runReconcile(story, customer.id);
    expect(story.membersOf(other)).toEqual([]);
    await story.opentrain.release();
    expect(jobId).toBe(link.jobId);
  });

  test('the new token before the table knows of it: nothing is compared that does not belong together', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    const consented = story.opentrain.reconnect(customer.installId);
    await story.connector.parameters.put(story.connector.names.token(customer.id), consented.token);
    await expect(runReconcile(story, customer.id)).rejects.toThrow('different installs');
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('in the midst of a run: nothing is taken away by what the old install and the new one say together', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    let isReconnected = false;
    const meanwhile: typeof fetch = async (input) => {
      const request = input instanceof Request ? input : new Request(input);
      if (!new URL(request.url).pathname.endsWith('/project-links')) return fetch(request);
      if (!isReconnected) await reconnect(hired);
      isReconnected = true;
      const token = await story.connector.parameters.get(story.connector.names.token(customer.id));
      return fetch(request.url, { headers: { authorization: `Bearer ${token}` } });
    };
    await expect(runReconcile(story, customer.id, { opentrainFetch: meanwhile })).rejects.toThrow('connected anew');
    expect(isReconnected).toBe(true);
    expect(story.membersOf(project)).toEqual([workEmail]);
  });
});

describe('what is linked after a reconnect', () => {
  test.each([
    { title: 'another project', isOtherJob: false },
    { title: 'another job', isOtherJob: true },
  ])('a new link of $title takes nobody’s place', async ({ isOtherJob }) => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    const consented = await reconnect(hired);
    const other = isOtherJob ? { jobId: customer.postJob() } : { project: story.unique('project') };
    linkAnew({ ...hired, ...other }, consented);
    await story.idle();
    for (let time = 0; time < 2; time += 1) {
      expect(await runReconcile(story, customer.id)).toMatchObject({ unlinked: 1, held: [] });
      expect(story.membersOf(project)).toEqual([workEmail]);
    }
  });

  test('whoever cannot be let in by the new link keeps the place that they have', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    const consented = await reconnect(hired);
    story.opentrain.holdDeliveries();
    story.opentrain.setPiiConsent(consented.installId, false);
    linkAnew(hired, consented);
    for (let time = 0; time < 2; time += 1) {
      expect(await runReconcile(story, customer.id)).toMatchObject({ waiting: 1, unlinked: 1 });
      expect(story.membersOf(project)).toEqual([workEmail]);
    }
    await story.opentrain.release();
  });

  test('whom the list of the new link may have left out keeps their place', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    const consented = await reconnect(hired);
    story.opentrain.holdDeliveries();
    const { id: linkId } = linkAnew(hired, consented);
    // Full of contracts that are over here: nobody has to be let in first.
    const others = Array.from({ length: 200 }, () => story.unique('contract') as ContractId);
    for (const contractId of others) {
      await story.store.grants.end({ connectionId: customer.id, contractId, linkId: linkId as LinkId }, {}, 0);
    }
    const full: typeof fetch = async (input) => {
      const request = input instanceof Request ? input : new Request(input);
      const response = await fetch(request);
      const { pathname, searchParams } = new URL(request.url);
      if (!pathname.endsWith('/contracts') || searchParams.get('status') === 'ended') return response;
      const { contracts } = (await response.json()) as { readonly contracts: readonly object[] };
      return Response.json({ contracts: others.map((id) => ({ ...contracts[0], id })) });
    };
    expect(await runReconcile(story, customer.id, { opentrainFetch: full })).toMatchObject({
      fullLinks: 1,
      unlinked: 1,
    });
    expect(story.membersOf(project)).toEqual([workEmail]);
    await story.opentrain.release();
  });

  test('a link of which only a contract was ever heard is waited for, too', async () => {
    const hired = await story.newHire();
    const { customer, project, workEmail } = hired;
    await customer.deliver(customer.event('contract.started'));
    await wait(MINUTE);
    await reconnect(hired);
    expect(await runReconcile(story, customer.id)).toMatchObject({ repairs: [], unlinked: 1 });
    expect(story.membersOf(project)).toEqual([workEmail]);
  });

  test('a link that was removed before it is not waited for', async () => {
    const hired = await newHire();
    const { customer, link, project } = hired;
    // As far as a worker got that crashed.
    await story.store.links.remove(customer.id, link.id, story.opentrain.clock.now());
    await reconnect(hired);
    expect(await runReconcile(story, customer.id)).toMatchObject({ unlinked: 0, repaired: { link_removed: 1 } });
    expect(story.membersOf(project)).toEqual([]);
  });
});

describe('a reconnect after the day', () => {
  test('brings everyone back whose contract runs, once their project is linked', async () => {
    const hired = await newHire();
    const { customer, project, workEmail } = hired;
    story.opentrain.revoke(customer.installId);
    await story.idle();
    await wait(25 * HOUR);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([]);

    const consented = await reconnect(hired);
    story.opentrain.holdDeliveries();
    linkAnew(hired, consented);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([workEmail]);
    await story.opentrain.release();
  });
});

describe('a token that OpenTrain refuses without a word', () => {
  const refuse = ({ customer }: Hired, isOn = true) =>
    story.opentrain.setFeatureEnabled(customer.organizationId, !isOn);

  test('is taken for lost after an hour, over two runs; a day later access is removed; when it is back, so are they', async () => {
    const hired = await newHire();
    const { customer, project, contract, link, workEmail } = hired;
    const completeAt = async () => (await story.store.reconciliations.get(customer.id))?.completeAt;
    const complete = await completeAt();
    expect(complete).toEqual(expect.any(Number));
    refuse(hired);
    const first = await runReconcile(story, customer.id);
    expect(first).toMatchObject({ kind: 'done', install: 'refused', repairs: [] });
    expect(first.lines).toContainEqual(
      expect.objectContaining({ event: 'connection.needs-attention', level: 'error' }),
    );
    expect(await customer.connection()).toMatchObject({ status: 'active', attention: 'opentrain_forbidden' });
    await wait(59 * MINUTE);
    expect((await runReconcile(story, customer.id)).install).toBe('refused');
    await wait(MINUTE);
    const lost = await runReconcile(story, customer.id);
    expect(lost.install).toBe('disconnected');
    expect(lost.lines).toContainEqual(expect.objectContaining({ event: 'connection.disconnected', level: 'error' }));
    expect(await customer.connection()).toMatchObject({ status: 'disconnected', disconnectedReason: 'token_refused' });
    expect((await runUsage(story, customer.id)).outcome.kind).toBe('disconnected');
    expect(story.membersOf(project)).toEqual([workEmail]);

    // Nor does it count that by now there is not even a token.
    const { parameters, names } = story.connector;
    const token = (await parameters.get(names.token(customer.id))) ?? '';
    await parameters.delete(names.token(customer.id));
    await wait(24 * HOUR);
    await runReconcile(story, customer.id);
    expect(story.membersOf(project)).toEqual([]);
    expect(await completeAt()).toBe(complete);

    await parameters.put(names.token(customer.id), token);
    await wait(6 * MINUTE);
    refuse(hired, false);
    const back = await runReconcile(story, customer.id);
    expect(await completeAt()).toBeGreaterThan(complete ?? Number.POSITIVE_INFINITY);
    expect(back).toMatchObject({ install: 'back', repaired: { reconnected: 1 } });
    expect(back.events).toContain('connection.back');
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect((await customer.grant(contract, link))?.state).toBe('open');
    const connection = await customer.connection();
    expect(connection.status).toBe('active');
    expect(connection).not.toHaveProperty('attention');
    expect(connection).not.toHaveProperty('refusedSince');
    expect(connection).not.toHaveProperty('disconnectedAt');
  });

  test('is told in every run, when access is long gone, too, until somebody connects or disconnects', async () => {
    const hired = await newHire();
    const { customer, project } = hired;
    const tells = async () => {
      const { lines } = await runReconcile(story, customer.id);
      return lines.some(({ event, level }) => event === 'connection.needs-attention' && level === 'error');
    };
    refuse(hired);
    for (let minutes = 0; minutes <= 27 * 60; minutes += 30) {
      expect(await tells(), `${minutes} minutes later`).toBe(true);
      await wait(30 * MINUTE);
    }
    expect(story.membersOf(project)).toEqual([]);
    expect((await runReconcile(story, customer.id, { isDryRun: true })).lines).toEqual([]);

    await story.store.connections.disconnectByOperator(customer.id, { gone: true }, story.opentrain.clock.now());
    expect(await tells()).toBe(false);
    refuse(hired, false);
    await reconnect(hired);
    expect(await tells()).toBe(false);
  });

  test('is told although OpenTrain is away when it is asked once more', async () => {
    const hired = await newHire();
    const { customer } = hired;
    refuse(hired);
    await runReconcile(story, customer.id);
    await wait(HOUR);
    await runReconcile(story, customer.id);
    const { parts, lines } = reconcileParts(story, { opentrainFetch: async () => Response.json({}, { status: 503 }) });
    const request = { connectionId: customer.id, runId: 'away' };
    await expect(reconcileConnection(request, parts, new AbortController().signal)).rejects.toThrow();
    expect(lines).toEqual([
      expect.objectContaining({ event: 'connection.needs-attention', reason: 'opentrain_forbidden' }),
      expect.objectContaining({ event: 'reconcile.connection-unfinished', outcome: 'busy' }),
    ]);
    refuse(hired, false);
  });

  test('a refusal that an event met long ago does not count: it must last over two runs', async () => {
    const hired = await newHire();
    const { customer } = hired;
    await story.store.connections.markAttention(customer.id, 'opentrain_forbidden', story.opentrain.clock.now());
    await wait(5 * HOUR);
    refuse(hired);
    expect((await runReconcile(story, customer.id)).install).toBe('refused');
    refuse(hired, false);
    await wait(2 * HOUR);
    expect((await runReconcile(story, customer.id)).install).toBe('active');
    refuse(hired);
    expect((await runReconcile(story, customer.id)).install).toBe('refused');
    refuse(hired, false);
  });

  test('it counts although the usage function has a word of its own for it', async () => {
    const hired = await newHire();
    const { customer } = hired;
    refuse(hired);
    await runReconcile(story, customer.id);
    await story.store.connections.markAttention(customer.id, 'usage_forbidden', story.opentrain.clock.now());
    await wait(HOUR);
    expect((await runReconcile(story, customer.id)).install).toBe('disconnected');
    refuse(hired, false);
  });

  test('once it is taken again, the refusal is forgotten, whatever else was noted; that word of another stays', async () => {
    const hired = await newHire();
    const { customer } = hired;
    refuse(hired);
    await runReconcile(story, customer.id);
    await story.store.connections.markAttention(customer.id, 'usage_forbidden', story.opentrain.clock.now());
    refuse(hired, false);
    await runReconcile(story, customer.id);
    expect(await customer.connection()).not.toHaveProperty('refusedSince');

    await story.store.connections.markAttention(customer.id, 'usage_forbidden', story.opentrain.clock.now());
    await runReconcile(story, customer.id);
    expect((await customer.connection()).attention).toBe('usage_forbidden');
  });

  test.each([
    { status: 'REVOKED', install: 'refused' },
    { status: 'ACTIVE', install: 'active' },
  ])('an install that is told to be $status counts as $install', async ({ status, install }) => {
    const { customer } = await newHire();
    const told: typeof fetch = async (input) => {
      const request = input instanceof Request ? input : new Request(input);
      const response = await fetch(request);
      if (!new URL(request.url).pathname.endsWith('/installs/current')) return response;
      const body = (await response.json()) as { readonly install: object };
      return Response.json({ install: { ...body.install, status, scopes: ['usage:write', 'contracts:read'] } });
    };
    expect((await runReconcile(story, customer.id, { opentrainFetch: told })).install).toBe(install);
    // What it may do is noted with it.
    if (install === 'active') expect((await customer.connection()).scopes).toHaveLength(2);
  });

  test('a token that is not stored is no word of OpenTrain’s: nobody loses anything', async () => {
    const { customer, project, workEmail } = await newHire();
    const { parameters, names } = story.connector;
    const token = (await parameters.get(names.token(customer.id))) ?? '';
    await parameters.delete(names.token(customer.id));
    for (const hours of [1, 30]) {
      await wait(hours * HOUR);
      expect(await runReconcile(story, customer.id)).toMatchObject({ kind: 'done', install: 'refused', failed: 1 });
    }
    expect(story.membersOf(project)).toEqual([workEmail]);
    expect(await customer.connection()).toMatchObject({ status: 'active', attention: 'opentrain_forbidden' });
    await parameters.put(names.token(customer.id), token);
    await wait(6 * MINUTE);
    expect((await runReconcile(story, customer.id)).install).toBe('active');
    expect(await customer.connection()).not.toHaveProperty('attention');
  });
});

test('a connection that the operator has ended is looked after without its token', async () => {
  const { customer, project } = await newHire();
  await story.store.connections.disconnectByOperator(customer.id, { gone: true }, story.opentrain.clock.now());
  await story.connector.parameters.delete(story.connector.names.token(customer.id));
  await wait(25 * HOUR);
  expect(await runReconcile(story, customer.id)).toMatchObject({
    kind: 'done',
    install: 'disconnected',
    repaired: { disconnected: 1 },
    calls: { opentrain: [] },
  });
  expect(story.membersOf(project)).toEqual([]);
  expect((await customer.connection()).workspaceId).toBe(DEFAULT_WORKSPACE);
});
