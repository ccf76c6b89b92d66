import type { Place } from '../access/access.ts';
import { type Clock, sleep as realSleep, type Sleep } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { WorkspaceId } from '../ids.ts';
import type { Logger } from '../logging.ts';
import type { WorkspaceProject } from '../store/notices.ts';
import type { Store } from '../store/store.ts';
import { isLasting } from '../workspace/errors.ts';
import type { BudgetNotice } from '../workspace/port.ts';
import { noticeOf } from './notice-text.ts';
import { openContracts } from './open-contracts.ts';

/** The notice kept changing while it was being shown; whoever brought the news tries again. */
export class NoticeContendedError extends ConnectorError {
  override readonly name = 'NoticeContendedError';
}

export interface NoticeParts {
  readonly store: Pick<Store, 'budgets' | 'notices' | 'grants'>;
  readonly placeOf: (workspace: WorkspaceId) => Promise<Place>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep?: Sleep;
  /** Within [0, 1). */
  readonly random?: () => number;
}

/** Each round costs a workspace call; a notice that changes five times in a few seconds is better taken up later. */
const ROUNDS = 5;

/** Between two rounds, at most, times their number: two that are at it at once must not get in each other's way again. */
const PAUSE_MILLISECONDS = 200;

/**
 * Makes a project show what its budgets call for: the notice of its worst open contract, of whatever customer, or none.
 *
 * Whoever has changed a budget or ended a contract calls this afterwards. It announces itself, looks only then at what is
 * to be shown, shows it, and is done if nobody else has announced themselves meanwhile. So a change that it did not see
 * was made by somebody who comes after it, and two at once, in any order and with a crash between any two steps, end with
 * what the last of them wants (rule 2). Many at once leave it to the last: whoever finds somebody after them before they
 * have shown anything, or that the last has shown just the same, is done, too.
 *
 * A platform that has no place for notices is left alone, and one that refuses a notice for good is, too: its trainers'
 * access must not wait for that.
 *
 * @param options.anew - shows it even if it was noted as shown: for whatever may have been tried before and have crashed
 * during the call, which may then have arrived late, over a newer one
 */
export async function convergeNotice(
  project: WorkspaceProject,
  parts: NoticeParts,
  signal: AbortSignal,
  { anew }: { readonly anew: boolean },
): Promise<void> {
  const { sleep = realSleep, random = Math.random } = parts;
  const { notices } = parts.store;
  const { workspace } = await parts.placeOf(project.workspaceId);
  if (workspace.setNotice === undefined) return;
  const shown = await notices.get(project);
  const wanted = await wantedNotice(project, parts);
  const isShown = shown === undefined ? wanted === null : !anew && shown.settled && isSame(shown.notice, wanted);
  if (isShown) return;

  for (let round = 0; round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    const revision = await notices.begin(project, parts.clock.now());
    const notice = await wantedNotice(project, parts);
    // Whoever came after this has not looked earlier, and will not show anything earlier than what was shown here.
    if ((await notices.get(project))?.revision !== revision) return;
    try {
      await workspace.setNotice(project, notice, signal);
    } catch (error) {
      // Trying again would not help, and no notice is worth a person's errand.
      if (!isLasting(error)) throw error;
      parts.logger.warn({ event: 'notice.rejected', ...project, error });
      return;
    }
    if (await notices.settle(project, revision, notice, parts.clock.now())) return;
    await sleep(random() * PAUSE_MILLISECONDS * (round + 1), signal);
    const last = await notices.get(project);
    if (last?.settled && isSame(last.notice, notice)) return;
  }
  throw new NoticeContendedError(`A notice changed ${ROUNDS} times while it was being shown; it is tried again later.`);
}

async function wantedNotice(project: WorkspaceProject, { store, clock }: NoticeParts): Promise<BudgetNotice | null> {
  const warning = [];
  for await (const copy of store.budgets.listCopies(project)) if (copy.state !== 'OK') warning.push(copy);
  const open = await openContracts(warning, store.grants);
  for (const copy of warning) {
    if (open.includes(copy) || copy.expiresAt !== undefined) continue;
    await store.budgets.expireCopy(project, copy, clock.now());
  }
  return noticeOf(open);
}

function isSame(one: BudgetNotice | null, other: BudgetNotice | null): boolean {
  return one?.state === other?.state && one?.text === other?.text && one?.url === other?.url;
}
