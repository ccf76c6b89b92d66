import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobResume } from '../../shared/jobs/connection-job.ts';
import { WorkspaceRejectedError, WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { UsageQuery, Workspace } from '../../shared/workspace/port.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage } from '../support/usage.ts';
import { HOUR, MINUTE, type UsageStory, usageStory } from '../support/usage-story.ts';

// A connection whose projects take longer to read than the function has.
let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

/** On a project of their own each. */
async function manyProjects(count: number) {
  await days.nextDayAt(9);
  const first = await days.hireFor(0);
  const { customer } = first;
  const hires: Pick<typeof first, 'contract' | 'project' | 'work'>[] = [first];
  while (hires.length < count) hires.push(await days.hireAnother(customer));
  await days.advanceTo(days.now() + 2 * HOUR);
  for (const { work } of hires) work(days.now() - HOUR, 600);
  const reported = () => hires.filter(({ contract }) => Object.values(days.reported(contract))[0] === 600);
  return { customer, hires, reported };
}

/** Three lanes read two times each: a project whose contract began today as a whole, and from the contract's start on. */
const SOME = 7;

/** A workspace that is read so many times, after which the function's time is over; and what it is asked to read. */
function timeFor(reads: number, isSlow: (project: string) => boolean = () => false) {
  const time = new AbortController();
  const asked: string[] = [];
  const workspace: Partial<Workspace> = {
    async *dailyTotals(query: UsageQuery, signal?: AbortSignal) {
      const { projectId } = query.project;
      asked.push(projectId);
      if (isSlow(projectId) || asked.length > reads) {
        // The other lanes end what they are at meanwhile.
        await new Promise((resolve) => setTimeout(resolve, 300));
        time.abort();
        throw new WorkspaceUnavailableError('The caller stopped waiting.');
      }
      yield* story.connector.workspace.dailyTotals(query, signal);
    },
  };
  return { workspace, signal: time.signal, asked };
}

/** All attempts of one run, as the function's queue makes them. */
async function runToTheEnd(
  customer: { id: Parameters<typeof runUsage>[1] },
  time: () => ReturnType<typeof timeFor>,
  attempts: number,
) {
  const all: string[] = [];
  let resume: JobResume | undefined;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const { workspace, signal, asked } = time();
    const { outcome } = await runUsage(story, customer.id, { faults: { workspace }, signal, job: { resume } });
    all.push(...asked);
    if (outcome.kind !== 'retry') return { outcome, asked: all };
    expect(outcome.reason).toBe('out-of-time');
    resume = outcome.resume ?? resume;
    // A report that was under way may still arrive: its contract is nobody's for so long.
    await story.opentrain.clock.advance(7 * MINUTE);
  }
  throw new Error(`It came to no end within ${attempts} attempts.`);
}

