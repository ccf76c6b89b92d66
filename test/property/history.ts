import type { DeliveryEnvelope } from '../../shared/deliveries/envelope.ts';
import { type DeliveryParts, type Outcome, processDelivery } from '../../shared/deliveries/process-delivery.ts';
import type {
  ConnectionId,
  DeliveryId,
  MemberId,
  ProjectId,
  TrainerId,
  WorkEmail,
  WorkspaceId,
} from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { createStore } from '../../shared/store/store.ts';
import type { Table } from '../../shared/store/table.ts';
import type { AccessScope, Workspace } from '../../shared/workspace/port.ts';
import { createInterleaver, type Step } from './interleaver.ts';

/** One contract of a history. Customers 0 and 1 share a workspace; project 0 is linked by both, project 1 too. */
export interface ContractPlan {
  readonly customer: number;
  readonly trainer: number;
  readonly project: number;
  readonly ends: boolean;
}

export interface HistoryPlan {
  /** Whether the workspace tells projects apart; where not, whoever is in is in all of it. */
  readonly accessScope: AccessScope;
  readonly contracts: readonly ContractPlan[];
  /** Links that are removed at some time, as [customer, project]. */
  readonly removedLinks: readonly (readonly [customer: number, project: number])[];
  /** Which deliveries come twice: as the same delivery, or as another endpoint's delivery of the same event. */
  readonly duplicates: readonly { readonly event: number; readonly sameDelivery: boolean }[];
  /** Who goes on, what crashes, what fails: consumed one by one, from the start again when used up. */
  readonly choices: readonly number[];
  readonly crashes: CrashPlan;
  readonly workers: number;
}

/** `after`: the step was done and never heard of; `late`: it was done after the worker's death; `lost`: never done. */
export type Crash = 'after' | 'late' | 'lost';

export type CrashPlan =
  /** Where the choices have it, but at most so many, so that every history ends. */
  | { readonly kind: 'anywhere'; readonly most: number }
  /** Once, at this step (the first is 1), with the deliveries in their natural order. */
  | { readonly kind: 'at'; readonly step: number; readonly crash: Crash };

export interface HistoryResult {
  /** `project/trainer` of everybody who is in at the end, sorted. */
  readonly access: readonly string[];
  /** What should be. */
  readonly expected: readonly string[];
  readonly steps: number;
}

export interface PlannedDelivery {
  readonly envelope: DeliveryEnvelope;
  attempts: number;
}

const WORKSPACE = (run: string) => `ws-${run}` as WorkspaceId;
const NOW = Date.parse('2026-11-21T12:00:00Z');

/** Lives through one history: deliveries in any order, workers at once, crashes, an unsteady workspace; then quiet. */
export async function runHistory(plan: HistoryPlan, table: Table, run: string): Promise<HistoryResult> {
  const inside = new Set<string>();
  const nextChoice = choicesOf(plan.choices);
  const interleaver = createInterleaver();
  const queue = deliveriesOf(plan, run);
  const busy = new Map<number, PlannedDelivery>();
  const crashAt = crashesOf(plan.crashes, nextChoice);
  const underway: { perform: () => Promise<void>; delivery: PlannedDelivery | undefined }[] = [];
  let steps = 0;
  let nextWorker = 0;

  const finish = (worker: number) => (outcome: Outcome) => {
    const delivery = busy.get(worker);
    busy.delete(worker);
    if (delivery !== undefined && outcome.kind === 'retry') queue.push(delivery);
  };

  while (queue.length > 0 || busy.size > 0 || underway.length > 0) {
    while (busy.size < plan.workers && queue.length > 0) {
      const [delivery] = queue.splice(plan.crashes.kind === 'at' ? 0 : nextChoice(queue.length), 1);
      if (delivery === undefined) break;
      delivery.attempts += 1;
      const worker = nextWorker;
      nextWorker += 1;
      busy.set(worker, delivery);
      const parts = partsOf(interleaver.stepOf(worker), { table, run, inside, accessScope: plan.accessScope });
      const { envelope, attempts } = delivery;
      const work = () => processDelivery(envelope, attempts, parts, new AbortController().signal);
      interleaver.start(worker, work, finish(worker));
    }
    // A request that was on its way arrives some time before the queue hands the delivery out again: that takes minutes.
    if (underway.length > 0 && (busy.size === 0 || nextChoice(4) === 0)) {
      const request = underway.shift();
      await request?.perform();
      if (request?.delivery !== undefined) queue.unshift(request.delivery);
      continue;
    }
    const waiting = await interleaver.waiting();
    const next = waiting[nextChoice(waiting.length)];
    if (next === undefined) continue;
    steps += 1;
    if (steps > 5_000) throw new Error('the history does not come to an end');
    const crash = crashAt(steps);
    if (crash === undefined) {
      await next.go();
      continue;
    }
    const delivery = busy.get(next.worker);
    busy.delete(next.worker);
    if (crash === 'after') await next.crashAfter();
    else {
      const perform = next.crashBefore();
      if (crash === 'late') underway.push({ perform, delivery });
    }
    if (delivery !== undefined && crash !== 'late') queue.unshift(delivery);
  }
  return { access: [...inside].sort(), expected: expectedOf(plan), steps };
}

function choicesOf(choices: readonly number[]): (below: number) => number {
  let index = 0;
  return (below) => {
    const choice = choices[index % choices.length] ?? 0;
    index += 1;
    return below === 0 ? 0 : choice % below;
  };
}

