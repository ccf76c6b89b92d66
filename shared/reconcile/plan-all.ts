import { classify } from '../deliveries/classify.ts';
import type { Checked } from './conclude.ts';
import type { InstallState } from './install-state.ts';
import type { Observation, Told } from './observe.ts';
import type { ObservedSeats } from './observe-seats.ts';
import { planReleases, planRepairs, planSuspensions } from './plan-repairs.ts';
import type { Run } from './repair-all.ts';
import type { Repair } from './repairs.ts';

/** What the run has to set right, and what it has to say. */
export function planAll(
  run: Run,
  observation: Observation,
  told: Told | undefined,
  { seatWith, leftBehind }: ObservedSeats,
  install: InstallState | undefined,
): Checked & { readonly repairs: readonly Repair[] } {
  const { connection, parts, startedAt } = run;
  const { logger, keepAfterUnlink, graceMilliseconds } = parts;
  const releases = planReleases(leftBehind);
  if (told === undefined) {
    const isOver = install?.kind === 'disconnected' && startedAt >= install.since + graceMilliseconds;
    const suspensions = isOver ? planSuspensions(observation) : [];
    return { ...NOTHING_CHECKED, repairs: [...suspensions, ...releases] };
  }
  noteLinks(told, run);
  const { id: connectionId, reconnectedAt = Number.NEGATIVE_INFINITY } = connection;
  const isLately = startedAt < reconnectedAt + graceMilliseconds;
  const { repairs, untold, unlinked, lockedOut } = planRepairs(observation, told, {
    now: startedAt,
    seatWith,
    keepAfterUnlink,
    reconnectedAt: isLately ? reconnectedAt : undefined,
  });
  if (unlinked.length > 0)
    logger.error({ event: 'links.missing-after-reconnect', connectionId, count: unlinked.length });
  for (const { contractId, linkId, projectId, trainerId } of lockedOut) {
    logger.error({ event: 'contract.locked-out', connectionId, contractId, linkId, projectId, trainerId });
  }
  for (const repair of repairs) {
    if (repair.kind !== 'restore-link') continue;
    logger.error({
      event: 'link.still-listed',
      connectionId,
      linkId: repair.link.id,
      projectId: repair.link.projectId,
    });
  }
  return {
    repairs: [...repairs, ...releases],
    checked: told.links.reduce((count, { active }) => count + active.length, 0),
    fullLinks: told.links.filter(({ isActiveFull }) => isActiveFull).length,
    untold: untold.length,
    unlinked: unlinked.length,
    lockedOut: lockedOut.map(({ contractId, linkId, projectId, trainerId }) => ({
      contractId,
      linkId,
      projectId,
      trainerId,
    })),
  };
}

const NOTHING_CHECKED: Checked = { checked: 0, fullLinks: 0, untold: 0, unlinked: 0, lockedOut: [] };

/** Which links could not be looked at, and which have more contracts than OpenTrain tells of. */
function noteLinks({ links, unreadable }: Told, { connection, parts: { logger }, signal, setAside }: Run): void {
  const { id: connectionId } = connection;
  for (const { link, active, isActiveFull, ended, isEndedFull } of links) {
    const about = { connectionId, linkId: link.id };
    if (isActiveFull) {
      logger.warn({ event: 'contracts.list-full', ...about, reason: 'active', count: active.length });
    }
    if (isEndedFull) logger.warn({ event: 'contracts.list-full', ...about, reason: 'ended', count: ended.size });
  }
  for (const [linkId, error] of unreadable) {
    const meaning = classify(error, signal);
    setAside.push(meaning);
    const level = meaning.kind === 'busy' ? 'warn' : 'error';
    logger[level]({ event: 'reconcile.link-unreadable', connectionId, linkId, reason: meaning.kind, error });
  }
}
