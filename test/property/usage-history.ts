import type { ContractId } from '../../shared/ids.ts';
import type { JobResume } from '../../shared/jobs/connection-job.ts';
import { silentLogger } from '../../shared/logging.ts';
import type { OpenTrainClient, UsageEntry } from '../../shared/opentrain/client.ts';
import { createStore } from '../../shared/store/store.ts';
import type { Table } from '../../shared/store/table.ts';
import { TURN_MILLISECONDS } from '../../shared/store/usage.ts';
import { reportConnection, type UsageOutcome, type UsageParts } from '../../shared/usage/report-connection.ts';
import { lookBack } from '../../shared/usage/usage-window.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { Workspace } from '../../shared/workspace/port.ts';
import { collect } from '../conformance/observe.ts';
import { fakeWorkspace } from '../support/worker.ts';
import { choicesOf } from './choices.ts';
import { createMemoryTable } from './memory-table.ts';
import { createStepper, type NamedStep, type StartedWorker, type WaitingStep } from './stepper.ts';
import {
  BEGIN,
  byTime,
  CONNECTION,
  createWorld,
  MINUTE,
  type Moment,
  refused,
  type UsagePlan,
  type World,
} from './usage-world.ts';

/** As deployed. */
const LOOK_BACK_DAYS = 3;
const FUNCTION_MILLISECONDS = 5 * MINUTE;

export interface UsageHistoryResult {
  /** What OpenTrain has of the days of the look-back, as `contract date: seconds s, tasks`. */
  readonly reported: readonly string[];
  /** What it should have. */
  readonly truth: readonly string[];
  /** Of the last, quiet run. */
  readonly outcome: UsageOutcome;
  readonly steps: number;
}