function crashesOf(plan: CrashPlan, nextChoice: (below: number) => number): (step: number) => Crash | undefined {
  if (plan.kind === 'at') return (step) => (step === plan.step ? plan.crash : undefined);
  let left = plan.most;
  return () => {
    const crash = left > 0 ? CRASHES[nextChoice(8)] : undefined;
    if (crash !== undefined) left -= 1;
    return crash;
  };
}

export const CRASHES: readonly Crash[] = ['after', 'late', 'lost'];

export interface Stage {
  readonly table: Table;
  readonly run: string;
  /** `project/trainer` of everybody who is in. */
  readonly inside: Set<string>;
  readonly accessScope: AccessScope;
}

export function partsOf(step: Step, { table, run, inside, accessScope }: Stage): DeliveryParts {
  const steppedTable: Table = {
    get: (key) => step(`get ${key.sk}`, () => table.get(key)),
    getAll: (keys) => step('situation', () => table.getAll(keys)),
    change: (key, change) => step(`change ${key.sk}`, () => table.change(key, change)),
    async *list(pk, prefix) {
      yield* await step(`list ${prefix}`, async () => {
        const items = [];
        for await (const item of table.list(pk, prefix)) items.push(item);
        return items;
      });
    },
  };
  const workspace = fakeWorkspace(step, inside, accessScope);
  return {
    store: createStore(steppedTable),
    opentrain: () => {
      throw new Error('every payload is complete: OpenTrain is not asked');
    },
    placeOf: async () => ({ workspaceId: WORKSPACE(run), workspace }),
    clock: { now: () => NOW },
    logger: silentLogger,
    backOff: { baseSeconds: 1, capSeconds: 1 },
    random: () => 0,
  };
}

function notAsked(): never {
  throw new Error('deliveries never ask for lists or totals');
}

/** The other side of the port, as simple as it can be: who is in which project. */
function fakeWorkspace(step: Step, inside: Set<string>, accessScope: AccessScope): Workspace {
  const place = (project: { projectId: ProjectId }, trainer: TrainerId | undefined) =>
    `${project.projectId}/${trainer}`;
  return {
    accessScope,
    ping: async () => ({ name: 'fake' }),
    ensureAccess: (trainer, project) =>
      step('ensureAccess', async () => {
        inside.add(place(project, trainer.opentrainUserId));
        return { memberId: `member-${trainer.opentrainUserId}` as MemberId };
      }),
    revokeAccess: (member, project) =>
      step('revokeAccess', async () => {
        inside.delete(place(project, member.opentrainUserId));
      }),
    listAccess: notAsked,
    dailyTotals: notAsked,
  };
}

/** Of each contract its beginning, then its end; then the links' removals; then the duplicates. */
export function deliveriesOf(
  { contracts, removedLinks, duplicates }: Pick<HistoryPlan, 'contracts' | 'removedLinks' | 'duplicates'>,
  run: string,
): PlannedDelivery[] {
  const events = [
    ...contracts.flatMap((contract, index) => [
      { customer: contract.customer, event: contractEvent('contract.started', contract, index) },
      ...(contract.ends
        ? [{ customer: contract.customer, event: contractEvent('contract.ended', contract, index) }]
        : []),
    ]),
    ...removedLinks.map(([customer, project]) => ({
      customer,
      event: { type: 'project_link.removed', resourceId: linkId(project), data: { projectLink: linkOf(project) } },
    })),
  ];
  const deliveries = events.map(({ customer, event }, index) => deliver(run, customer, event, index, `d${index}`));
  for (const [copy, { event, sameDelivery }] of duplicates.entries()) {
    const index = event % events.length;
    const original = events[index];
    if (original === undefined) continue;
    const id = sameDelivery ? `d${index}` : `d${index}-${copy}`;
    deliveries.push(deliver(run, original.customer, original.event, index, id));
  }
  return deliveries;
}

function deliver(run: string, customer: number, event: object, index: number, id: string): PlannedDelivery {
  const body = Buffer.from(JSON.stringify({ id: String(9_007_199_254_740_993n + BigInt(index)), ...event }));
  const connectionId = `c${customer}-${run}` as ConnectionId;
  return {
    attempts: 0,
    envelope: { connectionId, deliveryId: id as DeliveryId, secretId: 'secret', receivedAt: NOW, body },
  };
}

const linkId = (project: number) => `link-${project}`;
const linkOf = (project: number) => ({
  id: linkId(project),
  jobId: 'job',
  externalProjectId: `project-${project}`,
  provisioningMode: 'PARTNER_WEBHOOK',
});

function contractEvent(type: string, { trainer, project, ends }: ContractPlan, index: number) {
  const status = type === 'contract.ended' && ends ? 'ended' : 'active';
  return {
    type,
    resourceId: `contract-${index}`,
    jobId: 'job',
    data: {
      contract: { id: `contract-${index}`, status, jobId: 'job', title: 'A job' },
      freelancer: {
        opentrainUserId: `trainer-${trainer}` as TrainerId,
        displayName: 'T. T.',
        workEmail: `trainer-${trainer}@opentrain.work` as WorkEmail,
      },
      projectLink: linkOf(project),
    },
  };
}

/** A trainer belongs in a project exactly while one of their contracts on a living link of it has begun and not ended. */
function expectedOf({ contracts, removedLinks, accessScope }: HistoryPlan): string[] {
  const removed = new Set(removedLinks.map(([customer, project]) => `${customer}/${project}`));
  const open = contracts.filter(({ ends, customer, project }) => !ends && !removed.has(`${customer}/${project}`));
  const place = (project: number) => (accessScope === 'project' ? `project-${project}` : '*');
  return [...new Set(open.map(({ project, trainer }) => `${place(project)}/trainer-${trainer}`))].sort();
}
