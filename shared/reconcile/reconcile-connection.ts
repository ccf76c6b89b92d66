import { classify, type Meaning } from '../deliveries/classify.ts';
import type { WorkerParts } from '../events/event-context.ts';
import type { ConnectionId, ProjectId, TrainerId } from '../ids.ts';
import { type Grant, grantName } from '../store/grants.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import { catchUpOnBudgets } from './catch-up-on-budgets.ts';
import { conclude, concludeUnfinished } from './conclude.ts';
import { type EndpointHealth, healEndpoint } from './heal-endpoint.ts';
import { assertUnchanged, type InstallState, lookAtInstall } from './install-state.ts';
import { noteFailure, nothingRepaired } from './make-repairs.ts';
import { type Observation, observeOpenTrain, observeTable, type Told } from './observe.ts';
import { observeSeats } from './observe-seats.ts';
import { planAll } from './plan-all.ts';
import { type Run, repairAll } from './repair-all.ts';
import { type Repair, type RepairRow, refOf } from './repairs.ts';

export interface ReconcileParts extends WorkerParts {
  /** This deployment's URL for a connection's deliveries; undefined where nobody told. */
  readonly webhookUrl: (connection: ConnectionId) => string | undefined;
  /** For how long a disconnected connection keeps its trainers' access, milliseconds. */
  readonly graceMilliseconds: number;
  /** Between two runs, milliseconds: after a longer pause events may be missing. */
  readonly intervalMilliseconds: number;
}

export interface ReconcileRequest {
  readonly connectionId: ConnectionId;
  readonly runId: string;
  /** When the run was planned, milliseconds since the epoch: a later attempt goes on where one ended. @default now */
  readonly plannedAt?: number;
  /** Only what concerns this project or this trainer. @default everything */
  readonly only?: { readonly projectId?: ProjectId | undefined; readonly trainerId?: TrainerId | undefined };
  /** The run whose held removals a person has approved. */
  readonly approve?: string | undefined;
  /** Plans, and changes nothing. @default false */
  readonly isDryRun?: boolean;
}

export interface ReconcileReport {
  readonly connectionId: ConnectionId;
  readonly runId: string;
  readonly install: InstallState['kind'];
  readonly endpoint: EndpointHealth['kind'];
  /** Contracts that were compared. */
  readonly checked: number;
  /** What was to be set right. */
  readonly repairs: readonly RepairRow[];
  /** What was, by the reason. */
  readonly repaired: Readonly<Record<string, number>>;
  /** Grants that wait for consent or for a person. */
  readonly waiting: number;
  readonly failed: number;
  /** Removals that wait for a person's approval, see `brake`. */
  readonly held: readonly RepairRow[];
  /** Projects that could not be looked at in the workspace, though somebody is, or may be, in them. */
  readonly unread: number;
  /** What is approved to let them through. */
  readonly holdRunId: string | undefined;
  /** Links with more running contracts than OpenTrain tells of. */
  readonly fullLinks: number;
  /** Grants of such links of which nobody knows how they stand. */
  readonly untold: number;
  /** Grants that are kept until their project is linked anew, for a day after the customer has reconnected. */
  readonly unlinked: number;
  /** Contracts that run at OpenTrain and have ended here, which is final: a person must link their project anew. */
  readonly lockedOut: readonly LockedOut[];
  readonly durationMs: number;
}

export type LockedOut = Pick<RepairRow, 'contractId' | 'linkId' | 'projectId' | 'trainerId'>;

export type ReconcileOutcome =
  | { readonly kind: 'done'; readonly report: ReconcileReport }
  | {
      readonly kind: 'retry';
      readonly reason: Meaning['kind'];
      readonly retryAfterSeconds: number | undefined;
      readonly report: ReconcileReport;
    };

/**
 * Compares what OpenTrain, the table and the workspace say of one connection, and sets right what differs, through the same
 * grants, seats and `converge` as events do. A run that finds nothing to do writes nothing but its summary.
 *
 * @throws {OtherInstallError} when the customer reconnects in the midst of it
 * @throws what OpenTrain, the table or the workspace throws before there is anything to repair, unless OpenTrain refuses
 */
export async function reconcileConnection(
  request: ReconcileRequest,
  parts: ReconcileParts,
  signal: AbortSignal,
): Promise<ReconcileOutcome> {
  const started: Started = { startedAt: parts.clock.now(), repaired: nothingRepaired() };
  try {
    return await compare(request, parts, signal, started);
  } catch (error) {
    await concludeUnfinished({ request, parts, signal, ...started }, error);
    throw error;
  }
}

type Started = Pick<Run, 'startedAt' | 'repaired'>;

