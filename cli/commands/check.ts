import { createSecretReader } from '../../shared/connections/secret-reader.ts';
import { ConnectorError } from '../../shared/errors.ts';
import type { ProjectId, WorkspaceId } from '../../shared/ids.ts';
import { findContractGaps } from '../../shared/opentrain/served-contract.ts';
import { checkConnection } from '../../shared/operations/check-connection.ts';
import { queueDepth } from '../../shared/operations/dead-letters.ts';
import { DEFAULT_WORKSPACE } from '../../shared/store/connections.ts';
import { type Check, checkWorkspace, verdictOf } from '../../shared/workspace/check-workspace.ts';
import { openWorkspaces } from '../../shared/workspace/open-workspaces.ts';
import type { Answer } from '../answer.ts';
import { checked } from '../check-table.ts';
import { onInterruption, unlessInterrupted } from '../interruption.ts';
import { openParts, type Parts, someConnections } from '../parts.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../words.ts';

export interface CheckOptions extends TargetOptions {
  readonly contract?: boolean | undefined;
  /** False with `--no-canary`. */
  readonly canary: boolean;
  readonly project?: string | undefined;
  readonly notice?: boolean | undefined;
}

/** A check of the whole, or of one connection. */
interface ScopedCheck extends Check {
  /** The connection, or `deployment`. */
  readonly scope: string;
}

export async function checkCommand(
  connection: string | undefined,
  options: CheckOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  const connections = await someConnections(connection, parts);
  const checks: ScopedCheck[] = [];
  const add = (scope: string, found: readonly Check[]) => checks.push(...found.map((one) => ({ scope, ...one })));

  terminal.note(`Checking ${parts.target.name} …`);
  const projects = new Map<WorkspaceId, ProjectId | undefined>();
  const signal = onInterruption();
  for (const id of connections) {
    const found = await checkConnection({ connectionId: id, webhookUrl: parts.webhookUrl(id), signal }, parts);
    add(id, found.checks);
    const { workspaceId } = await parts.connections.get(id);
    projects.set(workspaceId, projects.get(workspaceId) ?? found.project);
  }
  if (connections.length === 0) {
    add('deployment', [{ name: 'connections', verdict: 'warn', advice: 'No customer is connected yet. See connect.' }]);
    projects.set(DEFAULT_WORKSPACE, undefined);
  }
  for (const [workspaceId, project] of projects) {
    const chosen = options.canary ? ((options.project as ProjectId | undefined) ?? project) : undefined;
    const scope = workspaceId === DEFAULT_WORKSPACE ? 'workspace' : `workspace ${workspaceId}`;
    const live = { signal, onCheck: (one: Check) => add(scope, [one]) };
    if (!signal.aborted) await unlessInterrupted(checkWorkspaceOf(workspaceId, chosen, options, live, parts), signal);
  }
  if (!signal.aborted) add('deployment', await deploymentChecks(options, parts));
  return checked(checks, { target: parts.target.name, verdict: verdictOf(checks), checks }, signal);
}

async function deploymentChecks({ contract = false }: CheckOptions, parts: Parts): Promise<Check[]> {
  const checks = await queueChecks(parts);
  if (parts.target.stackName !== undefined) {
    const { stackChecks } = await import('../stack-checks.ts');
    checks.push(...(await stackChecks(parts.target.stackName, parts.target.environment)));
  }
  return contract ? [...checks, ...(await contractChecks(parts))] : checks;
}

async function queueChecks({ sqs, target }: Parts): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { name, url, deadLetterUrl } of target.queues) {
    const { visible, inFlight } = await queueDepth(sqs, url);
    checks.push({
      name: `queue of ${name}`,
      ...(visible + inFlight === 0
        ? { verdict: 'pass', advice: 'It is empty.' }
        : {
            verdict: 'warn',
            advice: `${count(visible, 'message')} waiting, ${inFlight} being worked on or backing off. See deliveries --status waiting.`,
          }),
    });
    const dead = await queueDepth(sqs, deadLetterUrl);
    const given = dead.visible + dead.inFlight;
    checks.push({
      name: `given up of ${name}`,
      ...(given === 0
        ? { verdict: 'pass', advice: 'Nothing was given up.' }
        : {
            verdict: 'fail',
            advice: `${count(given, 'message')} in the dead-letter queue. See dlq list; mend the cause, then dlq redrive.`,
          }),
    });
  }
  for (const { name, url } of target.droppedQueues) {
    const { visible, inFlight } = await queueDepth(sqs, url);
    const dropped = visible + inFlight;
    checks.push({
      name,
      ...(dropped === 0
        ? { verdict: 'pass', advice: 'No event of the schedule came to nothing.' }
        : {
            verdict: 'fail',
            advice: `${count(dropped, 'event')} of the schedule came to nothing. See dlq list; if its reason lasts, mend it, then dlq purge --queue ${name}.`,
          }),
    });
  }
  return checks;
}

interface LiveCheck {
  readonly signal: AbortSignal;
  readonly onCheck: (check: Check) => void;
}

/** @param project - to try it in; without one, only whether the workspace answers */
async function checkWorkspaceOf(
  workspaceId: WorkspaceId,
  project: ProjectId | undefined,
  { notice = false, canary }: CheckOptions,
  { signal, onCheck }: LiveCheck,
  parts: Parts,
): Promise<void> {
  const { target, parameters, names, store, clock } = parts;
  const defaultSettings = target.workspace;
  if (defaultSettings === undefined) {
    const advice = 'The stack does not tell which workspace it has: deploy this version of it, or use check-workspace.';
    onCheck({ name: 'answers', verdict: 'warn', advice });
    return;
  }
  try {
    const placeOf = openWorkspaces({
      defaultSettings,
      settingsOf: (workspace) => store.workspaces.get(workspace),
      readSecret: createSecretReader(parameters, clock),
      names,
      clock,
    });
    const { workspace } = await placeOf(workspaceId);
    if (project !== undefined) {
      await checkWorkspace(workspace, { projectId: project }, { clock, withNotice: notice, signal, onCheck });
      return;
    }
    const { name, version } = await workspace.ping(signal);
    onCheck({ name: 'answers', verdict: 'pass', advice: [name, version].filter(Boolean).join(' ') });
    const untried = 'No project to try letting in and taking out in: link one, or name one with --project.';
    if (canary) onCheck({ name: 'let in', verdict: 'warn', advice: untried });
  } catch (error) {
    if (signal.aborted || !(error instanceof ConnectorError)) throw error;
    onCheck({ name: 'answers', verdict: 'fail', advice: error.message });
  }
}

const DOCUMENT_MILLISECONDS = 20_000;

async function contractChecks({ target }: Parts): Promise<Check[]> {
  const url = `${target.opentrainUrl}/openapi.json`;
  let served: unknown;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DOCUMENT_MILLISECONDS) });
    if (!response.ok) return [{ name: 'contract', verdict: 'fail', advice: `${url} answered ${response.status}.` }];
    served = await response.json();
  } catch {
    return [{ name: 'contract', verdict: 'fail', advice: `${url} gave no document. Check the network.` }];
  }
  const gaps = findContractGaps(served);
  if (gaps.length === 0) {
    const advice = 'What OpenTrain serves has every operation, field and value that the connector relies on.';
    return [{ name: 'contract', verdict: 'pass', advice }];
  }
  return gaps.map(({ operation, missing }) => ({
    name: 'contract',
    verdict: 'fail',
    advice: `OpenTrain no longer has ${missing} (${operation}). A newer version of the connector is needed.`,
  }));
}
