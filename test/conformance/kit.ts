import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProjectId, TrainerId, WorkEmail } from '../../shared/ids.ts';
import {
  NeedsPersonError,
  WorkspaceForbiddenError,
  WorkspaceRateLimitedError,
  WorkspaceUnavailableError,
  WorkspaceUnsupportedError,
} from '../../shared/workspace/errors.ts';
import type { BudgetNotice, DailyTotal, Member, ProjectRef, Trainer, Workspace } from '../../shared/workspace/port.ts';
import { type FaultProxy, type ProxiedRequest, startFaultProxy } from './fault-proxy.ts';
import type {
  Declaration,
  Harness,
  Measure,
  NoticeHarness,
  OpenOptions,
  PieceOfWork,
  TotalsHarness,
} from './harness.ts';
import { collect, expectToldNothingOf, failureOf, isSame } from './observe.ts';

/**
 * Holds an adapter to the port, against its real server: what the connector relies on, whatever the platform is called.
 * The same tests run for every adapter; `docs/workspaces/write-your-own.md` shows how to put a new one through them.
 *
 * @param declaration - what the platform cannot do. Instead of the ability, it is then tested that the adapter says so.
 */
export function describeConformance(
  name: string,
  startHarness: () => Promise<Harness>,
  declaration: Declaration = {},
): void {
  const { adapter = name, accessScope = 'project' } = declaration;

  describe(`conformance of ${name}`, () => {
    let harness: Harness;
    let proxy: FaultProxy;
    let workspace: Workspace;
    let project: ProjectRef;
    let maria: Trainer;

    beforeAll(async () => {
      harness = await startHarness();
      proxy = await startFaultProxy(harness.url);
    });
    afterAll(async () => {
      await proxy?.close();
      await harness?.close();
    });
    beforeEach(async () => {
      workspace = open();
      project = await harness.newProject();
      maria = newTrainer('maria');
    });
    afterEach(() => proxy.heal());

    const open = (options: Partial<OpenOptions> = {}): Workspace =>
      harness.open({ baseUrl: proxy.url, token: async () => harness.token, ...options });

    /** As `converge` names it: where a seat is in the whole workspace, no project is told. */
    const seat = (of: ProjectRef): ProjectRef => (accessScope === 'project' ? of : { projectId: '*' as ProjectId });
    const admit = (trainer: Trainer, to = project) => workspace.ensureAccess(trainer, seat(to));
    const remove = (member: Member, from = project) => workspace.revokeAccess(member, seat(from));
    const listed = (of = project) => collect(workspace.listAccess(seat(of)));
    const secretsOf = (trainer: Trainer) => [harness.token, trainer.workEmail];
    /** How the connector names somebody whom it let in before. */
    const known = (trainer: Trainer, member: Member): Member => ({
      opentrainUserId: trainer.opentrainUserId,
      workEmail: trainer.workEmail,
      ...(member.memberId === undefined ? {} : { memberId: member.memberId }),
    });

    const isWrite = (request: ProxiedRequest) =>
      harness.isWrite?.(request) ?? (request.method !== 'GET' && request.method !== 'HEAD');

    /** How many requests changed something while `act` ran. */
    async function writesDuring(act: () => Promise<unknown>): Promise<number> {
      const before = proxy.requests.length;
      await act();
      return proxy.requests.slice(before).filter((request) => isWrite(request)).length;
    }

    test('the adapter reaches as far as was declared', () => {
      expect(workspace.accessScope).toBe(accessScope);
    });

    describe('letting in', () => {
      test('a trainer who was let in can work, and is listed once', async () => {
        expect(await harness.tryToWork(maria, project)).toBe('locked-out');
        const member = await admit(maria);
        expect(member.memberId).toEqual(expect.any(String));
        expect(await harness.tryToWork(maria, project)).toBe('in');
        expect((await listed()).filter((row) => isSame(row, maria, member))).toHaveLength(1);
      });

      test('letting in twice changes nothing the second time', async () => {
        const first = await admit(maria);
        const before = await harness.accessState();
        const writes = await writesDuring(async () => expect(await admit(maria)).toEqual(first));
        expect(await harness.accessState()).toEqual(before);
        expect(writes).toBe(0);
      });

      test('a new adapter, as after a restart, finds the same account', async () => {
        const first = await admit(maria);
        const writes = await writesDuring(async () => {
          expect(await open().ensureAccess(maria, seat(project))).toEqual(first);
        });
        expect(writes).toBe(0);
      });

      test('an account that was opened by hand, in mixed case, is the one that is used', async () => {
        const [local = ''] = maria.workEmail.split('@');
        const byHand = await harness.openAccountByHand(`${local.toUpperCase()}@OpenTrain.work`);
        expect((await admit(maria)).memberId).toBe(byHand);
        expect(await harness.tryToWork(maria, project)).toBe('in');
      });

      test('two workers at once make one account', async () => {
        const outcomes = await Promise.allSettled([admit(maria), open().ensureAccess(maria, seat(project))]);
        for (const outcome of outcomes) {
          // Losing the race is fine as long as the queue tries again.
          if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(WorkspaceUnavailableError);
        }
        const member = await admit(maria);
        for (const outcome of outcomes) if (outcome.status === 'fulfilled') expect(outcome.value).toEqual(member);
        expect((await listed()).filter((row) => isSame(row, maria, member))).toHaveLength(1);
        await remove(known(maria, member));
        expect(await harness.tryToWork(maria, project)).toBe('locked-out');
      });

      test('after answers that were lost on the way, trying again leaves one account that can work', async () => {
        for (let attempt = 0; attempt < 3; attempt += 1) {
          proxy.loseNextAnswerToWrite(isWrite);
          await admit(maria).catch((error) => expect(error).toBeInstanceOf(WorkspaceUnavailableError));
        }
        proxy.heal();
        const member = await admit(maria);
        expect(await harness.tryToWork(maria, project)).toBe('in');
        expect((await listed()).filter((row) => isSame(row, maria, member))).toHaveLength(1);
      });
    });

    describe('taking out', () => {
      test('a removed trainer is locked out, with their own credentials, and no longer listed', async () => {
        const member = await admit(maria);
        await remove(known(maria, member));
        expect(await harness.tryToWork(maria, project)).toBe('locked-out');
        expect((await listed()).filter((row) => isSame(row, maria, member))).toEqual([]);
      });

      test('taking out twice changes nothing the second time', async () => {
        const member = known(maria, await admit(maria));
        await remove(member);
        const before = await harness.accessState();
        expect(await writesDuring(() => remove(member))).toBe(0);
        expect(await harness.accessState()).toEqual(before);
      });

      test('somebody who never was there is absent already', async () => {
        const before = await harness.accessState();
        await remove(known(maria, {}));
        expect(await harness.accessState()).toEqual(before);
      });

      test('whose member id was never noted, because of a crash, is found by Work Email', async () => {
        await admit(maria);
        await remove(known(maria, {}));
        expect(await harness.tryToWork(maria, project)).toBe('locked-out');
      });

      test('one trainer goes, the others stay', async () => {
        const kofi = newTrainer('kofi');
        await admit(kofi);
        await remove(known(maria, await admit(maria)));
        expect(await harness.tryToWork(kofi, project)).toBe('in');
      });

      if (accessScope === 'project') {
        test('out of one project is not out of another, until that is left as well', async () => {
          const other = await harness.newProject();
          const member = known(maria, await admit(maria));
          expect(await admit(maria, other)).toMatchObject({ memberId: member.memberId });
          await remove(member);
          expect(await harness.tryToWork(maria, project)).toBe('locked-out');
          expect(await harness.tryToWork(maria, other)).toBe('in');
          await remove(member, other);
          expect(await harness.tryToWork(maria, other)).toBe('locked-out');
        });
      } else {
        test('in one project is in all of them, and out is out of all', async () => {
          const other = await harness.newProject();
          const member = known(maria, await admit(maria));
          expect(await harness.tryToWork(maria, other)).toBe('in');
          await remove(member);
          expect(await harness.tryToWork(maria, other)).toBe('locked-out');
        });
      }
    });

    describe('hiring again', () => {
      if (declaration.rehireByPerson) {
        test('asks for a person, says how, makes no second account, and completes once that was done', async () => {
          const before = await admit(maria);
          await remove(known(maria, before));
          const state = await harness.accessState();

          const error = await failureOf(admit(maria));
          expect(error).toBeInstanceOf(NeedsPersonError);
          const { steps } = error as NeedsPersonError;
          expect(steps.length).toBeGreaterThan(0);
          expectToldNothingOf(error, secretsOf(maria));
          expect(await harness.accessState()).toEqual(state);
          expect(await harness.tryToWork(maria, project)).toBe('locked-out');

          await partOf(harness, 'performSteps').call(harness, steps, maria);
          expect(await admit(maria)).toEqual(before);
          expect(await harness.tryToWork(maria, project)).toBe('in');
        });
      } else {
        test('is the same account as before, and can work again', async () => {
          const before = await admit(maria);
          await remove(known(maria, before));
          expect(await admit(maria)).toEqual(before);
          expect(await harness.tryToWork(maria, project)).toBe('in');
        });
      }
    });

    test('more people than fit on a page are all listed, once, and all found again', async () => {
      const trainers = Array.from({ length: 2 * harness.pageRows + 1 }, (_, index) => newTrainer(`page-${index}`));
      const members: Member[] = [];
      for (const trainer of trainers) members.push(await admit(trainer));
      const rows = await listed();
      for (const [index, trainer] of trainers.entries()) {
        expect(rows.filter((row) => isSame(row, trainer, members[index] ?? {}))).toHaveLength(1);
      }
      const last = trainers.length - 1;
      const writes = await writesDuring(async () =>
        expect(await admit(trainers[last] ?? maria)).toEqual(members[last]),
      );
      expect(writes).toBe(0);
    });

    describe('the tool’s own people', () => {
      test('are never touched, whatever happens to trainers', async () => {
        const { memberId: boss } = await harness.addBystander(project);
        const before = await harness.accountState(boss);
        const member = known(maria, await admit(maria));
        await admit(maria);
        await workspace.setNotice?.(project, LOW);
        await remove(member);
        await remove(member);
        await workspace.setNotice?.(project, null);
        expect(await harness.accountState(boss)).toEqual(before);
      });

      test('are told of by no other address than a Work Email', async () => {
        const { privateAddress } = await harness.addBystander(project);
        const member = await admit(maria);
        const rows = await listed();
        expect(rows.some((row) => isSame(row, maria, member))).toBe(true);
        for (const { workEmail = maria.workEmail } of rows) expect(workEmail).toMatch(/^[^A-Z]+@opentrain\.work$/);
        if (privateAddress !== undefined) expect(JSON.stringify(rows)).not.toContain(privateAddress);
      });
    });

    describe('the token', () => {
      test('that is wrong is forbidden for every call, changes nothing, and is not repeated', async () => {
        const wrongToken = harness.wrongToken ?? `wrong-${randomBytes(8).toString('hex')}`;
        const member = known(maria, await admit(maria));
        const before = await harness.accessState();
        for (const [, call] of callsOf(open({ token: async () => wrongToken }), member)) {
          const error = await failureOf(call());
          expect(error).toBeInstanceOf(WorkspaceForbiddenError);
          expectToldNothingOf(error, [wrongToken, ...secretsOf(maria)]);
        }
        expect(await harness.accessState()).toEqual(before);
      });

      test('that was rotated is read again, past every cache, and the call succeeds', async () => {
        const stale = harness.wrongToken ?? 'rotated-away';
        const rotated = open({ token: async (options) => (options?.refresh ? harness.token : stale) });
        await rotated.ensureAccess(maria, seat(project));
        expect(await harness.tryToWork(maria, project)).toBe('in');
      });

      test('that is right proves itself by the platform’s name', async () => {
        expect((await workspace.ping()).name).toMatch(/\S/);
      });
    });

    describe('trouble', () => {
      /** Every call under one fault, with an adapter that was used before and one that was not. */
      async function failures(options: Partial<OpenOptions> = {}): Promise<[string, Error][]> {
        const found: [string, Error][] = [];
        for (const [what, call] of callsOf(open(options), known(maria, {}))) {
          const error = await failureOf(call());
          expectToldNothingOf(error, secretsOf(maria));
          found.push([what, error]);
        }
        return found;
      }

      test('too fast: every call tells for how many seconds to wait', async () => {
        proxy.answerAll(429, { 'retry-after': '7' });
        for (const [what, error] of await failures()) {
          expect(error, what).toBeInstanceOf(WorkspaceRateLimitedError);
          expect((error as WorkspaceRateLimitedError).retryAfterSeconds, what).toBe(7);
        }
      });

      test('too fast in the middle, with an adapter that has been at work: the same', async () => {
        await admit(maria);
        proxy.answerAll(429, { 'retry-after': '7' });
        const error = await failureOf(admit(newTrainer('kofi')));
        expect(error).toBeInstanceOf(WorkspaceRateLimitedError);
        expect((error as WorkspaceRateLimitedError).retryAfterSeconds).toBe(7);
      });

      test.each([500, 502, 503, 504])('%i: every call may work later', async (status) => {
        proxy.answerAll(status, { 'retry-after': '9' });
        for (const [what, error] of await failures()) {
          expect(error.constructor, what).toBe(WorkspaceUnavailableError);
          expect((error as WorkspaceUnavailableError).retryAfterSeconds, what).toBe(9);
        }
      });

      test('nobody listens: every call may work later', async () => {
        const gone = await startFaultProxy(harness.url);
        await gone.close();
        for (const [what, error] of await failures({ baseUrl: gone.url })) {
          expect(error.constructor, what).toBe(WorkspaceUnavailableError);
        }
      });

      test('no answer: every call gives up in time', async () => {
        proxy.hang();
        for (const [what, error] of await failures({ timeoutMilliseconds: 100 })) {
          expect(error.constructor, what).toBe(WorkspaceUnavailableError);
        }
      });

      test('no answer, and the caller stops waiting: it is let go at once', async () => {
        proxy.hang();
        const startedAt = performance.now();
        const signal = AbortSignal.timeout(100);
        const error = await failureOf(open().ensureAccess(maria, seat(project), signal));
        expect(error).toBeInstanceOf(WorkspaceUnavailableError);
        expect(performance.now() - startedAt).toBeLessThan(5_000);
      });

      test('ends when it ends: the same call works afterwards', async () => {
        proxy.answerAll(503);
        await expect(admit(maria)).rejects.toThrow(WorkspaceUnavailableError);
        proxy.heal();
        await admit(maria);
        expect(await harness.tryToWork(maria, project)).toBe('in');
      });
    });

    describe('totals', () => {
      const midnight = utcMidnight(-2);
      const minutes = (count: number) => count * 60_000;
      const evening: PieceOfWork = { at: midnight - minutes(30), seconds: 600, labels: 4 };
      const night: PieceOfWork = { at: midnight + minutes(10), seconds: 300, labels: 1 };

      const query = (from: number, to: number) => ({ project, from, to });
      const bothDays = () => query(midnight - minutes(24 * 60), midnight + minutes(24 * 60));
      const totals = async (of = bothDays()) => sorted(await collect(workspace.dailyTotals(of)));

      if (declaration.withoutTotals) {
        const { remedy } = declaration.withoutTotals;
        test('are not to be had, and the adapter says what to do about it', async () => {
          const error = await failureOf(totals());
          expectUnsupported(error, adapter, /totals/i, remedy);
        });
        return;
      }

      const harnessOf = (): TotalsHarness => partOf(harness, 'totals');
      /** The measures that the tool has, of so many pieces of work on a day. */
      const day = (at: number, ...pieces: PieceOfWork[]) => {
        const all: Record<Measure, number> = {
          seconds: sum(pieces.map(({ seconds }) => seconds)),
          tasks: pieces.length,
          labels: sum(pieces.map(({ labels }) => labels)),
        };
        const had = harnessOf().measures.map((measure) => [measure, all[measure]]);
        return { workDate: new Date(at).toISOString().slice(0, 10), ...Object.fromEntries(had) };
      };
      const measuresOf = ({ member: _, project: __, ...rest }: DailyTotal) => rest;

      test('add up per trainer and UTC day, to either side of midnight', async () => {
        const member = await admit(maria);
        const second = { ...evening, at: evening.at + minutes(15), seconds: 120 };
        for (const work of [evening, second, night]) await harnessOf().record(maria, project, work);
        const rows = await totals();
        expect(rows.map(measuresOf)).toEqual([day(evening.at, evening, second), day(night.at, night)]);
        for (const row of rows) {
          expect(isSame(row.member, maria, member)).toBe(true);
          expect(row.project).toEqual(project);
        }
      });

      test('keep trainers and projects apart', async () => {
        const kofi = newTrainer('kofi');
        const other = await harness.newProject();
        const members = [await admit(maria), await admit(kofi)];
        await admit(maria, other);
        await harnessOf().record(maria, project, evening);
        await harnessOf().record(kofi, project, { ...evening, seconds: 60 });
        await harnessOf().record(maria, other, night);
        const rows = await totals();
        expect(rows).toHaveLength(2);
        for (const [index, trainer] of [maria, kofi].entries()) {
          const own = rows.filter(({ member }) => isSame(member, trainer, members[index] ?? {}));
          expect(own.map(measuresOf)).toEqual([day(evening.at, { ...evening, seconds: index === 0 ? 600 : 60 })]);
        }
        expect((await totals({ ...bothDays(), project: other })).map(measuresOf)).toEqual([day(night.at, night)]);
      });

      test('count nothing before the window and nothing from its end on', async () => {
        await admit(maria);
        for (const work of [evening, night]) await harnessOf().record(maria, project, work);
        const before = query(midnight - minutes(24 * 60), midnight);
        const after = query(midnight, midnight + minutes(24 * 60));
        expect((await totals(before)).map(measuresOf)).toEqual([day(evening.at, evening)]);
        expect((await totals(after)).map(measuresOf)).toEqual([day(night.at, night)]);
      });

      test('replace what was told before when work is corrected after the first pull', async () => {
        await admit(maria);
        const recorded = await harnessOf().record(maria, project, evening);
        expect((await totals()).map(measuresOf)).toEqual([day(evening.at, evening)]);
        const corrected = { ...evening, seconds: evening.seconds + 180 };
        await harnessOf().correct(recorded, corrected);
        expect((await totals()).map(measuresOf)).toMatchObject([
          harnessOf().measures.includes('seconds') ? { seconds: corrected.seconds } : day(evening.at, evening),
        ]);
      });

      test('still count the work of a trainer who has left', async () => {
        const member = await admit(maria);
        await harnessOf().record(maria, project, evening);
        await remove(known(maria, member));
        const rows = await totals();
        expect(rows.map(measuresOf)).toEqual([day(evening.at, evening)]);
        expect(rows.every((row) => isSame(row.member, maria, member))).toBe(true);
      });

      test('of a project without work are no rows', async () => {
        await admit(maria);
        expect(await totals()).toEqual([]);
      });
    });

    describe('the notice', () => {
      if (declaration.withoutNotice) {
        const { withoutNotice } = declaration;
        test('has no place in the tool, and the adapter says so', async () => {
          if (withoutNotice === true) {
            expect(workspace.setNotice).toBeUndefined();
            return;
          }
          const error = await failureOf(Promise.resolve(workspace.setNotice?.(project, LOW)));
          expectUnsupported(error, adapter, /notice/i, withoutNotice.remedy);
        });
        return;
      }

      const shown = () => harnessOf().shown(project);
      const harnessOf = (): NoticeHarness => partOf(harness, 'notice');
      const set = (notice: BudgetNotice | null) => {
        if (workspace.setNotice === undefined) throw new Error('setNotice is missing, and not declared as missing.');
        return workspace.setNotice(project, notice);
      };

      test('is shown, changed and taken away, and the owner’s own text stays as it is', async () => {
        await harnessOf().writeOwnText(project, OWN_TEXT);
        const before = await shown();
        await set(LOW);
        expect(await shown()).toContain(LOW.text);
        expect(await shown()).toContain(LOW.url);
        expect(await shown()).toContain(OWN_TEXT);
        await set(DEPLETED);
        expect(await shown()).toContain(DEPLETED.text);
        expect(await shown()).not.toContain(LOW.text);
        expect(await shown()).toContain(OWN_TEXT);
        await set(null);
        expect(await shown()).toBe(before);
      });

      test('shown twice is shown once, and taking it away twice is fine', async () => {
        await harnessOf().writeOwnText(project, OWN_TEXT);
        const before = await shown();
        await set(LOW);
        const once = await shown();
        await set(LOW);
        expect(await shown()).toBe(once);
        await set(null);
        await set(null);
        expect(await shown()).toBe(before);
      });

      test('is of one project and not of another', async () => {
        const other = await harness.newProject();
        await set(LOW);
        expect(await harnessOf().shown(other)).not.toContain(LOW.text);
      });
    });

    /** Every call of the port that the platform serves, with what it is called. */
    function callsOf(of: Workspace, member: Member): [string, () => Promise<unknown>][] {
      const week = { project, from: utcMidnight(-7), to: utcMidnight(0) };
      const calls: [string, () => Promise<unknown>][] = [
        ['ping', () => of.ping()],
        ['ensureAccess', () => of.ensureAccess(maria, seat(project))],
        ['revokeAccess', () => of.revokeAccess(member, seat(project))],
        ['listAccess', () => collect(of.listAccess(seat(project)))],
      ];
      if (!declaration.withoutTotals) calls.push(['dailyTotals', () => collect(of.dailyTotals(week))]);
      if (!declaration.withoutNotice) calls.push(['setNotice', async () => of.setNotice?.(project, LOW)]);
      return calls;
    }
  });
}