describe('a run whose time is over while it reads', () => {
  test('goes on where it was, and reads again only what was under way', async () => {
    const { customer, hires, reported } = await manyProjects(12);
    const { outcome, asked } = await runToTheEnd(customer, () => timeFor(SOME), 12);
    expect(outcome.kind).toBe('done');
    expect(reported()).toHaveLength(hires.length);
    expect(new Set(asked).size).toBe(12);
    expect(asked.length, 'from the beginning it would be 7 of them each time, for ever').toBeLessThan(12 * SOME);
    expect((await customer.connection()).usageReportedAt).toBeDefined();
  });

  test('stands as reported up to where its first attempt began, and not before all of it is', async () => {
    const { customer } = await manyProjects(6);
    const began = days.now();
    const { workspace, signal } = timeFor(SOME);
    const { outcome } = await runUsage(story, customer.id, { faults: { workspace }, signal });
    expect(outcome).toMatchObject({ kind: 'retry', resume: { hasLeft: false } });
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
    await story.opentrain.clock.advance(HOUR / 2);
    const resume = 'resume' in outcome ? outcome.resume : undefined;
    expect(Math.abs((resume?.until ?? 0) - began)).toBeLessThan(HOUR / 4);
    expect((await runUsage(story, customer.id, { job: { resume } })).outcome.kind).toBe('done');
    expect((await customer.connection()).usageReportedAt).toBe(resume?.until);
  });

  test('is not reported to the end when an earlier attempt had to leave something', async () => {
    const { customer, hires, reported } = await manyProjects(6);
    const broken = hires[3]?.project;
    const time = () => {
      const { workspace, ...rest } = timeFor(SOME);
      const failing: Partial<Workspace> = {
        async *dailyTotals(query: UsageQuery, signal?: AbortSignal) {
          if (query.project.projectId === broken) throw new WorkspaceRejectedError('No such project.');
          if (workspace.dailyTotals !== undefined) yield* workspace.dailyTotals(query, signal);
        },
      };
      return { ...rest, workspace: failing };
    };
    await runToTheEnd(customer, time, 6);
    expect(reported()).toHaveLength(5);
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
  });

  test('leaves a project that takes all of it to the next run, so that the others have their turn', async () => {
    const { customer, hires, reported } = await manyProjects(5);
    const slow = hires[2]?.project;
    let isWaiting = true;
    const time = () => timeFor(20, (project) => isWaiting && project === slow);
    await runToTheEnd(customer, time, 8);
    expect(reported()).toHaveLength(4);
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
    isWaiting = false;
    await runToTheEnd(customer, time, 1);
    expect(reported()).toHaveLength(5);
  });

  test('before anything was read is simply made again', async () => {
    const { customer } = await manyProjects(1);
    const { outcome } = await runUsage(story, customer.id, { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ kind: 'retry', reason: 'out-of-time', resume: undefined });
  });
});

describe('two projects that share a contract', () => {
  test('are reported together, whoever else is in either', async () => {
    const { customer, hires } = await manyProjects(1);
    const [first] = hires;
    const jobId = customer.postJob();
    const [one, two] = [customer.link(jobId), customer.link(jobId)];
    const contract = customer.hire(jobId);
    await story.idle();
    await story.opentrain.clock.advance(2 * HOUR);
    for (const { project } of [one, two]) {
      const trainer = contract.trainer?.opentrainUserId ?? '';
      story.workspace.recordWork({ trainer, project, at: days.now() - HOUR, seconds: 100 });
    }
    const { workspace, signal } = timeFor(3);
    await runUsage(story, customer.id, { faults: { workspace }, signal });
    expect(Object.values(days.reported(contract)), 'never a part of it').not.toContain(100);
    await runUsage(story, customer.id);
    expect(Object.values(days.reported(contract))).toEqual([200]);
    expect(Object.values(days.reported(first?.contract ?? contract))).toEqual([600]);
  });
});

describe('a run that was planned before the last complete one began', () => {
  test('has nothing to do', async () => {
    const { customer } = await manyProjects(1);
    const plannedAt = days.now();
    expect((await runUsage(story, customer.id, { job: { plannedAt } })).outcome.kind).toBe('done');
    const { workspace, asked } = timeFor(9);
    const again = await runUsage(story, customer.id, { job: { plannedAt }, faults: { workspace } });
    expect(again.outcome).toEqual({ kind: 'superseded' });
    expect(asked).toEqual([]);
    await story.opentrain.clock.advance(HOUR);
    const later = await runUsage(story, customer.id, { job: { plannedAt: days.now() } });
    expect(later.outcome.kind).toBe('done');
  });
});

describe('a run in parts', () => {
  test('is reported to the end once each of its parts is', async () => {
    const { customer } = await manyProjects(3);
    const plannedAt = days.now();
    const part = (index: number, planned = plannedAt) =>
      runUsage(story, customer.id, { job: { plannedAt: planned, part: { index, of: 3 } } });
    await part(0);
    await part(1);
    await part(1);
    expect((await customer.connection()).usageReportedAt).toBeUndefined();
    await part(2);
    expect((await customer.connection()).usageReportedAt).toBe(plannedAt);

    await story.opentrain.clock.advance(HOUR);
    const next = days.now();
    await part(0, next);
    await part(1);
    await part(2);
    expect((await customer.connection()).usageReportedAt, 'stragglers of the run before').toBe(plannedAt);
  });
});
