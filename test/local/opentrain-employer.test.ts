import { describe, expect, test } from 'vitest';
import { callerOf, startOpenTrain, startWithLinkedJob } from './opentrain-story.ts';

const HOUR = 3_600_000;

describe('what an employer does', () => {
  test('a hire and an end send one event for each link of the install to the job', async () => {
    const { opentrain, install, job, link } = await startWithLinkedJob();
    const second = opentrain.linkProject(install.installId, { externalProjectId: 'p2', jobId: job.id });
    const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    opentrain.endContract(contract.id);
    const events = opentrain.eventsOf(install.installId).filter(({ type }) => type.startsWith('contract.'));
    expect(events.map(({ type, resourceId, data }) => [type, resourceId, data.projectLink])).toEqual([
      ['contract.started', contract.id, link],
      ['contract.started', contract.id, second],
      ['contract.ended', contract.id, link],
      ['contract.ended', contract.id, second],
    ]);
    expect(events.at(-1)?.data).toMatchObject({
      contract: { status: 'ended', endDate: expect.any(String) },
      freelancer: { displayName: 'Maria S.', workEmail: 'maria.silva@opentrain.work' },
    });
  });

  test('a hire on a job without a link sends nothing', async () => {
    const { opentrain, install } = await startWithLinkedJob();
    const job = opentrain.postJob({ organizationId: install.organizationId });
    opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    expect(opentrain.eventsOf(install.installId).map(({ type }) => type)).toEqual(['project_link.created']);
  });

  test('without the consent to personal data, events lack the Work Email', async () => {
    const { opentrain, install, job } = await startWithLinkedJob();
    opentrain.setPiiConsent(install.installId, false);
    opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    expect(JSON.stringify(opentrain.eventsOf(install.installId))).not.toContain('opentrain.work');
  });

  test('a removed link sends its final snapshot', async () => {
    const { opentrain, install, link } = await startWithLinkedJob();
    opentrain.unlinkProject(install.installId, link.id);
    expect(opentrain.eventsOf(install.installId).at(-1)).toMatchObject({
      type: 'project_link.removed',
      resourceId: link.id,
      data: { projectLink: link },
    });
  });

  test('two employers may hire the same trainer, and each hears only of their own contract', async () => {
    const { opentrain, install, job } = await startWithLinkedJob();
    const other = opentrain.consent({ organization: 'Another' });
    const otherJob = opentrain.postJob({ organizationId: other.organizationId });
    opentrain.linkProject(other.installId, { externalProjectId: 'p1', jobId: otherJob.id });
    const mine = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    const theirs = opentrain.hire({ jobId: otherJob.id, trainer: 'Maria Silva' });
    expect(opentrain.eventsOf(install.installId).at(-1)?.resourceId).toBe(mine.id);
    expect(opentrain.eventsOf(other.installId).at(-1)?.resourceId).toBe(theirs.id);
    expect(theirs.trainer).toEqual(mine.trainer);
  });

  test('a reconnect revokes the install before it and tells its endpoints which one', async () => {
    const { opentrain, install, call } = await startWithLinkedJob();
    const again = opentrain.reconnect(install.installId);
    expect(again.installId).not.toBe(install.installId);
    expect(await call('GET', '/installs/current')).toMatchObject({ status: 401 });
    expect(await callerOf(opentrain.platformApiUrl, again.token)('GET', '/installs/current')).toMatchObject({
      body: { install: { id: again.installId, organizationId: install.organizationId } },
    });
    expect(opentrain.eventsOf(install.installId).at(-1)).toMatchObject({
      type: 'install.revoked',
      resourceId: install.installId,
      jobId: null,
    });
    expect(opentrain.eventsOf(again.installId)).toEqual([]);
  });
});