async function compare(
  request: ReconcileRequest,
  parts: ReconcileParts,
  signal: AbortSignal,
  { startedAt, repaired }: Started,
): Promise<ReconcileOutcome> {
  const { connectionId, isDryRun = false } = request;
  const { store } = parts;
  const connection = await store.connections.get(connectionId);
  const last = await store.reconciliations.get(connectionId);
  const opentrain = parts.opentrain(connectionId);
  const run: Run = { request, connection, last, opentrain, parts, signal, startedAt, repaired, setAside: [] };

  const install = await unlessRefused(run, () => lookAtInstall(connection, opentrain, { parts, isDryRun, signal }));
  const isWelcome = install?.kind === 'active' || install?.kind === 'back';
  const endpoint = isWelcome ? await lookAtEndpoint(run) : undefined;
  const observation = await observeTable(connectionId, { store, now: startedAt });
  const told = isWelcome
    ? await unlessRefused(run, () => observeOpenTrain(observation, { store, opentrain }, signal))
    : undefined;
  if (!isDryRun) await assertUnchanged(connection, install, parts);
  const lookAgain = () => observeSeats(observation, projectsOf(told, run), parts);
  const seats = await lookAgain();
  const { repairs: planned, ...remarks } = planAll(run, observation, told, seats, install);
  const { untoldProjects = new Set<ProjectId>() } = told ?? {};
  const found = await repairAll(run, { observation, seats, planned, untoldProjects, lookAgain });
  if (told !== undefined && !isDryRun) await catchUp(run, observation, found.repairs, endpoint);
  for (const failure of run.setAside) noteFailure(repaired, failure);
  return conclude(run, {
    install: install?.kind ?? 'refused',
    endpoint: endpoint?.kind ?? 'none',
    ...remarks,
    ...found,
  });
}

/** A refusal is the connection's own trouble: what OpenTrain need not be asked for is done all the same. */
async function unlessRefused<Answer>(run: Run, ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    const meaning = classify(error, run.signal);
    if (meaning.kind !== 'opentrain-refuses') throw error;
    noteFailure(run.repaired, meaning);
    run.parts.logger.error({ event: 'reconcile.refused', connectionId: run.connection.id, error });
    return undefined;
  }
}

/** An endpoint that cannot be looked at, or healed, keeps nobody from comparing the rest. */
async function lookAtEndpoint(run: Run): Promise<EndpointHealth> {
  const { request, connection, opentrain, parts, signal, startedAt } = run;
  const { store, logger } = parts;
  const webhookUrl = parts.webhookUrl(connection.id);
  const { isDryRun = false } = request;
  try {
    return await healEndpoint(connection, { store, opentrain, logger, webhookUrl, now: startedAt, isDryRun, signal });
  } catch (error) {
    const meaning = classify(error, signal);
    run.setAside.push(meaning);
    const level = meaning.kind === 'busy' || meaning.kind === 'out-of-time' ? 'warn' : 'error';
    logger[level]({ event: 'reconcile.endpoint-failed', connectionId: connection.id, reason: meaning.kind, error });
    return { kind: 'unknown' };
  }
}

/** Where OpenTrain says that somebody may be. */
function projectsOf(told: Told | undefined, { connection }: Run): WorkspaceProject[] {
  const { workspaceId } = connection;
  return (told?.links ?? [])
    .filter(({ link }) => link.provisioningMode === 'PARTNER_WEBHOOK')
    .map(({ link }) => ({ workspaceId, projectId: link.externalProjectId }));
}

/** After a pause, of whichever side, all budgets are asked for; otherwise those that were never told, or are warned of. */
async function catchUp(
  run: Run,
  { connectionId, grants }: Observation,
  repairs: readonly Repair[],
  endpoint: EndpointHealth | undefined,
): Promise<void> {
  const { request, last, parts, startedAt } = run;
  const admitted = repairs.flatMap((repair) => (repair.kind === 'admit' ? [refOf(repair, connectionId)] : []));
  const now = new Map(grants);
  for (const grant of await parts.store.grants.getAll(admitted)) now.set(grantName(grant), grant);
  const { projectId, trainerId } = request.only ?? {};
  const isWanted = (grant: Grant) =>
    (projectId === undefined || grant.projectId === projectId) &&
    (trainerId === undefined || grant.trainerId === trainerId);
  const lastComplete = last?.completeAt ?? Number.NEGATIVE_INFINITY;
  const wasAway = startedAt - lastComplete > 2 * parts.intervalMilliseconds || endpoint?.kind === 'healed';
  await catchUpOnBudgets(
    {
      connectionId,
      grants: [...now.values()].filter(isWanted),
      since: wasAway ? (request.plannedAt ?? startedAt) : Number.NEGATIVE_INFINITY,
    },
    run.repaired,
    run,
  );
}
