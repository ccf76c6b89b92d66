import type { ConnectionId, ContractId, ProjectId, WorkspaceId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { unlessGone } from '../opentrain/errors.ts';
import type { OpenTrainEvent } from '../opentrain/events.ts';
import type { Budget } from '../opentrain/relied-on.ts';
import type { KnownBudget, Recorded } from '../store/budgets.ts';
import type { Grant, Grants } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import { factsOfAnswer, factsOfEvent } from './budget-facts.ts';
import { convergeNotice, type NoticeParts } from './converge-notice.ts';
import { isStanding } from './open-contracts.ts';

export interface BudgetParts extends NoticeParts {
  /** Where to top up; `{contractId}` in it stands for the contract's id. */
  readonly topUpUrl: string;
}

/**
 * Notes what OpenTrain itself said of a contract's budget. Whoever asks for many contracts sees to the notices of their
 * projects afterwards, once each: see `convergeNotice`.
 *
 * @param askedAt - milliseconds since the epoch: when the request was sent that it answered
 */
export async function noteBudgetAnswer(
  connection: ConnectionId,
  contract: ContractId,
  budget: Budget,
  askedAt: number,
  parts: Pick<BudgetParts, 'store' | 'clock' | 'topUpUrl'>,
): Promise<void> {
  const news = { ...factsOfAnswer(budget), asOf: askedAt };
  const recorded = await parts.store.budgets.record(connection, contract, news, parts.clock.now());
  await copyToProjects(recorded.budget, await projectsOf(recorded.budget, parts.store.grants), parts);
}

/** Asks OpenTrain for a contract's budget and notes the answer. A contract that it does not know is left alone. */
export async function refreshBudget(
  connection: ConnectionId,
  contract: ContractId,
  opentrain: OpenTrainClient,
  parts: Pick<BudgetParts, 'store' | 'clock' | 'topUpUrl'>,
  signal: AbortSignal,
): Promise<void> {
  const askedAt = parts.clock.now();
  const answer = await unlessGone(opentrain.getContractBudget(contract, signal));
  if (answer !== undefined) await noteBudgetAnswer(connection, contract, answer, askedAt, parts);
}

/**
 * Notes what a milestone event tells of a contract's budget, and has the contract's projects show what is known now, also
 * when that was known before: an earlier attempt at the event may have crashed in between.
 *
 * @returns whether the event was the latest news
 */
export async function noteMilestone(
  connection: ConnectionId,
  contract: ContractId,
  event: OpenTrainEvent,
  opentrain: () => OpenTrainClient,
  parts: BudgetParts,
  signal: AbortSignal,
): Promise<Recorded['kind']> {
  const now = parts.clock.now();
  // An event out of the future would keep every answer out until then.
  const asOf = Math.min(event.createdAt ?? now, now);
  const news = { ...factsOfEvent(event), asOf, event: { id: event.id, type: event.type } };
  const recorded = await parts.store.budgets.record(connection, contract, news, now);
  const projects = await projectsOf(recorded.budget, parts.store.grants);
  const isWanted = lacksNumbers(recorded.budget) && projects.some(({ standing }) => standing.length > 0);
  const budget = isWanted ? await askForNumbers(recorded.budget, opentrain, parts, signal) : recorded.budget;
  await copyToProjects(budget, projects, parts);
  await showNotices(projects, { anew: recorded.kind === 'older' }, parts, signal);
  return recorded.kind;
}

function lacksNumbers({ state, consumedFraction }: KnownBudget): boolean {
  return state !== 'OK' && consumedFraction === undefined;
}

/** Numbers are good to have, but no reason to hold a warning back. */
async function askForNumbers(
  known: KnownBudget,
  opentrain: () => OpenTrainClient,
  { store, clock, logger }: BudgetParts,
  signal: AbortSignal,
): Promise<KnownBudget> {
  const { connectionId, contractId } = known;
  const askedAt = clock.now();
  let answer: Budget;
  try {
    answer = await opentrain().getContractBudget(contractId, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.warn({ event: 'budget.not-told', connectionId, contractId, error });
    return known;
  }
  const news = { ...factsOfAnswer(answer), asOf: askedAt };
  return (await store.budgets.record(connectionId, contractId, news, clock.now())).budget;
}

/** A project that a contract has or had a place in. */
interface ContractProject extends WorkspaceProject {
  readonly title: string | undefined;
  /** By which it still has one. */
  readonly standing: readonly Grant[];
}

async function projectsOf(
  { connectionId, contractId }: KnownBudget,
  grants: Pick<Grants, 'list'>,
): Promise<ContractProject[]> {
  const projects = new Map<string, WorkspaceProject & { readonly grants: Grant[] }>();
  for await (const grant of grants.list(connectionId, contractId)) {
    const { workspaceId, projectId } = grant;
    if (workspaceId === undefined || projectId === undefined) continue;
    const key = keyOf(workspaceId, projectId);
    const project = projects.get(key) ?? { workspaceId, projectId, grants: [] };
    projects.set(key, project);
    project.grants.push(grant);
  }
  return [...projects.values()].map(({ workspaceId, projectId, grants }) => ({
    workspaceId,
    projectId,
    title: grants.findLast(({ title }) => title !== undefined)?.title,
    standing: grants.filter(isStanding),
  }));
}

const keyOf = (workspaceId: WorkspaceId, projectId: ProjectId): string => JSON.stringify([workspaceId, projectId]);

/**
 * Copies a contract's budget into its projects.
 *
 * Before a copy warns, the grants that it stands on are marked: so whoever ends one of them from then on knows that there
 * is a notice to look after, and whoever has ended one before is seen by `convergeNotice`.
 */
async function copyToProjects(
  budget: KnownBudget,
  projects: readonly ContractProject[],
  parts: Pick<BudgetParts, 'store' | 'clock' | 'topUpUrl'>,
): Promise<void> {
  const { budgets, grants } = parts.store;
  const url = parts.topUpUrl.replaceAll('{contractId}', encodeURIComponent(budget.contractId));
  for (const { title, standing, ...project } of projects) {
    const now = parts.clock.now();
    if (standing.length === 0) {
      await budgets.expireCopy(project, budget, now);
      continue;
    }
    const unmarked = budget.state === 'OK' ? [] : standing.filter(({ warned }) => !warned);
    for (const grant of unmarked) await grants.markWarned(grant);
    await budgets.putCopy(project, { ...budget, title, url, links: standing.map(({ linkId }) => linkId) }, now);
  }
}

/** One project's trouble keeps no other waiting. */
async function showNotices(
  projects: readonly ContractProject[],
  how: { readonly anew: boolean },
  parts: BudgetParts,
  signal: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { workspaceId, projectId } of projects) {
    signal.throwIfAborted();
    try {
      await convergeNotice({ workspaceId, projectId }, parts, signal, how);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
