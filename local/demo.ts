import { setTimeout as pause } from 'node:timers/promises';
import type { ConnectionId } from '../shared/ids.ts';
import { signDelivery } from '../shared/opentrain/signature.ts';
import { startSystem } from './system.ts';
import { createTranscript } from './transcript.ts';

/**
 * `npm run demo`: one story from a customer's consent to the end of a contract, without a person.
 *
 * Exits 0 only if the workspace ends as it should, and says what is wrong otherwise.
 */
const PROJECT = 'street-signs';
const ACME = 'acme' as ConnectionId;

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

heading('1. A customer connects');
const { installId, token, organizationId } = opentrain.consent({ organization: 'Acme' });
tell('OpenTrain', 'Acme consents: an install, and a token that is shown once');
const { endpointId } = await connector.connect(ACME, token);
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
opentrain.hire({ jobId: job.id, trainer: 'João Costa' });
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

heading('The end');
const failed = opentrain.deliveriesOf(endpointId).filter((delivery) => delivery.status === 'FAILED');
if (failed.length > 0) problems.push(`${failed.length} deliveries failed`);
problems.push(...opentrain.violations);
await system.close();
if (problems.length === 0) {
  process.stdout.write('  The workspace is as OpenTrain wants it: João C. is in, Maria S. is out.\n');
} else {
  process.stdout.write(`  Not as it should be:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`);
  process.exitCode = 1;
}