describe('the employer over HTTP', () => {
  async function startAsEmployer() {
    const opentrain = await startOpenTrain();
    opentrain.trainer('Maria Silva');
    const call = callerOf(opentrain.employerApiUrl, opentrain.signedIn.employerToken);
    const { job } = (await call('POST', '/jobs', { title: 'Draw boxes' })).body;
    const proposals = (await call('GET', `/jobs/${job.id}/proposals`)).body.proposals;
    const hire = () => call('POST', `/jobs/${job.id}/proposals/${proposals[0]?.id}/hire`);
    return { opentrain, call, job, hire };
  }

  test('a hire waits for a person, who confirms it behind the approval link', async () => {
    const { opentrain, call, hire } = await startAsEmployer();
    const asked = await hire();
    expect(asked).toMatchObject({
      status: 202,
      body: { approval: { action: 'hire', status: 'PENDING', result: null } },
    });
    const { id, approvalUrl } = asked.body.approval;

    expect(await (await fetch(approvalUrl)).text()).toContain('Confirm');
    await fetch(`${approvalUrl}/confirm`, { method: 'POST' });
    const { approval } = (await call('GET', `/approvals/${id}`)).body;
    expect(approval).toMatchObject({ status: 'APPROVED', result: { contract: { status: 'active' } } });
    expect(opentrain.contract(approval.result?.contract.id ?? '').trainer?.displayName).toBe('Maria S.');
  });

  test('funding and ending are co-signed as well; an unfunded milestone moves no money', async () => {
    const { opentrain, call, hire } = await startAsEmployer();
    const hired = opentrain.confirmApproval((await hire()).body.approval.id);
    const id = hired.result?.contract.id ?? '';

    const created = await call('POST', `/contracts/${id}/milestones`, { amountUsd: 200, volume: 10 });
    expect(created).toMatchObject({ status: 201, body: { milestone: { status: 'UNFUNDED' } } });
    const funding = await call('POST', `/milestones/${created.body.milestone.id}/fund`);
    expect(funding.status).toBe(202);
    expect(opentrain.budgetOf(id).fundedVolume).toBe(0);
    opentrain.confirmApproval(funding.body.approval.id);
    expect(opentrain.budgetOf(id).fundedVolume).toBe(10);

    const ending = await call('POST', `/contracts/${id}/end`);
    expect((await call('GET', `/contracts/${id}`)).body.contract.status).toBe('active');
    opentrain.confirmApproval(ending.body.approval.id);
    expect((await call('GET', `/contracts/${id}`)).body.contract.status).toBe('ended');
  });

  test('an approval expires after 72 hours', async () => {
    const { opentrain, call, hire } = await startAsEmployer();
    const { id } = (await hire()).body.approval;
    await opentrain.advance(72 * HOUR - 1);
    expect((await call('GET', `/approvals/${id}`)).body.approval.status).toBe('PENDING');
    await opentrain.advance(1);
    expect((await call('GET', `/approvals/${id}`)).body.approval.status).toBe('EXPIRED');
    expect(() => opentrain.confirmApproval(id)).toThrow('EXPIRED');
  });

  test('a rejected approval changes nothing, and is decided once', async () => {
    const { opentrain, call, hire } = await startAsEmployer();
    const { id, approvalUrl } = (await hire()).body.approval;
    await fetch(`${approvalUrl}/reject`, { method: 'POST' });
    expect((await call('GET', `/approvals/${id}`)).body.approval).toMatchObject({ status: 'REJECTED', result: null });
    expect(() => opentrain.confirmApproval(id)).toThrow('REJECTED');
  });

  test.each([
    ['POST', '/jobs', {}, 400],
    ['GET', '/jobs/unknown/proposals', undefined, 404],
    ['POST', '/contracts/unknown/end', undefined, 404],
    ['GET', '/approvals/unknown', undefined, 404],
  ])('%s %s with %j answers %i in the envelope', async (method, path, body, status) => {
    const { call } = await startAsEmployer();
    expect(await call(method, path, body)).toMatchObject({ status, body: { code: expect.any(String) } });
  });

  test('needs the employer’s own token', async () => {
    const { opentrain, job } = await startAsEmployer();
    const stranger = callerOf(opentrain.employerApiUrl, 'ot_pat_unknown');
    expect(await stranger('GET', `/jobs/${job.id}/proposals`)).toMatchObject({ status: 401 });
  });
});

