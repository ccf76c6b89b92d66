import { describe, expect, test } from 'vitest';
import { ALL_SCOPES } from '../../local/opentrain/scopes.ts';
import { callerOf, startOpenTrain, startWithLinkedJob } from './opentrain-story.ts';

describe('who may call', () => {
  test.each([
    ['GET', '/project-links', 'project-links:read'],
    ['GET', '/project-links/any', 'project-links:read'],
    ['POST', '/project-links', 'project-links:write'],
    ['DELETE', '/project-links/any', 'project-links:write'],
    ['GET', '/contracts', 'contracts:read'],
    ['GET', '/contracts/any/participants', 'participants:read'],
    ['GET', '/contracts/any/budget', 'contracts:read'],
    ['POST', '/contracts/any/usage', 'usage:write'],
    ['POST', '/webhook-endpoints', 'webhooks:manage'],
    ['GET', '/webhook-endpoints', 'webhooks:manage'],
    ['GET', '/webhook-endpoints/any', 'webhooks:manage'],
    ['PATCH', '/webhook-endpoints/any', 'webhooks:manage'],
    ['DELETE', '/webhook-endpoints/any', 'webhooks:manage'],
    ['POST', '/webhook-endpoints/any/redeliver', 'webhooks:manage'],
  ] as const)('%s %s without %s is forbidden', async (method, path, scope) => {
    const opentrain = await startOpenTrain();
    const without = ALL_SCOPES.filter(
      (candidate) => candidate !== scope && !(scope === 'project-links:read' && candidate === 'project-links:write'),
    );
    const { token } = opentrain.consent({ scopes: without });
    const answer = await callerOf(opentrain.platformApiUrl, token)(method, path, method === 'POST' ? {} : undefined);
    expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN', details: { requiredScope: scope } } });
    expect(answer.body.requestId).toMatch(/^req_/);
  });

  test('project-links:write implies project-links:read', async () => {
    const opentrain = await startOpenTrain();
    const { token } = opentrain.consent({ scopes: ['project-links:write'] });
    expect(await callerOf(opentrain.platformApiUrl, token)('GET', '/project-links')).toMatchObject({ status: 200 });
  });

  test('an unknown token is unauthorized, and so is the token of a revoked install', async () => {
    const { opentrain, install, call } = await startWithLinkedJob();
    const stranger = callerOf(opentrain.platformApiUrl, 'ot_ptk_unknown');
    expect(await stranger('GET', '/installs/current')).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
    opentrain.revoke(install.installId);
    expect(await call('GET', '/installs/current')).toMatchObject({ status: 401, body: { code: 'UNAUTHORIZED' } });
  });

  test('an inactive app and a missing annotation-platform feature forbid every call', async () => {
    const { opentrain, install, call } = await startWithLinkedJob();
    opentrain.setAppActive(false);
    expect(await call('GET', '/installs/current')).toMatchObject({ status: 403 });
    opentrain.setAppActive(true);
    opentrain.setFeatureEnabled(install.organizationId, false);
    expect(await call('GET', '/installs/current')).toMatchObject({ status: 403 });
  });

  test('the current install tells its scopes, its consent and its app', async () => {
    const { install, call } = await startWithLinkedJob();
    const { body } = await call('GET', '/installs/current');
    expect(body.install).toMatchObject({ id: install.installId, status: 'ACTIVE', piiConsent: true });
    expect(Object.keys(body.install.token)).toEqual(['id', 'name', 'scopes']);
  });

  test('the document is served to anyone', async () => {
    const opentrain = await startOpenTrain();
    const response = await fetch(`${opentrain.platformApiUrl}/openapi.json`);
    expect(await response.json()).toMatchObject({ openapi: '3.1.0' });
  });
});

