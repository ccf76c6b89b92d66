import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalConnector, startConnector } from '../../local/connector.ts';
import { createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import type { ConnectionId, ContractId, LinkId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { createLabelStudioWorkspace } from '../../shared/workspace/label-studio/label-studio-workspace.ts';
import type { ProjectRef, Trainer } from '../../shared/workspace/port.ts';
import { collect } from '../conformance/observe.ts';
import { createHarness, type LabelStudioHarness } from './harness.ts';
import { takeOver } from './installation.ts';

// The whole loop with the real parts: signed deliveries through the gateway, the queue and the worker, to Label Studio.
const installation = takeOver();
const ACME = 'acme' as ConnectionId;
const PATIENCE = { timeout: 30_000, interval: 250 };

let opentrain: SimulatedOpenTrain;
let connector: LocalConnector;
let harness: LabelStudioHarness;
let project: ProjectRef;
let jobId: string;
let linkId: LinkId;
let endpointId: string;

beforeAll(async () => {
  harness = createHarness(installation);
  project = await harness.newProject();
  const clock = createAdvanceableClock();
  opentrain = await startSimulatedOpenTrain({ clock });
  connector = await startConnector({
    opentrainBaseUrl: opentrain.platformApiUrl,
    workspace: { adapter: 'label-studio', url: installation.url, token: installation.owner.personalAccessToken },
    clock,
    logger: silentLogger,
    backOff: { baseSeconds: 1, capSeconds: 1 },
  });
  const { installId, token, organizationId } = opentrain.consent();
  ({ endpointId } = await connector.connect(ACME, token));
  jobId = opentrain.postJob({ organizationId }).id;
  linkId = opentrain.linkProject(installId, { jobId, externalProjectId: project.projectId }).id as LinkId;
  await idle();
});
afterAll(async () => {
  await opentrain?.close();
  await connector?.close();
});

async function idle(): Promise<void> {
  await opentrain.idle();
  await connector.idle();
}

const grantOf = (contract: { id: string }) =>
  connector.store.grants.get({ connectionId: ACME, contractId: contract.id as ContractId, linkId });

test('hired, at work, counted, told of the funds, and out when the contract ends', async () => {
  const contract = opentrain.hire({ jobId, trainer: 'Maria Silva' });
  await idle();
  await expect.poll(async () => (await grantOf(contract))?.state, PATIENCE).toBe('open');
  const maria = await trainerOf(contract);
  expect(await harness.tryToWork(maria, project)).toBe('in');

  const midnight = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  await harness.totals.record(maria, project, { at: midnight - 3_600_000, seconds: 600, labels: 4 });
  const late = await harness.totals.record(maria, project, { at: midnight - 1_800_000, seconds: 60, labels: 1 });
  await harness.totals.correct(late, { at: midnight - 1_800_000, seconds: 90, labels: 1 });
  await harness.totals.skip(maria, project, { at: midnight - 900_000, seconds: 12, labels: 0 });

  // The parts that report usage and show notices call the adapter as the worker does.
  const workspace = createLabelStudioWorkspace({
    baseUrl: installation.url,
    token: async () => installation.owner.personalAccessToken,
  });
  const window = { project, from: midnight - 86_400_000, to: midnight };
  const workDate = new Date(midnight - 1).toISOString().slice(0, 10);
  expect(await collect(workspace.dailyTotals(window))).toMatchObject([
    { member: { workEmail: maria.workEmail }, project, workDate, seconds: 702, tasks: 2, labels: 5 },
  ]);

  await workspace.setNotice?.(project, { state: 'LOW', text: 'One fifth of the funds is left.' });
  expect(await harness.notice.shown(project)).toMatch(/^before labeling begins: .*One fifth of the funds is left\./);
  await workspace.setNotice?.(project, null);
  expect(await harness.notice.shown(project)).toBe('on demand: ');

  opentrain.endContract(contract.id);
  await idle();
  await expect.poll(() => harness.tryToWork(maria, project), PATIENCE).toBe('locked-out');
  expect(await collect(workspace.dailyTotals(window))).toMatchObject([{ workDate, seconds: 702, tasks: 2, labels: 5 }]);

  const again = opentrain.hire({ jobId, trainer: 'Maria Silva' });
  await idle();
  await expect.poll(async () => (await grantOf(again))?.state, PATIENCE).toBe('parked');
  const { reason, steps = [] } = (await grantOf(again)) ?? {};
  expect(reason).toBe('action_required');
  expect(await harness.tryToWork(maria, project)).toBe('locked-out');

  // An operator does what the grant says; whatever comes next about the contract then completes it.
  await harness.performSteps?.(steps, maria);
  const started = opentrain.deliveriesOf(endpointId).findLast(({ event }) => event.type === 'contract.started');
  if (started === undefined) throw new Error('OpenTrain has delivered no contract.started.');
  await opentrain.redeliver(started);
  await idle();
  await expect.poll(async () => (await grantOf(again))?.state, PATIENCE).toBe('open');
  expect(await harness.tryToWork(maria, project)).toBe('in');
});

/** As the connector learned of them. */
async function trainerOf(contract: { id: string }): Promise<Trainer> {
  const { trainerId, workEmail, displayName } = (await grantOf(contract)) ?? {};
  return {
    opentrainUserId: trainerId as TrainerId,
    workEmail: workEmail as WorkEmail,
    displayName: displayName ?? '',
  };
}