describe('the page of jobs and contracts', () => {
  test('hires somebody and ends their contract, each once it is confirmed', async () => {
    const { opentrain, job } = await startWithLinkedJob();
    const { opentrainUserId } = opentrain.trainer('Maria Silva');
    const page = async () => (await fetch(opentrain.url)).text();
    const post = (path: string, fields: Record<string, string> = {}) =>
      fetch(`${opentrain.url}${path}`, { method: 'POST', body: new URLSearchParams(fields) });
    expect(await page()).toContain('Hire Maria S.');

    const asked = await post(`/jobs/${job.id}/hire`, { trainer: opentrainUserId });
    expect(await asked.text()).toContain('hire: PENDING');
    expect(await page()).toContain('Nobody has been hired yet');
    await fetch(`${asked.url}/confirm`, { method: 'POST' });
    const hired = await page();
    expect(hired).not.toContain('Hire Maria S.');

    const [end = ''] = /\/contracts\/[^"]+\/end/.exec(hired) ?? [];
    const ending = await post(end);
    await fetch(`${ending.url}/confirm`, { method: 'POST' });
    expect(await page()).toContain(', ended');
    expect(await page(), 'who has left may come again').toContain('Hire Maria S.');

    expect((await post(`/jobs/${job.id}/hire`, { trainer: 'unknown' })).status).toBe(404);
    expect((await post('/jobs/unknown/hire', { trainer: opentrainUserId })).status).toBe(404);
    expect((await post('/contracts/unknown/end')).status).toBe(404);
  });

  test('funds a contract, co-signed as everything that moves money', async () => {
    const { opentrain, job } = await startWithLinkedJob();
    const { id } = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    const page = async () => (await fetch(opentrain.url)).text();
    expect(await page()).toContain('0 of 0 funded hours used');

    const fund = (contract: string, volume: string) =>
      fetch(`${opentrain.url}/contracts/${contract}/fund`, { method: 'POST', body: new URLSearchParams({ volume }) });
    const asked = await fund(id, '10');
    expect(await asked.text()).toContain('fund_milestone: PENDING');
    expect(await page()).toContain('0 of 0 funded hours used');
    await fetch(`${asked.url}/confirm`, { method: 'POST' });
    expect(await page()).toContain('0 of 10 funded hours used');

    expect((await fund(id, '-1')).status).toBe(400);
    expect((await fund('unknown', '10')).status).toBe(404);
  });

  test('shows no other employer’s contracts', async () => {
    const { opentrain } = await startWithLinkedJob();
    const other = opentrain.consent({ organization: 'Another' });
    const { id } = opentrain.hire({ jobId: opentrain.postJob(other).id, trainer: 'Maria Silva' });
    expect(await (await fetch(opentrain.url)).text()).toContain('Nobody has been hired yet');
    const body = new URLSearchParams({ volume: '10' });
    expect((await fetch(`${opentrain.url}/contracts/${id}/fund`, { method: 'POST', body })).status).toBe(404);
  });
});

describe('the consent screen', () => {
  test('shows the token, and sends back the install and what came along, but never the token', async () => {
    const opentrain = await startOpenTrain();
    const query = new URLSearchParams({
      external_project_id: 'p1',
      redirect_uri: 'https://platform.example/back?tab=1',
      state: 's3&',
    });
    const url = `${opentrain.url}/integrations/demo-platform/connect?${query}`;
    expect(await (await fetch(url)).text()).toContain('contracts:read');

    const body = new URLSearchParams([
      ['scope', 'contracts:read'],
      ['piiConsent', 'on'],
    ]);
    const page = await (await fetch(url, { method: 'POST', body })).text();
    const token = /ot_ptk_[\w-]+/.exec(page)?.[0] ?? '';
    const back = new URL(/id="back" href="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '');
    const current = await callerOf(opentrain.platformApiUrl, token)('GET', '/installs/current');
    expect(current.body.install).toMatchObject({ scopes: ['contracts:read'], piiConsent: true });
    expect(Object.fromEntries(back.searchParams)).toEqual({
      tab: '1',
      opentrain_install_id: current.body.install.id,
      state: 's3&',
      external_project_id: 'p1',
    });
    expect(back.href).not.toContain('ot_ptk_');
  });
});