/** Lives through one history of work, hires and reports; then waits, and reports once more in quiet. */
export async function runUsageHistory(plan: UsagePlan): Promise<UsageHistoryResult> {
  const table = createMemoryTable();
  const world = createWorld(plan, createStore(table));
  const nextChoice = choicesOf(plan.choices);
  const stepper = createStepper();
  const workers = new Map<StartedWorker, { readonly startedAt: number; readonly stop: AbortController }>();
  const underway: { readonly at: number; readonly perform: () => Promise<void> }[] = [];
  const { clock } = world;
  let troubles = plan.troubles;
  let retries = 5;
  let steps = 0;

  function startWorker(resume?: JobResume): void {
    const stop = new AbortController();
    const work = (step: NamedStep) => {
      const about = { connectionId: CONNECTION, runId: 'run', resume, ...lookBack(LOOK_BACK_DAYS, clock.now()) };
      return reportConnection(about, partsOf(step, table, world), stop.signal).catch((error: Error) => error);
    };
    const worker = stepper.start(work, (result) => {
      workers.delete(worker);
      // The queue hands it out again soon.
      if (result instanceof Error || result.kind !== 'retry' || retries === 0) return;
      retries -= 1;
      const again = () => startWorker(result.resume ?? resume);
      moments.unshift({ at: clock.now() - BEGIN + nextChoice(20) * 1_000, happen: again });
      moments.sort(byTime);
    });
    workers.set(worker, { startedAt: clock.now(), stop });
  }

  /** A request that nobody waits for any more arrives within minutes, as long as its sender has its turn. */
  function letFly(step: WaitingStep): void {
    const latest = (workers.get(step.worker)?.startedAt ?? 0) + TURN_MILLISECONDS;
    underway.push({ at: Math.min(clock.now() + nextChoice(240) * 1_000, latest), perform: step.take() });
  }

  function kill(worker: StartedWorker): void {
    worker.kill();
    workers.delete(worker);
  }

  async function stir(step: WaitingStep): Promise<void> {
    troubles -= 1;
    switch (nextChoice(9)) {
      case 0: // The worker crashes, its request is lost.
        step.take();
        return kill(step.worker);
      case 1: // The worker crashes, its request goes through.
        await step.take()();
        return kill(step.worker);
      case 2: // The worker crashes, its request arrives later.
        letFly(step);
        return kill(step.worker);
      case 3: // The other side is busy.
        return step.fail(step.name === 'POST' ? refused(429) : busy(step.name));
      case 4: // It went through, but the answer is lost.
        await step.take()();
        return step.fail(step.name === 'POST' ? refused(undefined) : busy(step.name));
      default: // Nobody waits for the answer any longer, and the request arrives later.
        if (step.name === 'POST') letFly(step);
        else step.take();
        return step.fail(step.name === 'POST' ? refused(undefined) : busy(step.name));
    }
  }

  async function land(): Promise<void> {
    for (const request of underway.filter(({ at }) => at <= clock.now())) {
      underway.splice(underway.indexOf(request), 1);
      await request.perform();
    }
  }

  const moments: Moment[] = [
    ...world.events,
    ...plan.runs.flatMap(({ at, atOnce }) =>
      Array.from({ length: atOnce }, () => ({ at: world.timeOfRun(at) * MINUTE, happen: () => startWorker() })),
    ),
  ]
    .filter(({ at }) => at <= plan.end * MINUTE)
    .sort(byTime);

  while (moments.length > 0 || workers.size > 0) {
    await land();
    const waiting = await stepper.waiting();
    for (const [worker, { startedAt, stop }] of workers) {
      if (clock.now() >= startedAt + FUNCTION_MILLISECONDS) kill(worker);
      else if (clock.now() >= startedAt + FUNCTION_MILLISECONDS - 15_000) stop.abort();
    }
    const alive = waiting.filter(({ worker }) => workers.has(worker));
    const [moment] = moments;
    // What comes within a few minutes happens while the workers are at it; seldom they stand still for long.
    const away = moment === undefined ? Number.POSITIVE_INFINITY : BEGIN + moment.at - clock.now();
    const isDue = away <= 0 || alive.length === 0 || nextChoice(away < FUNCTION_MILLISECONDS ? 4 : 50) === 0;
    if (moment !== undefined && isDue) {
      moments.shift();
      clock.moveTo(BEGIN + moment.at);
      await moment.happen();
      continue;
    }
    const step = alive[nextChoice(alive.length)];
    if (step === undefined) continue;
    steps += 1;
    if (steps > 5_000) throw new Error('the history does not come to an end');
    clock.moveTo(clock.now() + nextChoice(20) * 250);
    if (troubles > 0 && nextChoice(step.name === 'POST' ? 2 : 20) === 0) await stir(step);
    else await step.go();
  }

  clock.moveTo(BEGIN + plan.end * MINUTE);
  for (const { perform } of underway.splice(0)) await perform();
  // A sender that died leaves its contracts to nobody for so long.
  clock.moveTo(clock.now() + 7 * MINUTE);
  const about = { connectionId: CONNECTION, runId: 'last', ...lookBack(LOOK_BACK_DAYS, clock.now()) };
  const outcome = await reportConnection(
    about,
    partsOf((_, perform) => perform(), table, world),
    new AbortController().signal,
  );
  return { ...world.compare(about), outcome, steps };
}

const busy = (name: string): Error =>
  name === 'totals' ? new WorkspaceUnavailableError('away') : new Error('The table is away.');

function partsOf(step: NamedStep, table: Table, world: World): UsageParts {
  const steppedTable: Table = {
    get: (key) => step(`get ${key.sk}`, () => table.get(key)),
    getAll: (keys) => step('getAll', () => table.getAll(keys)),
    change: (key, change) => step(`change ${key.sk}`, () => table.change(key, change)),
    async *list(pk, prefix) {
      yield* await step(`list ${prefix}`, () => collect(table.list(pk, prefix)));
    },
  };
  const workspace = fakeWorkspace({
    async *dailyTotals(query) {
      yield* await step('totals', async () => world.dailyTotals(query));
    },
  } satisfies Partial<Workspace>);
  return {
    store: createStore(steppedTable),
    opentrain: () =>
      ({
        reportContractUsage: (contract: ContractId, entries: readonly UsageEntry[]) =>
          step('POST', async () => world.report(contract, entries)),
      }) as unknown as OpenTrainClient,
    placeOf: async (workspaceId) => ({ workspaceId, workspace }),
    clock: world.clock,
    logger: silentLogger,
    topUpUrl: 'https://app.opentrain.ai/',
  };
}
