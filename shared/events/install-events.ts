import type { InstallId } from '../ids.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import { installOf } from '../opentrain/events.ts';
import { done, type EventContext, parked, type Verdict } from './event-context.ts';

/** The customer disconnected, or reconnected: then the revocation names an install that is no longer ours (rule 3). */
export async function onInstallRevoked(context: EventContext): Promise<Verdict> {
  const { event, parts, situation } = context;
  const { connection } = situation;
  const revoked = installOf(event);
  if (revoked === undefined) return parked('no_install');
  const current = connection.installId ?? (await askForInstall(context)) ?? revoked;
  if (current !== revoked) return done('newer_install');
  const changed = await parts.store.connections.disconnect(connection.id, revoked, parts.clock.now());
  if (!changed) return done('newer_install');
  parts.logger.error({ event: 'connection.disconnected', connectionId: connection.id, reason: 'install_revoked' });
  return done('disconnected');
}

/** @returns undefined when the token is refused, which is what a revoked install's token is */
async function askForInstall({ opentrain, signal }: EventContext): Promise<InstallId | undefined> {
  try {
    return (await opentrain().getCurrentInstall(signal)).id;
  } catch (error) {
    if (error instanceof OpenTrainError && error.kind === 'forbidden') return undefined;
    throw error;
  }
}
