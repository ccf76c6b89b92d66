import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LocalConnector, startConnector } from '../../local/connector.ts';
import { createAdvanceableClock } from '../../local/opentrain/advanceable-clock.ts';
import { type SimulatedOpenTrain, startSimulatedOpenTrain } from '../../local/opentrain/simulated-opentrain.ts';
import type { ConnectionId, ContractId, LinkId, ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import { createLogger } from '../../shared/logging.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import type { ProjectRef, Trainer } from '../../shared/workspace/port.ts';
import { collect } from '../conformance/observe.ts';
import { createHarness, type LabelStudioHarness } from './harness.ts';
import { takeOver } from './installation.ts';

// Hired trainers annotate real tasks, and what OpenTrain is told is what Label Studio's own database says. Label Studio
// dates annotations by the time that it is, so contracts begin and end in real time here.
const installation = takeOver();
const ACME = 'acme' as ConnectionId;
const PATIENCE = { timeout: 30_000, interval: 250 };

let opentrain: SimulatedOpenTrain;
let connector: LocalConnector;
let harness: LabelStudioHarness;
let installId: string;
let endpointId: string;
let organizationId: string;
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  harness = createHarness(installation);
  const clock = createAdvanceableClock();
  opentrain = await startSimulatedOpenTrain({ clock });
  connector = await startConnector({
    opentrainBaseUrl: opentrain.platformApiUrl,
    workspace: { adapter: 'label-studio', url: installation.url, token: installation.owner.personalAccessToken },
    clock,
    logger: createLogger((line) => lines.push(JSON.parse(line))),
    backOff: { baseSeconds: 1, capSeconds: 1 },
  });
  const consented = opentrain.consent();
  ({ installId, organizationId } = consented);
  ({ endpointId } = await connector.connect(ACME, consented.token));
});
afterAll(async () => {
  await opentrain?.close();
  await connector?.close();
});

async function idle(): Promise<void> {
  await opentrain.idle();
  await connector.idle();
}

interface Place {
  readonly jobId: string;
  readonly links: readonly { readonly id: LinkId; readonly project: ProjectRef }[];
}

/** A job that is linked to so many projects of Label Studio. */
async function newJob(projects: number): Promise<Place> {
  const jobId = opentrain.postJob({ organizationId }).id;
  const links = [];
  for (let index = 0; index < projects; index += 1) {
    const project = await harness.newProject();
    const { id } = opentrain.linkProject(installId, { jobId, externalProjectId: project.projectId });
    links.push({ id: id as LinkId, project });
  }
  await idle();
  return { jobId, links };
}

const grantOf = (contract: { id: string }, { links: [link] }: Place) =>
  connector.store.grants.get({ connectionId: ACME, contractId: contract.id as ContractId, linkId: link?.id as LinkId });

async function hire({ jobId, ...place }: Place, name: string) {
  const contract = opentrain.hire({ jobId, trainer: name });
  await idle();
  await expect.poll(async () => (await grantOf(contract, { jobId, ...place }))?.state, PATIENCE).toMatch(/open|parked/);
  const { trainerId, workEmail, displayName } = (await grantOf(contract, { jobId, ...place })) ?? {};
  const trainer: Trainer = {
    opentrainUserId: trainerId as TrainerId,
    workEmail: workEmail as WorkEmail,
    displayName: displayName ?? '',
  };
  return { contract, trainer };
}

async function end(contract: { id: string }): Promise<void> {
  opentrain.endContract(contract.id);
  await idle();
}

/** Submitted now. */
const annotate = (trainer: Trainer, project: ProjectRef, seconds: number, labels = 1) =>
  harness.totals.record(trainer, project, { at: Date.now() - seconds * 1_000, seconds, labels });

const memberIdOf = async ({ opentrainUserId }: Trainer) =>
  (
    await connector.store.seats.get({
      workspaceId: DEFAULT_WORKSPACE,
      project: '*' as ProjectId,
      trainerId: opentrainUserId,
    })
  )?.memberId;

/** What Label Studio's database has of that person within the contract's time, by day. */
async function truthOf({ id }: { id: string }, trainer: Trainer, { links }: Place) {
  const { startDate, endDate } = opentrain.contract(id);
  const until = endDate === null ? Number.POSITIVE_INFINITY : Date.parse(endDate);
  const days = new Map<string, { seconds: number; tasks: number; labels: number }>();
  for (const { project } of links) {
    const rows = harness.database.all(
      'select c.created_at as at, c.lead_time as seconds, c.was_cancelled as skipped, c.result as result ' +
        'from task_completion c join task t on t.id = c.task_id where t.project_id = ? and c.completed_by_id = ?',
      Number(project.projectId),
      Number(await memberIdOf(trainer)),
    );
    for (const { at: text, seconds, skipped, result } of rows) {
      const at = Date.parse(`${String(text).replace(' ', 'T')}Z`);
      if (at < Date.parse(startDate) || at >= until) continue;
      const date = String(text).slice(0, 10);
      const day = days.get(date) ?? { seconds: 0, tasks: 0, labels: 0 };
      days.set(date, day);
      day.seconds += Number(seconds);
      if (skipped) continue;
      day.tasks += 1;
      day.labels += (JSON.parse(String(result)) as unknown[]).length;
    }
  }
  return [...days]
    .map(([workDate, { seconds, tasks, labels }]) => ({ workDate, seconds: Math.round(seconds), tasks, labels }))
    .sort((one, other) => (one.workDate < other.workDate ? -1 : 1));
}

