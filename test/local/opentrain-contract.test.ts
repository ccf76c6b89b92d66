import { expect, onTestFinished, test } from 'vitest';
import { apiDocument } from '../../local/opentrain/api-contract.ts';
import { startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import { EVENT_TYPES } from '../../shared/connections/event-types.ts';
import { callerOf, startReceiver, startWithLinkedJob, TODAY } from './opentrain-story.ts';

test('every operation of the OpenAPI file is answered as the file says: 15 of 15', async () => {
  const { opentrain, job, call } = await startWithLinkedJob();
  const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });

  await call('GET', '/installs/current');
  await call('GET', '/project-links');
  const { projectLink } = (await call('POST', '/project-links', { externalProjectId: 'p2' })).body;
  await call('GET', `/project-links/${projectLink.id}`);
  await call('DELETE', `/project-links/${projectLink.id}`);
  await call('GET', '/contracts');
  await call('GET', `/contracts/${contract.id}/participants`);
  await call('GET', `/contracts/${contract.id}/budget`);
  await call('POST', `/contracts/${contract.id}/usage`, { entries: [{ workDate: TODAY, totalSeconds: 60 }] });
  const wanted = { url: 'https://platform.example/hook', eventTypes: ['contract.started'] };
  const { id } = (await call('POST', '/webhook-endpoints', wanted)).body.webhookEndpoint;
  await call('GET', '/webhook-endpoints');
  await call('GET', `/webhook-endpoints/${id}`);
  await call('PATCH', `/webhook-endpoints/${id}`, { status: 'DISABLED' });
  await call('POST', `/webhook-endpoints/${id}/redeliver`, {});
  await call('DELETE', `/webhook-endpoints/${id}`);

  const succeeded = opentrain.calls.filter(({ status }) => status < 300).map(({ operationId }) => operationId);
  expect(new Set(succeeded)).toEqual(new Set(documentedOperations()));
  expect(succeeded).toHaveLength(15);
  expect(opentrain.violations).toEqual([]);
});

test('every event of the OpenAPI file is delivered: 8 of 8', async () => {
  const receiver = await startReceiver();
  const { opentrain, install, job, call } = await startWithLinkedJob();
  opentrain.registerEndpoint(install.installId, receiver.url);
  const link = opentrain.linkProject(install.installId, { externalProjectId: 'p2' });
  const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
  opentrain.fundMilestone(contract.id, { volume: 1 });
  await call('POST', `/contracts/${contract.id}/usage`, { entries: [{ workDate: TODAY, totalSeconds: 7200 }] });
  opentrain.endContract(contract.id);
  opentrain.unlinkProject(install.installId, link.id);
  opentrain.revoke(install.installId);
  await opentrain.idle();

  const types = receiver.received.map(({ headers }) => headers['x-opentrain-event']);
  expect(types.toSorted()).toEqual(EVENT_TYPES.toSorted());
  expect(Object.keys(apiDocument.webhooks).toSorted()).toEqual(EVENT_TYPES.toSorted());
});

test('an answer or an event that the OpenAPI file does not allow is noticed', async () => {
  const opentrain = await startSimulatedOpenTrain();
  onTestFinished(opentrain.close);
  const { installId, organizationId, token } = opentrain.consent();
  const job = opentrain.postJob({ organizationId, title: 5 as unknown as string });
  const contract = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
  opentrain.linkProject(installId, { externalProjectId: 'p1', jobId: job.id });

  const answer = await callerOf(opentrain.platformApiUrl, token)('GET', '/contracts');
  expect(answer).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } });
  expect(opentrain.violations).toEqual(['listContracts 200/contracts/0/title: must be string']);
  expect(() => opentrain.endContract(contract.id)).toThrow('/data/contract/title must be string');
});

function documentedOperations(): string[] {
  return Object.values(apiDocument.paths ?? {})
    .flatMap((path) => Object.values(path ?? {}))
    .flatMap((operation) => (isOperation(operation) ? [operation.operationId] : []));
}

function isOperation(value: unknown): value is { readonly operationId: string } {
  return typeof value === 'object' && value !== null && 'operationId' in value;
}
