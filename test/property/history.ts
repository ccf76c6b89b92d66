import type { DeliveryParts } from '../../shared/deliveries/process-delivery.ts';
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
import type { Step } from './interleaver.ts';
import { type PlannedDelivery, runStorm, type StormPlan } from './storm.ts';

/** One contract of a history. Customers 0 and 1 share a workspace; project 0 is linked by both, project 1 too. */
export interface ContractPlan {
  readonly customer: number;
  readonly trainer: number;
  readonly project: number;
  readonly ends: boolean;
}

export interface HistoryPlan extends StormPlan {
  /** Whether the workspace tells projects apart; where not, whoever is in is in all of it. */
  readonly accessScope: AccessScope;
  readonly contracts: readonly ContractPlan[];
  /** Links that are removed at some time, as [customer, project]. */
  readonly removedLinks: readonly (readonly [customer: number, project: number])[];
  /** Which deliveries come twice: as the same delivery, or as another endpoint's delivery of the same event. */
  readonly duplicates: readonly { readonly event: number; readonly sameDelivery: boolean }[];
}

export interface HistoryResult {
  /** `project/trainer` of everybody who is in at the end, sorted. */
  readonly access: readonly string[];
  /** What should be. */
  readonly expected: readonly string[];
  readonly steps: number;
}

const WORKSPACE = (run: string) => `ws-${run}` as WorkspaceId;
const NOW = Date.parse('2026-11-21T12:00:00Z');

/** Lives through one history: deliveries in any order, workers at once, crashes, an unsteady workspace; then quiet. */
export async function runHistory(plan: HistoryPlan, table: Table, run: string): Promise<HistoryResult> {
  const inside = new Set<string>();
  const stage = { table, run, inside, accessScope: plan.accessScope };
  const steps = await runStorm(deliveriesOf(plan, run), plan, (step) => partsOf(step, stage));
  return { access: [...inside].sort(), expected: expectedOf(plan), steps };
}

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
    topUpUrl: 'https://app.opentrain.ai/',
    keepAfterUnlink: false,
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
