import { type Clock, systemClock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';
import type { MemberId, TrainerId, WorkEmail } from '../ids.ts';
import { NeedsPersonError, WorkspaceForbiddenError, WorkspaceUnsupportedError } from './errors.ts';
import type { Member, ProjectRef, Trainer, Workspace } from './port.ts';

/** `warn`: the connector works, but something has to be known or is missing. */
export type Verdict = 'pass' | 'warn' | 'fail';

export interface Check {
  readonly name: string;
  readonly verdict: Verdict;
  /** What was found, and what to do if it is not right. No address and no token. */
  readonly advice: string;
}

export interface CheckOptions {
  readonly clock?: Clock;
  /** Whether to show a notice for a moment. It takes the place of one that is shown already. @default true */
  readonly withNotice?: boolean;
  /** Stops the checks; what they left behind is still cleaned up. */
  readonly signal?: AbortSignal;
  /** Told of each check as it is made: of those before an interruption, and of the cleaning up after it, nothing else tells. */
  readonly onCheck?: (check: Check) => void;
}

/** A trainer whom nobody has hired: the address is reserved for this. */
export const CANARY: Trainer = {
  opentrainUserId: 'connector-check-canary' as TrainerId,
  workEmail: 'connector-check-canary@opentrain.work' as WorkEmail,
  displayName: 'Connector Check',
};

/** A canary nobody has seen, for platforms whose API cannot bring back the one that an earlier check took out. */
function freshCanary(now: number): Trainer {
  const name = `${CANARY.opentrainUserId}-${now.toString(36)}`;
  return { ...CANARY, opentrainUserId: name as TrainerId, workEmail: `${name}@opentrain.work` as WorkEmail };
}

const DAY_MILLISECONDS = 86_400_000;

/**
 * Takes the connector's whole way through a live workspace with a trainer of its own: in, in again, listed, out, no longer
 * listed, back in, and out again; then the totals of the last day and a notice. Above all it runs the removal, because a token
 * that can add but not remove is the failure that nobody notices.
 *
 * Where the platform lets nobody in without a person's help, the removal is run all the same, with the account as it is.
 *
 * Whatever happens, the trainer and the notice are taken out again at the end; if that fails, the last check says so.
 *
 * @throws the signal's reason when it is aborted, after the cleaning up
 */
export async function checkWorkspace(
  workspace: Workspace,
  project: ProjectRef,
  { clock = systemClock, withNotice = true, signal, onCheck }: CheckOptions = {},
): Promise<Check[]> {
  const checks: Check[] = [];
  const add = (made: Check) => {
    checks.push(made);
    onCheck?.(made);
  };
  const place = workspace.accessScope === 'project' ? project : { projectId: '*' as ProjectRef['projectId'] };
  let trainer = CANARY;
  let canary = memberOf(trainer);
  const earlier: Member[] = [];
  const canaries = () => [...earlier, canary];
  let mayBeIn = false;
  let mayBeShown = false;

  /** @returns whether the checks that build on this one make sense */
  async function check(name: string, run: () => Promise<Omit<Check, 'name'>>): Promise<boolean> {
    signal?.throwIfAborted();
    const found = await run().catch((error) => {
      // Whatever was under way failed by that.
      signal?.throwIfAborted();
      return describe(error);
    });
    add({ name, ...found });
    return found.verdict === 'pass';
  }

  const admit = async (): Promise<MemberId | undefined> => {
    mayBeIn = true;
    const { memberId } = await workspace.ensureAccess(trainer, place, signal);
    if (memberId !== undefined) canary = { ...canary, memberId };
    return memberId;
  };
  const remove = async (): Promise<void> => {
    await workspace.revokeAccess(canary, place, signal);
    mayBeIn = false;
  };
  const timesListed = async (): Promise<number> => {
    let times = 0;
    for await (const row of workspace.listAccess(place, signal)) {
      if (canaries().some((one) => isCanary(row, one))) times += 1;
    }
    return times;
  };

  /** @returns what a person has to do first, if that is all that is in the way */
  const tryToAdmit = async (): Promise<NeedsPersonError | undefined> => {
    try {
      await admit();
      return undefined;
    } catch (error) {
      if (error instanceof NeedsPersonError) return error;
      throw error;
    }
  };

  /** Whoever needs a person may have been let in all the same, with an account that still waits for something. */
  const takeFreshCanary = async (): Promise<void> => {
    await remove();
    earlier.push(canary);
    trainer = freshCanary(clock.now());
    canary = memberOf(trainer);
  };

  async function checkAccess(): Promise<void> {
    let waits = false;
    const isIn = await check('let in', async () => {
      let inTheWay = await tryToAdmit();
      if (inTheWay !== undefined) {
        try {
          await takeFreshCanary();
        } catch (error) {
          const { advice } = describe(error);
          return fail(`The canary trainer needs a person to get in, and could not be taken out again. ${advice}`);
        }
        inTheWay = await tryToAdmit();
      }
      waits = inTheWay !== undefined;
      return inTheWay === undefined
        ? pass('The canary trainer has an account and is in the project.')
        : describe(inTheWay);
    });
    const { memberId } = canary;
    if (!isIn && !waits) return;
    if (!waits) {
      await check('let in again', async () => {
        const again = await admit();
        return again === memberId
          ? pass('It is the same account.')
          : fail('The second call found or made another account.');
      });
    }
    const isListed = await check('listed', async () => {
      const times = await timesListed();
      if (times === 1) return pass('Whoever is in is listed, once.');
      if (times === 0 && waits) return warn('The canary trainer is not listed before a person has helped.');
      return fail(`The canary trainer was let in, and is listed ${times} times. Drift could not be found like this.`);
    });
    await check('take out', async () => {
      await remove();
      return waits && !isListed
        ? warn(
            'Nothing was refused, but nobody was seen in who could be removed: let a trainer in, and end the contract.',
          )
        : pass('The token can remove people, too.');
    });
    if (mayBeIn) return;
    await check('no longer listed', async () => {
      const times = await timesListed();
      if (times === 0) return pass('Whoever was taken out is gone.');
      mayBeIn = true;
      return fail(
        'The canary trainer was taken out, and is still listed. Somebody whose contract ended would keep access.',
      );
    });
    if (mayBeIn || waits) return;
    await check('hire again', async () => {
      const again = await admit();
      await remove();
      return again === memberId
        ? pass('Whoever comes back has the same account.')
        : warn('Whoever comes back gets another account.');
    });
  }

  async function checkTotals(): Promise<void> {
    await check('totals', async () => {
      const to = clock.now();
      let rows = 0;
      for await (const _ of workspace.dailyTotals({ project, from: to - DAY_MILLISECONDS, to }, signal)) rows += 1;
      return pass(`The work of the last 24 hours can be read: ${rows} ${rows === 1 ? 'row' : 'rows'}.`);
    });
  }

  async function checkNotice(): Promise<void> {
    await check('notice', async () => {
      if (workspace.setNotice === undefined)
        return warn('The platform has no place for budget notices; none are shown.');
      mayBeShown = true;
      const text = 'This is a check of the connector and disappears in a moment.';
      await workspace.setNotice(project, { state: 'LOW', text }, signal);
      await workspace.setNotice(project, null, signal);
      mayBeShown = false;
      return pass('A notice can be shown and taken away.');
    });
  }

  /** Without the signal: an interruption must leave nothing behind. */
  async function cleanUp(): Promise<void> {
    if (!mayBeIn && !mayBeShown) return;
    const left: string[] = [];
    const tryTo = async (run: () => Promise<unknown>, byHand: string): Promise<void> => {
      await run().catch((error) => left.push(`${byHand} ${describe(error).advice}`));
    };
    if (mayBeShown) {
      const byHand = `Remove the notice of this check from project ${project.projectId} by hand.`;
      await tryTo(async () => workspace.setNotice?.(project, null), byHand);
    }
    if (mayBeIn) {
      for (const one of canaries()) await tryTo(() => workspace.revokeAccess(one, place), removeByHand(one, project));
      if (left.length === 0) await tryTo(lookForCanaries, 'Look whether a canary trainer is left.');
    }
    add({ name: 'clean up', ...(left.length === 0 ? pass('Nothing was left behind.') : fail(left.join(' '))) });

    /** A removal that was accepted need not have been carried out. */
    async function lookForCanaries(): Promise<void> {
      const stillIn = new Set<Member>();
      for await (const row of workspace.listAccess(place)) {
        for (const one of canaries()) if (isCanary(row, one)) stillIn.add(one);
      }
      for (const one of stillIn)
        left.push(`${removeByHand(one, project)} The removal was accepted, and changed nothing.`);
    }
  }

  try {
    const answers = await check('answers', async () => {
      const { name, version } = await workspace.ping(signal);
      return pass([name, version].filter(Boolean).join(' '));
    });
    if (answers) {
      await checkAccess();
      await checkTotals();
      if (withNotice) await checkNotice();
    }
  } finally {
    await cleanUp();
  }
  return checks;
}

/** The worst of them. */
export function verdictOf(checks: readonly Check[]): Verdict {
  const verdicts = new Set(checks.map(({ verdict }) => verdict));
  return verdicts.has('fail') ? 'fail' : verdicts.has('warn') ? 'warn' : 'pass';
}

const pass = (advice: string) => ({ verdict: 'pass', advice }) as const;
const warn = (advice: string) => ({ verdict: 'warn', advice }) as const;
const fail = (advice: string) => ({ verdict: 'fail', advice }) as const;

function describe(error: unknown): Omit<Check, 'name'> {
  if (error instanceof WorkspaceUnsupportedError) return warn(error.message);
  if (error instanceof NeedsPersonError) {
    return warn(`${error.message} ${error.steps.map((step, index) => `${index + 1}. ${step}`).join(' ')}`);
  }
  if (error instanceof WorkspaceForbiddenError) {
    return fail(`${error.message} Without it the connector could not do its work when a contract begins or ends.`);
  }
  if (error instanceof ConnectorError) return fail(error.message);
  throw error;
}

const memberOf = ({ opentrainUserId, workEmail }: Trainer): Member => ({ opentrainUserId, workEmail });

const removeByHand = ({ opentrainUserId }: Member, { projectId }: ProjectRef): string =>
  `Remove the member ${CANARY.displayName} (${opentrainUserId}) from project ${projectId} by hand.`;

function isCanary(row: Member, { memberId, workEmail, opentrainUserId }: Member): boolean {
  return (
    row.opentrainUserId === opentrainUserId ||
    row.workEmail === workEmail ||
    (memberId !== undefined && row.memberId === memberId)
  );
}
