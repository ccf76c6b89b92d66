import { classify } from '../deliveries/classify.ts';
import { ConnectorError } from '../errors.ts';
import type { WorkerParts } from '../events/event-context.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import type { Connection } from '../store/connections.ts';

/** The token is not of the install that the connection has: what OpenTrain says is not about what the table says. */
export class OtherInstallError extends ConnectorError {
  override readonly name = 'OtherInstallError';

  constructor(connection: Connection['id']) {
    super(
      `The connection ${connection} and its token are of different installs, or it was connected anew just now. ` +
        'If that lasts, connect it with its present token.',
    );
  }
}

/** Whether the connection is one to work with. */
export type InstallState =
  | { readonly kind: 'active' }
  /** OpenTrain takes the token again, after it had refused it for so long that the connection was taken for lost. */
  | { readonly kind: 'back' }
  /** OpenTrain refuses the token; not yet for long. */
  | { readonly kind: 'refused' }
  /** @property since - milliseconds since the epoch */
  | { readonly kind: 'disconnected'; readonly since: number };

/** A token that is refused for an hour, over two runs at least, is taken for lost. A hiccup of OpenTrain's is shorter. */
const REFUSED_FOR_MILLISECONDS = 3600_000;

/**
 * Asks OpenTrain who we are, and notes what it says: scopes and consent, or that the token is refused. A refusal is told in
 * every run, after the connection was taken for lost, too: what lasts until somebody does something must not fall silent
 * while trainers lose their access over it.
 *
 * @param isDryRun - then nothing is noted
 * @throws {OtherInstallError} when the token is of another install
 */
export async function lookAtInstall(
  connection: Connection,
  opentrain: OpenTrainClient,
  { parts, isDryRun, signal }: { parts: WorkerParts; isDryRun: boolean; signal: AbortSignal },
): Promise<InstallState> {
  const { store, clock, logger } = parts;
  const { id, disconnectedReason, disconnectedAt } = connection;
  const isLost = connection.status === 'disconnected';
  const lost = { kind: 'disconnected', since: disconnectedAt ?? clock.now() } as const;
  const tellRefusal = () => {
    if (isDryRun) return;
    logger.error({ event: 'connection.needs-attention', connectionId: id, reason: 'opentrain_forbidden' });
  };
  // The customer or the operator has said so: only `connect` takes that back.
  if (isLost && disconnectedReason !== 'token_refused') return lost;

  const install = await opentrain.getCurrentInstall(signal).catch((error: unknown) => {
    if (error instanceof OpenTrainError && error.kind === 'forbidden') return undefined;
    // That its token is not even there any more brings nobody back.
    if (isLost && classify(error, signal).kind === 'opentrain-refuses') return undefined;
    // Nor does it that OpenTrain is away just now.
    if (isLost) tellRefusal();
    throw error;
  });
  const isWelcome = install?.status === 'ACTIVE';
  if (install === undefined || !isWelcome) {
    tellRefusal();
    if (isLost) return lost;
    return isDryRun ? { kind: 'refused' } : noteRefusal(connection, parts);
  }
  if (connection.installId !== undefined && connection.installId !== install.id) throw new OtherInstallError(id);
  if (isDryRun) return { kind: isLost ? 'back' : 'active' };
  if (isLost) {
    await store.connections.reactivate(id, clock.now());
    logger.warn({ event: 'connection.back', connectionId: id });
  }
  const piiConsent = install.piiConsent ?? false;
  const isKnown = connection.piiConsent === piiConsent && sameScopes(connection.scopes, install.scopes);
  if (!isKnown) await store.connections.noteInstall(id, { scopes: install.scopes, piiConsent }, clock.now());
  return { kind: isLost ? 'back' : 'active' };
}

async function noteRefusal(connection: Connection, { store, clock, logger }: WorkerParts): Promise<InstallState> {
  const { id } = connection;
  const now = clock.now();
  const since = await store.connections.noteRefused(id, now);
  if (now - since < REFUSED_FOR_MILLISECONDS) return { kind: 'refused' };
  const changed = await store.connections.disconnectRefused(connection, now);
  if (!changed) return { kind: 'refused' };
  logger.error({ event: 'connection.disconnected', connectionId: id, reason: 'token_refused' });
  return { kind: 'disconnected', since: now };
}

/**
 * For right before anything is taken away: links and tokens go with their install, and a customer who reconnects in the
 * midst of a run must not be seen with the old ones and the new ones at once.
 *
 * @throws {OtherInstallError} when the connection is not what it was when the run began
 */
export async function assertUnchanged(
  connection: Connection,
  install: InstallState | undefined,
  { store }: Pick<WorkerParts, 'store'>,
): Promise<void> {
  const { status, installId } = await store.connections.get(connection.id);
  const expected =
    install === undefined ? connection.status : install.kind === 'disconnected' ? install.kind : 'active';
  if (status !== expected || installId !== connection.installId) throw new OtherInstallError(connection.id);
}

function sameScopes(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return JSON.stringify([...(one ?? [])].sort()) === JSON.stringify([...other].sort());
}