describe('project links', () => {
  test('are listed newest first, with the defaults filled in', async () => {
    const { call, link } = await startWithLinkedJob();
    const created = await call('POST', '/project-links', { externalProjectId: 'p2' });
    expect(created).toMatchObject({
      status: 201,
      body: { projectLink: { jobId: null, externalProjectName: null, provisioningMode: 'PARTNER_WEBHOOK' } },
    });
    const { body } = await call('GET', '/project-links');
    expect(body.projectLinks).toEqual([created.body.projectLink, link]);
  });

  test.each([
    ['no externalProjectId', {}, 400],
    ['an externalProjectId of 201 characters', { externalProjectId: 'x'.repeat(201) }, 400],
    ['a name of 301 characters', { externalProjectId: 'p2', externalProjectName: 'x'.repeat(301) }, 400],
    ['a URL of 2049 characters', { externalProjectId: 'p2', externalProjectUrl: 'x'.repeat(2049) }, 400],
    ['an unknown mode', { externalProjectId: 'p2', provisioningMode: 'OTHER' }, 400],
    ['an unknown job', { externalProjectId: 'p2', jobId: 'job_unknown' }, 404],
    ['an externalProjectId that is taken', { externalProjectId: 'p1' }, 409],
  ])('%s: refused', async (_, body, status) => {
    const { call, opentrain, install } = await startWithLinkedJob();
    expect(await call('POST', '/project-links', body)).toMatchObject({ status });
    expect(opentrain.linksOf(install.installId)).toHaveLength(1);
  });

  test('a job of another employer is not found', async () => {
    const { opentrain, call } = await startWithLinkedJob();
    const other = opentrain.consent({ organization: 'Another' });
    const job = opentrain.postJob({ organizationId: other.organizationId });
    expect(await call('POST', '/project-links', { externalProjectId: 'p2', jobId: job.id })).toMatchObject({
      status: 404,
    });
  });

  test('the number of links is limited', async () => {
    const { call } = await startWithLinkedJob({ linkLimit: 1 });
    expect(await call('POST', '/project-links', { externalProjectId: 'p2' })).toMatchObject({ status: 409 });
  });

  test('a deleted link is gone for good, and its contracts are no longer visible', async () => {
    const { opentrain, job, link, call } = await startWithLinkedJob();
    const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    expect(await call('DELETE', `/project-links/${link.id}`)).toEqual({
      status: 200,
      body: { projectLink: link, deleted: true },
    });
    expect(await call('GET', `/project-links/${link.id}`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await call('GET', `/contracts/${contract.id}/budget`)).toMatchObject({ status: 404 });
    expect((await call('GET', '/contracts')).body.contracts).toEqual([]);
  });

  test('of one install are not found by another', async () => {
    const { opentrain, link } = await startWithLinkedJob();
    const { token } = opentrain.consent({ organization: 'Another' });
    const call = callerOf(opentrain.platformApiUrl, token);
    expect(await call('GET', `/project-links/${link.id}`)).toMatchObject({ status: 404 });
    expect(await call('DELETE', `/project-links/${link.id}`)).toMatchObject({ status: 404 });
  });
});

describe('contracts', () => {
  test('are listed newest first, by link and by status, with all their links', async () => {
    const { opentrain, install, job, link, call } = await startWithLinkedJob();
    const second = opentrain.linkProject(install.installId, { externalProjectId: 'p2', jobId: job.id });
    const unlinked = opentrain.linkProject(install.installId, { externalProjectId: 'p3' });
    const ended = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    const active = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    opentrain.endContract(ended.id);

    const all = (await call('GET', '/contracts')).body.contracts;
    expect(all.map((contract: { id: string }) => contract.id)).toEqual([active.id, ended.id]);
    expect(all[0]).toMatchObject({ status: 'active', endDate: null, projectLinkIds: [second.id, link.id] });
    expect((await call('GET', '/contracts?status=ended')).body.contracts).toMatchObject([{ id: ended.id }]);
    expect((await call('GET', `/contracts?projectLinkId=${link.id}&limit=1`)).body.contracts).toHaveLength(1);
    expect((await call('GET', `/contracts?projectLinkId=${unlinked.id}`)).body.contracts).toEqual([]);
  });

  test('come 50 at a time by default and 200 at most', async () => {
    const { opentrain, job, call } = await startWithLinkedJob();
    for (let hire = 0; hire < 201; hire += 1) opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    expect((await call('GET', '/contracts')).body.contracts).toHaveLength(50);
    expect((await call('GET', '/contracts?limit=200')).body.contracts).toHaveLength(200);
  });

  test.each([
    ['limit=0', 400],
    ['limit=201', 400],
    ['limit=many', 400],
    ['status=paused', 400],
    ['projectLinkId=link_unknown', 404],
  ])('?%s answers %i', async (query, status) => {
    const { call } = await startWithLinkedJob();
    expect(await call('GET', `/contracts?${query}`)).toMatchObject({ status });
  });

  test('participants show the Work Email only with the scope and the consent', async () => {
    const { opentrain, install, job, call } = await startWithLinkedJob();
    const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
    const participants = async () => (await call('GET', `/contracts/${contract.id}/participants`)).body.participants;
    expect(await participants()).toEqual([opentrain.trainer('Maria Silva')]);
    expect(await participants()).toMatchObject([{ displayName: 'Maria S.', workEmail: 'maria.silva@opentrain.work' }]);

    opentrain.setPiiConsent(install.installId, false);
    expect((await participants())[0]).not.toHaveProperty('workEmail');

    const scopes = ALL_SCOPES.filter((scope) => scope !== 'participants:email');
    const narrow = opentrain.consent({ scopes });
    opentrain.linkProject(narrow.installId, { externalProjectId: 'p1', jobId: job.id });
    const path = `/contracts/${contract.id}/participants`;
    const { body } = await callerOf(opentrain.platformApiUrl, narrow.token)('GET', path);
    expect(body.participants[0]).not.toHaveProperty('workEmail');
  });

  test.each(['participants', 'budget'])('the %s of an unknown contract are not found', async (what) => {
    const { call } = await startWithLinkedJob();
    expect(await call('GET', `/contracts/unknown/${what}`)).toMatchObject({ status: 404 });
  });
});

describe('webhook endpoints', () => {
  test('the secret is shown once, on creation', async () => {
    const { call } = await startWithLinkedJob();
    const created = await call('POST', '/webhook-endpoints', {
      url: 'https://platform.example/hook',
      eventTypes: ['contract.started'],
    });
    expect(created).toMatchObject({ status: 201, body: { secret: expect.stringMatching(/^whsec_/) } });
    const { id } = created.body.webhookEndpoint;
    const later = [await call('GET', '/webhook-endpoints'), await call('GET', `/webhook-endpoints/${id}`)];
    expect(JSON.stringify(later)).not.toContain('whsec_');
    expect(await call('DELETE', `/webhook-endpoints/${id}`)).toMatchObject({ status: 200, body: { deleted: true } });
    expect(await call('GET', `/webhook-endpoints/${id}`)).toMatchObject({ status: 404 });
  });

  test.each([
    ['http beyond localhost', { url: 'http://platform.example/hook', eventTypes: ['contract.started'] }],
    ['no event type', { url: 'https://platform.example/hook', eventTypes: [] }],
    ['an unknown event type', { url: 'https://platform.example/hook', eventTypes: ['contract.paused'] }],
    ['no URL', { eventTypes: ['contract.started'] }],
  ])('%s: refused', async (_, body) => {
    const { call } = await startWithLinkedJob();
    expect(await call('POST', '/webhook-endpoints', body)).toMatchObject({
      status: 400,
      body: { code: 'BAD_REQUEST' },
    });
  });

  test('a body that is no JSON is a bad request', async () => {
    const { opentrain, install } = await startWithLinkedJob();
    const response = await fetch(`${opentrain.platformApiUrl}/webhook-endpoints`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${install.token}`, 'Content-Type': 'application/json' },
      body: '{"url":',
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe('an outage', () => {
  test('answers 503, or 429 with Retry-After, or drops the connection, until it is over', async () => {
    const { opentrain, call } = await startWithLinkedJob();
    opentrain.setOutage('unavailable');
    expect(await call('GET', '/contracts')).toMatchObject({ status: 503 });
    opentrain.setOutage('rate-limited');
    const response = await fetch(`${opentrain.platformApiUrl}/contracts`);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.json()).toMatchObject({ code: 'RATE_LIMITED' });
    opentrain.setOutage('dropped');
    await expect(call('GET', '/contracts')).rejects.toThrow();
    opentrain.setOutage('none');
    expect(await call('GET', '/contracts')).toMatchObject({ status: 200 });
  });
});