/** What OpenTrain was told, but for days that are zero. */
const toldOf = ({ id }: { id: string }) =>
  opentrain
    .usageOf(id)
    .map(({ workDate, totalSeconds: seconds, tasksCompleted: tasks, labelsCompleted: labels }) => ({
      workDate,
      seconds,
      tasks,
      labels,
    }))
    .filter(({ seconds, tasks, labels }) => seconds + tasks + labels > 0)
    .sort((one, other) => (one.workDate < other.workDate ? -1 : 1));

async function reportUsage(): Promise<void> {
  lines.length = 0;
  await connector.reportUsage();
  expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
}

test('OpenTrain has what was annotated in both projects, also after an edit and a deletion', async () => {
  const place = await newJob(2);
  const [one, other] = place.links;
  if (one === undefined || other === undefined) throw new Error('Two projects are linked.');
  const { contract, trainer: noor } = await hire(place, 'Noor Haddad');
  const { contract: his, trainer: tomas } = await hire(place, 'Tomás Vidal');
  await annotate(noor, one.project, 600.4, 3);
  const late = await annotate(noor, one.project, 90.3, 2);
  const wrong = await annotate(noor, other.project, 300, 1);
  await annotate(tomas, other.project, 45.5, 4);
  await harness.totals.skip(tomas, one.project, { at: Date.now() - 7_000, seconds: 7, labels: 0 });

  await reportUsage();
  expect(await truthOf(contract, noor, place)).toMatchObject([{ seconds: 991, tasks: 3, labels: 6 }]);
  expect(toldOf(contract)).toEqual(await truthOf(contract, noor, place));
  expect(toldOf(his)).toEqual(await truthOf(his, tomas, place));

  await harness.totals.correct(late, { at: Date.now(), seconds: 120, labels: 2 });
  await harness.totals.remove(wrong);
  await reportUsage();
  expect(await truthOf(contract, noor, place)).toMatchObject([{ seconds: 720, tasks: 2, labels: 5 }]);
  expect(toldOf(contract)).toEqual(await truthOf(contract, noor, place));
  expect(toldOf(his)).toEqual(await truthOf(his, tomas, place));
});

test('who is hired again on the day of the end has each contract’s own share', async () => {
  const place = await newJob(1);
  const project = place.links[0]?.project as ProjectRef;
  const { contract, trainer } = await hire(place, 'Ingrid Solberg');
  await annotate(trainer, project, 100, 1);
  await end(contract);
  await expect.poll(() => harness.tryToWork(trainer, project), PATIENCE).toBe('locked-out');

  const { contract: again } = await hire(place, 'Ingrid Solberg');
  expect((await grantOf(again, place))?.state).toBe('parked');
  await harness.performSteps?.((await grantOf(again, place))?.steps ?? [], trainer);
  const started = opentrain.deliveriesOf(endpointId).findLast(({ event }) => event.type === 'contract.started');
  if (started === undefined) throw new Error('OpenTrain has delivered no contract.started.');
  await opentrain.redeliver(started);
  await idle();
  await expect.poll(async () => (await grantOf(again, place))?.state, PATIENCE).toBe('open');
  await annotate(trainer, project, 20, 2);
  await annotate(trainer, project, 3, 2);

  await reportUsage();
  expect(toldOf(contract)).toMatchObject([{ seconds: 100, tasks: 1, labels: 1 }]);
  expect(toldOf(contract)).toEqual(await truthOf(contract, trainer, place));
  expect(toldOf(again)).toMatchObject([{ seconds: 23, tasks: 2, labels: 4 }]);
  expect(toldOf(again)).toEqual(await truthOf(again, trainer, place));
});

test('whoever was removed from the organisation has no address any more, and is found by the id that the seat kept', async () => {
  const place = await newJob(1);
  const project = place.links[0]?.project as ProjectRef;
  const { contract, trainer } = await hire(place, 'Pavel Dvorak');
  await annotate(trainer, project, 200, 2);
  const doubtful = await annotate(trainer, project, 50, 1);
  await end(contract);
  await expect.poll(() => harness.tryToWork(trainer, project), PATIENCE).toBe('locked-out');
  const rows = await collect(
    connector.workspace.dailyTotals({ project, from: Date.now() - 86_400_000, to: Date.now() }),
  );
  expect(rows.map(({ member }) => member)).toEqual(rows.map(() => ({ memberId: expect.any(String) })));

  await reportUsage();
  expect(toldOf(contract)).toMatchObject([{ seconds: 250, tasks: 2, labels: 3 }]);
  expect(toldOf(contract)).toEqual(await truthOf(contract, trainer, place));

  // The customer looks through the work, and throws some of it away.
  await harness.owner.call('DELETE', `/api/annotations/${doubtful}/`);
  await reportUsage();
  expect(toldOf(contract)).toMatchObject([{ seconds: 200, tasks: 1, labels: 2 }]);
  expect(toldOf(contract)).toEqual(await truthOf(contract, trainer, place));
});
