import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionId } from '../shared/ids.ts';
import { createOpenTrainClient } from '../shared/opentrain/client.ts';
import { signDelivery } from '../shared/opentrain/signature.ts';
import type { Contract } from './opentrain/state.ts';
import { startSystem } from './system.ts';
import { createTranscript } from './transcript.ts';

/**
 * `npm run demo`: one story without a person, from a customer's consent to the end of a contract, from the work that trainers
 * do to the funds that it uses up, and from what nobody was told to what is set right all the same.
 *
 * Exits 0 only if both sides are at every step as they should be, and says what is wrong otherwise.
 */
const PROJECT = 'street-signs';
const ACME = 'acme' as ConnectionId;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const transcript = createTranscript((line) => process.stdout.write(`${line}\n`));
const { heading, tell } = transcript;
const system = await startSystem({ logger: transcript.logger });
const { opentrain, workspace, connector } = system;
const problems: string[] = [];

function members(): string[] {
  const project = workspace.state().projects.find(({ projectId }) => projectId === PROJECT);
  return (project?.members ?? []).map(({ displayName }) => displayName).sort();
}

function expectMembers(...expected: string[]): void {
  const found = members();
  tell('workspace', `${PROJECT}: ${found.length === 0 ? 'nobody' : found.join(', ')}`);
  if (found.join() !== expected.join())
    problems.push(`expected ${expected.join(', ') || 'nobody'}, found ${found.join(', ') || 'nobody'}`);
}

/** Trainers work side by side, from now on. @returns their sittings' ids, in order, once the longest is over */
async function work(...sittings: readonly (readonly [contract: Contract, hours: number])[]): Promise<string[]> {
  const ids = sittings.map(([{ trainer }, hours]) => {
    tell('workspace', `${trainer?.displayName} works ${hours} h`);
    const seconds = hours * 3600;
    return workspace.recordWork({
      trainer: trainer?.opentrainUserId ?? '',
      project: PROJECT,
      at: opentrain.clock.now(),
      seconds,
    });
  });
  await opentrain.advance(Math.max(...sittings.map(([, hours]) => hours)) * HOUR);
  return ids;
}

/** The hour is over. @param expected - how many contracts there is something to tell of */
async function reportUsage(expected: number): Promise<void> {
  const count = () => opentrain.calls.filter(({ operationId }) => operationId === 'reportContractUsage').length;
  const before = count();
  await connector.reportUsage();
  await system.idle();
  const reports = count() - before;
  if (reports !== expected) problems.push(`expected ${expected} reports of usage, OpenTrain got ${reports}`);
}

function expectHours({ id, trainer }: Contract, expected: number): void {
  const { consumed, fundedVolume, state } = opentrain.budgetOf(id);
  tell('OpenTrain', `${trainer?.displayName}: ${consumed.hours} of ${fundedVolume} funded hours used, ${state}`);
  if (consumed.hours !== expected) problems.push(`expected ${expected} h of ${id}, OpenTrain has ${consumed.hours}`);
}

function expectNotice(expected: 'LOW' | 'DEPLETED' | undefined): void {
  const notice = workspace.noticeOf(PROJECT);
  tell('workspace', `${PROJECT} shows ${notice === undefined ? 'no notice' : `${notice.state}: ${notice.text}`}`);
  if (notice?.state !== expected)
    problems.push(`expected ${expected ?? 'no'} notice, found ${notice?.state ?? 'none'}`);
}

/** Moves time to the next morning, so that the story is the same at every time of day. */
async function nextMorning(): Promise<void> {
  const now = opentrain.clock.now();
  await opentrain.advance(Math.ceil(now / DAY) * DAY + 8 * HOUR - now);
}

heading('1. A customer connects');
const { installId, token, organizationId } = opentrain.consent({ organization: 'Acme' });
tell('OpenTrain', 'Acme consents: an install, and a token that is shown once');
const { endpointId } = await connector.connect(ACME, token);
const opentrainApi = createOpenTrainClient({ baseUrl: opentrain.platformApiUrl, token: async () => token });
tell('connector', 'token checked and stored, webhook endpoint registered for all eight events, its secret stored');

heading('2. A project is linked to a job');
const job = opentrain.postJob({ organizationId, title: 'Label street signs' });
opentrain.linkProject(installId, { externalProjectId: PROJECT, jobId: job.id });
tell('OpenTrain', `job "${job.title}" linked to the project ${PROJECT}`);
await system.idle();
expectMembers();