const LOW = { state: 'LOW', text: 'One fifth of the funds is left.', url: 'https://app.opentrain.ai/jobs/1' } as const;
const DEPLETED = { state: 'DEPLETED', text: 'The funds are used up; please stop here.' } as const;
const OWN_TEXT = 'Draw tight boxes; mind the shadows.';

/** A trainer whom no other test knows. */
function newTrainer(name: string): Trainer {
  const unique = `${name}-${randomBytes(4).toString('hex')}`;
  return {
    opentrainUserId: `u-${unique}` as TrainerId,
    workEmail: `${unique}@opentrain.work` as WorkEmail,
    displayName: 'Kit Trainer',
  };
}

/** Midnight UTC so many days from today, milliseconds since the epoch. */
function utcMidnight(days: number): number {
  const dayMilliseconds = 86_400_000;
  return (Math.floor(Date.now() / dayMilliseconds) + days) * dayMilliseconds;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const sorted = (rows: readonly DailyTotal[]): DailyTotal[] =>
  rows.toSorted((a, b) => (a.workDate < b.workDate ? -1 : 1));

/** A message that helps: it names the adapter and the capability, and says what to do. */
function expectUnsupported(error: Error, adapter: string, capability: RegExp, remedy: string | RegExp): void {
  expect(error).toBeInstanceOf(WorkspaceUnsupportedError);
  expect(error.message.toLowerCase()).toContain(adapter.toLowerCase());
  expect(error.message).toMatch(capability);
  expect(error.message).toMatch(remedy);
}

/** A part of the harness that is optional to the compiler, but not to a platform that has not declared it missing. */
function partOf<Part extends 'totals' | 'notice' | 'performSteps'>(
  harness: Harness,
  part: Part,
): NonNullable<Harness[Part]> {
  const found = harness[part];
  if (found !== undefined) return found as NonNullable<Harness[Part]>;
  throw new Error(`The harness has no part "${part}". Add it, or declare what the platform cannot do.`);
}
