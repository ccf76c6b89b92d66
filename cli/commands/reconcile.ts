import type { ConnectionId, ProjectId, TrainerId } from '../../shared/ids.ts';
import {
  type ReconcileOutcome,
  type ReconcileReport,
  reconcileConnection,
} from '../../shared/reconcile/reconcile-connection.ts';
import type { RepairRow } from '../../shared/reconcile/repairs.ts';
import type { Answer } from '../answer.ts';
import { connectorParts } from '../connector-parts.ts';
import { UsageError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { explain } from '../explain.ts';
import { onInterruption } from '../interruption.ts';
import { existingConnection, openParts, type Parts, someConnections } from '../parts.ts';
import { wordsOf } from '../repair-words.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../words.ts';

export interface ReconcileOptions extends TargetOptions {
  readonly project?: string | undefined;
  readonly trainer?: string | undefined;
  readonly approve?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

type Reported = ReconcileReport & { readonly outcome: ReconcileOutcome['kind']; readonly reason: string | null };

/** A connection whose run came to nothing, and what people are told of that. */
interface Fruitless {
  readonly connectionId: ConnectionId;
  readonly outcome: 'failed';
  readonly reason: string;
}

const HOUR_MILLISECONDS = 3600_000;
const MINUTE_MILLISECONDS = 60_000;

/** Does at once what the schedule does every half hour, of all connections or of a part; or shows what it would do. */
export async function reconcileCommand(
  connection: string | undefined,
  { project, trainer, approve, dryRun = false, ...options }: ReconcileOptions,
  terminal: Terminal,
): Promise<Answer> {
  const parts = await openParts(options);
  if (approve !== undefined && connection === undefined) {
    throw new UsageError(
      '--approve needs the connection whose removals are held, such as: reconcile acme --approve <run>.',
    );
  }
  if (approve !== undefined && (project !== undefined || trainer !== undefined)) {
    throw new UsageError('--approve lets through all that a run has held: leave --project and --trainer out.');
  }
  const connections = await someConnections(connection, parts);
  if (approve !== undefined) await mustBeHeld(connection ?? '', approve, parts);
  const what = approve === undefined ? `Reconcile ${count(connections.length, 'connection')}?` : approval(approve);
  if (!dryRun) await terminal.confirm(what);

  const only = {
    ...(project === undefined ? {} : { projectId: project as ProjectId }),
    ...(trainer === undefined ? {} : { trainerId: trainer as TrainerId }),
  };
  const request = {
    runId: `reconcile-by-hand-${new Date(parts.clock.now()).toISOString().slice(0, 19)}Z`,
    isDryRun: dryRun,
    ...(approve === undefined ? {} : { approve }),
    ...(Object.keys(only).length === 0 ? {} : { only }),
  };
  const work = {
    ...connectorParts(parts, terminal),
    webhookUrl: parts.webhookUrl,
    graceMilliseconds: parts.target.graceHours * HOUR_MILLISECONDS,
    intervalMilliseconds: parts.target.reconcileMinutes * MINUTE_MILLISECONDS,
  };
  const signal = onInterruption();
  const progress = await terminal.progress('Comparing');
  progress.expect(connections.length);
  const reports: Reported[] = [];
  const fruitless: Fruitless[] = [];
  for (const connectionId of connections) {
    try {
      const outcome = await reconcileConnection({ connectionId, ...request }, work, signal);
      const reason = outcome.kind === 'retry' ? outcome.reason : null;
      reports.push({ ...outcome.report, outcome: outcome.kind, reason });
    } catch (error) {
      // Of one that was named, the error itself says more. Of many, one's trouble is not the others' (rule 8).
      if (connection !== undefined || signal.aborted) throw error;
      fruitless.push({ connectionId, outcome: 'failed', reason: explain(error).message });
    }
    progress.advance(connectionId);
  }
  progress.stop(dryRun ? 'Compared' : 'Reconciled');
  const exitCode = fruitless.length > 0 ? EXIT.failed : worstOf(reports);
  return {
    data: { dryRun, connections: [...reports, ...fruitless] },
    text: (style) => told(reports, fruitless, dryRun, style),
    exitCode: signal.aborted ? EXIT.interrupted : exitCode,
  };
}

const approval = (run: string): string => `Let through the removals that ${run} has held? Trainers lose their access.`;

/** @throws {UsageError} unless that run holds removals of the connection */
async function mustBeHeld(connection: string, runId: string, parts: Parts): Promise<void> {
  const id: ConnectionId = await existingConnection(connection, parts);
  const hold = (await parts.store.reconciliations.get(id))?.hold;
  if (hold?.runId === runId) return;
  const advice =
    hold === undefined ? 'Nothing is held: see reconcile --dry-run.' : `What is held now is that of ${hold.runId}.`;
  throw new UsageError(`There are no removals of ${id} held by that run. ${advice}`);
}

/** Where a person must look, since reconciliation does not fight over it. */
const ENDPOINTS_FOR_PERSON: readonly Reported['endpoint'][] = ['gone', 'elsewhere', 'given-up'];

function worstOf(reports: readonly Reported[]): ExitCode {
  if (reports.some(({ install }) => install === 'refused')) return EXIT.opentrainRefused;
  if (reports.some(({ outcome, failed }) => outcome === 'retry' || failed > 0)) return EXIT.failed;
  const isForPerson = ({ held, unread, lockedOut, endpoint }: Reported) =>
    held.length > 0 || unread > 0 || lockedOut.length > 0 || ENDPOINTS_FOR_PERSON.includes(endpoint);
  return reports.some(isForPerson) ? EXIT.findings : EXIT.fine;
}

function told(reports: readonly Reported[], fruitless: readonly Fruitless[], isDryRun: boolean, style: Style): string {
  const rows = reports.flatMap((report) => [
    ...report.repairs.map((row) => cellsOf(report, row, style)),
    ...report.held.map((row) => cellsOf(report, row, style, 'held')),
  ]);
  const listed =
    rows.length === 0
      ? `OpenTrain, the table and the workspace agree${sawAll(reports, fruitless) ? '' : ', as far as they could be looked at'}.`
      : table(['CONNECTION', 'ACTION', 'TRAINER', 'PROJECT', 'CONTRACT', 'WHY'], rows, style.width);
  const remarks = reports.flatMap((report) => remarksOn(report, isDryRun, style));
  for (const { connectionId, reason } of fruitless) {
    remarks.push(`${connectionId}: ${style.paint('red', `It could not be compared. ${reason}`)}`);
  }
  return [listed, ...remarks, ...(isDryRun ? ['Nothing was done.'] : [])].join('\n');
}

const sawAll = (reports: readonly Reported[], fruitless: readonly Fruitless[]): boolean =>
  fruitless.length === 0 &&
  reports.every(({ install, unread, failed }) => install !== 'refused' && unread === 0 && failed === 0);

const COLOURS = { add: 'green', remove: 'red', note: 'dim', 'note link': 'dim', 'forget link': 'dim' } as const;

function cellsOf({ connectionId }: Reported, row: RepairRow, { paint }: Style, held?: 'held'): string[] {
  const { action, trainerId = '-', projectId = '-', contractId = '-', why } = row;
  const shown = held === undefined ? paint(COLOURS[action], action) : paint('yellow', `${action} (held)`);
  return [connectionId, shown, trainerId, projectId, contractId, why === undefined ? '-' : wordsOf(why)];
}

function remarksOn(report: Reported, isDryRun: boolean, { paint }: Style): string[] {
  const { connectionId, install, endpoint, held, holdRunId, unread, waiting, untold, lockedOut } = report;
  const remarks: string[] = [];
  if (install === 'refused') remarks.push(paint('red', 'OpenTrain refuses the token: see check.'));
  if (install === 'disconnected') remarks.push('Disconnected.');
  if (endpoint === 'gone' || endpoint === 'elsewhere') {
    remarks.push(
      paint('red', `The webhook endpoint is ${ENDPOINT_WORDS[endpoint]}. Run connect --stored-token: that mends it.`),
    );
  }
  if (endpoint === 'healed' || endpoint === 'to-heal' || endpoint === 'given-up') {
    remarks.push(paint('yellow', `The webhook endpoint ${ENDPOINT_WORDS[endpoint]}.`));
  }
  if (held.length > 0) {
    const approve =
      holdRunId === undefined ? '' : ` If they are right: reconcile ${connectionId} --approve ${holdRunId}`;
    remarks.push(paint('yellow', `${count(held.length, 'removal')} held, because they are many.${approve}`));
  }
  if (waiting > 0) remarks.push(`${count(waiting, 'contract')} waiting for consent or for a person: see status.`);
  if (untold > 0)
    remarks.push(paint('yellow', `${count(untold, 'contract')} of links too full for OpenTrain to list.`));
  for (const { contractId, projectId } of lockedOut) {
    const advice = `unlink ${projectId} and link it again, and the trainer is let in.`;
    remarks.push(paint('red', `${contractId} runs at OpenTrain, but has ended here for good: ${advice}`));
  }
  if (unread > 0) {
    const which = count(unread, 'project');
    remarks.push(
      paint(
        'red',
        `${which} could not be looked at: the workspace is away, refuses, or does not know them. See check.`,
      ),
    );
  }
  remarks.push(...(isDryRun ? refusals(report) : failures(report)).map((remark) => paint('red', remark)));
  return remarks.map((remark) => `${connectionId}: ${remark}`);
}

/** In a dry run, nothing can fail but looking. */
const refusals = ({ install, failed, unread }: Reported): string[] =>
  install !== 'refused' && failed > 0 && unread === 0
    ? ['OpenTrain refuses some of what it was asked: see check.']
    : [];

const failures = ({ failed, outcome, reason }: Reported): string[] =>
  failed > 0 ? [`${failed} failed${outcome === 'retry' ? ` (${reason})` : ''}: run it again.`] : [];

const ENDPOINT_WORDS = {
  gone: 'gone from OpenTrain',
  elsewhere: 'pointing elsewhere',
  healed: 'was disabled or failing: enabled again, and its failed deliveries asked for',
  'to-heal': 'is disabled or failing, and would be enabled again',
  'given-up': 'fails again and again, and is left as it is until tomorrow: see check',
} as const;