heading('3. Two trainers are hired; their deliveries arrive in the wrong order, one of them twice');
opentrain.holdDeliveries();
const maria = opentrain.hire({ jobId: job.id, trainer: 'Maria Silva' });
tell('OpenTrain', 'Maria S. is hired');
const joao = opentrain.hire({ jobId: job.id, trainer: 'João Costa' });
tell('OpenTrain', 'João C. is hired');
const [mariaStarted] = opentrain.deliveriesOf(endpointId).filter(({ event }) => event.resourceId === maria.id);
await opentrain.release((held) => [...held.toReversed(), ...held.slice(0, 1)]);
await system.idle();
expectMembers('João C.', 'Maria S.');

heading('4. Somebody sends a delivery that OpenTrain never signed');
const forged = JSON.stringify({ id: '1', type: 'contract.started', resourceId: 'contract_forged' });
const { status } = await fetch(connector.webhookUrl(ACME), {
  method: 'POST',
  headers: {
    'X-OpenTrain-Signature': signDelivery('whsec_guessed', Buffer.from(forged), Math.floor(Date.now() / 1000)),
  },
  body: forged,
});
if (status !== 401) problems.push(`a forged delivery was answered ${status}`);

heading('5. The workspace is down while a contract ends');
workspace.outage(true);
tell('workspace', 'down');
opentrain.endContract(maria.id);
tell('OpenTrain', "Maria S.'s contract ends");
await opentrain.idle();
await pause(1_500);
expectMembers('João C.', 'Maria S.');
workspace.outage(false);
tell('workspace', 'up again');
await system.idle();
expectMembers('João C.');

heading('6. An old delivery comes back after the end');
tell('OpenTrain', "Maria S.'s contract.started is redelivered");
if (mariaStarted === undefined) problems.push("Maria S.'s first delivery is missing");
else await opentrain.redeliver(mariaStarted);
await system.idle();
expectMembers('João C.');

heading('7. Milestones are funded, and the trainers work; an hour later OpenTrain knows');
await nextMorning();
const aiko = opentrain.hire({ jobId: job.id, trainer: 'Aiko Tanaka' });
opentrain.fundMilestone(joao.id, { volume: 10 });
opentrain.fundMilestone(aiko.id, { volume: 40 });
tell('OpenTrain', 'Aiko T. is hired; 10 hours are funded for João C., 40 for Aiko T.');
await system.idle();
expectMembers('Aiko T.', 'João C.');
const [morning = ''] = await work([joao, 8.5], [aiko, 6]);
await reportUsage(2);
expectHours(joao, 8.5);
expectHours(aiko, 6);
expectNotice('LOW');

heading('8. The funds run out, and the customer funds more');
await work([joao, 2]);
await reportUsage(1);
expectHours(joao, 10.5);
expectNotice('DEPLETED');
opentrain.fundMilestone(joao.id, { volume: 20 });
tell('OpenTrain', '20 more hours are funded for João C.');
await system.idle();
expectNotice(undefined);

heading('9. A day later yesterday is corrected; what OpenTrain has already is not sent again');
await nextMorning();
workspace.correctWork(morning, { seconds: 7 * 3600 });
tell('workspace', "a reviewer makes 7 h of João C.'s 8.5 h");
await reportUsage(1);
expectHours(joao, 9);
await reportUsage(0);

heading(
  '10. OpenTrain disables the endpoint, and delivers nothing; somebody is moved by hand; half an hour later all is right',
);
await opentrainApi.updateWebhookEndpoint(endpointId, { status: 'DISABLED' });
opentrain.hire({ jobId: job.id, trainer: 'Chidi Okafor' });
opentrain.endContract(aiko.id);
tell('OpenTrain', "Chidi O. is hired, and Aiko T.'s contract ends: the connector hears of neither");
workspace.removeMemberByHand(PROJECT, joao.trainer?.opentrainUserId ?? '');
tell('workspace', 'João C. is removed by hand');
await system.idle();
expectMembers('Aiko T.');
await connector.reconcile();
await system.idle();
expectMembers('Chidi O.', 'João C.');
const [endpoint] = opentrain.endpointsOf(installId);
if (endpoint?.status !== 'ACTIVE') problems.push(`the endpoint is ${endpoint?.status}`);

heading('The end');
const failed = opentrain.deliveriesOf(endpointId).filter((delivery) => delivery.status === 'FAILED');
if (failed.length > 0) problems.push(`${failed.length} deliveries failed`);
problems.push(...opentrain.violations);
await system.close();
if (problems.length === 0) {
  process.stdout.write(
    '  The workspace is as OpenTrain wants it: João C. is in, Maria S. is out; and OpenTrain knows of every hour.\n',
  );
} else {
  process.stdout.write(`  Not as it should be:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`);
  process.exitCode = 1;
}
