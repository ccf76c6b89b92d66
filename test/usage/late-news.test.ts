import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventRecord } from '../../local/opentrain/events.ts';
import type { ContractId, LinkId, MemberId } from '../../shared/ids.ts';
import { type Story, startStory } from '../support/story.ts';
import { runUsage, telling } from '../support/usage.ts';
import { DAY, dateOf, HOUR, MINUTE, type UsageStory, usageStory } from '../support/usage-story.ts';

let story: Story;
let days: UsageStory;

beforeAll(async () => {
  story = await startStory();
  days = usageStory(story);
});
afterAll(() => story.close());

const seconds = (milliseconds: number) => Math.round(milliseconds / 1_000);
const timeOf = (iso: string | null | undefined) => Date.parse(iso ?? '');
/** What OpenTrain has but for the days that are zero. */
const worked = (contract: { id: string }) =>
  Object.fromEntries(Object.entries(days.reported(contract)).filter(([, total]) => total > 0));
const summaryOf = ({ outcome }: Awaited<ReturnType<typeof runUsage>>) => ('summary' in outcome ? outcome.summary : {});

/** Whatever happens at OpenTrain is told only after that. */
async function untold(happen: () => Promise<void>): Promise<() => Promise<void>> {
  await story.idle();
  story.opentrain.holdDeliveries();
  await happen();
  return async () => {
    await story.opentrain.release();
    await story.idle();
  };
}

describe('an end that is told days later, beyond the look-back', () => {
  test('makes the days after it zero and cuts the day of it, as far as it lies', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, contract, work } = await days.hireFor(0);
    work(morning + HOUR, 1_800);
    const tell = await untold(async () => {
      await days.advanceTo(morning + 2 * HOUR);
      story.opentrain.endContract(contract.id);
      // Half before the end, half after it: the connector knows of no end yet.
      work(morning + 1.5 * HOUR, 3_600);
      for (let day = 1; day <= 6; day += 1) {
        await days.advanceTo(morning + day * DAY + 2 * HOUR);
        work(days.now() - HOUR, 600 + day);
        await runUsage(story, customer.id);
      }
    });
    expect(Object.values(worked(contract))).toEqual([5_400, 601, 602, 603, 604, 605, 606]);

    await tell();
    const end = timeOf(story.opentrain.contract(contract.id).endDate);
    await runUsage(story, customer.id);
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 1_800 + seconds(end - (morning + 1.5 * HOUR)) });
    expect(Object.keys(days.reported(contract)).length, 'zero is told, not left out').toBe(7);
    expect(summaryOf(await runUsage(story, customer.id))).toMatchObject({ sent: 0 });
  });

  test('gives what the contract loses to the one that its trainer was hired on again', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, jobId, contract, trainer, work } = await days.hireFor(0, { trainer: 'Hired Again' });
    work(morning + HOUR, 600);
    let again = contract;
    const tell = await untold(async () => {
      await days.advanceTo(morning + 2 * HOUR);
      story.opentrain.endContract(contract.id);
      await days.advanceTo(morning + DAY);
      again = customer.hire(jobId, 'Hired Again');
      for (let day = 1; day <= 6; day += 1) {
        await days.advanceTo(morning + day * DAY + 2 * HOUR);
        work(days.now() - HOUR, 600 + day);
        await runUsage(story, customer.id);
      }
    });
    expect(again.trainer?.opentrainUserId).toBe(trainer.opentrainUserId);
    await tell();
    await runUsage(story, customer.id);
    expect(Object.values(worked(contract))).toEqual([600]);
    expect(Object.values(worked(again))).toEqual([601, 602, 603, 604, 605, 606]);
  });

  test('counts what was done on that day in a project whose link was gone already', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, jobId, contract, link, trainer, work } = await days.hireFor(0);
    const other = customer.link(jobId);
    await story.idle();
    work(morning + HOUR / 2, 300);
    await days.advanceTo(morning + HOUR);
    story.opentrain.unlinkProject(customer.installId, link.id);
    story.workspace.recordWork({
      trainer: trainer.opentrainUserId,
      project: other.project,
      at: days.now() + HOUR,
      seconds: 700,
    });
    const tell = await untold(async () => {
      await days.advanceTo(morning + 3 * HOUR);
      story.opentrain.endContract(contract.id);
      await runUsage(story, customer.id);
      await days.advanceTo(morning + 6 * DAY);
    });
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 1_000 });
    await tell();
    await runUsage(story, customer.id);
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 1_000 });
  });

  test('takes nothing from a contract of the same day that is long over, where starts are told as days only', async () => {
    const morning = await days.nextDayAt(9);
    const asDays = (event: EventRecord) => {
      const text = JSON.stringify(event).replaceAll(/"startDate":"(\d{4}-\d\d-\d\d)T[^"]*"/g, '"startDate":"$1"');
      return JSON.parse(text) as object;
    };
    const { customer, jobId, contract, trainer, project } = await story.newHire({ trainer: 'Day Labourer' });
    await customer.deliver(asDays(customer.event('contract.started', contract.id)));
    const work = (at: number, length: number) =>
      story.workspace.recordWork({ trainer: trainer.opentrainUserId, project, at, seconds: length });
    work(morning + HOUR, 100);
    await days.advanceTo(morning + 2 * HOUR);
    story.opentrain.endContract(contract.id);
    await customer.deliver(asDays(customer.event('contract.ended', contract.id)));
    const again = customer.hire(jobId, 'Day Labourer');
    await customer.deliver(asDays(customer.event('contract.started', again.id)));
    await days.advanceTo(morning + 4 * HOUR);
    work(days.now() - HOUR, 200);
    story.opentrain.endContract(again.id);
    const ended = asDays(customer.event('contract.ended', again.id));
    await runUsage(story, customer.id);
    expect([worked(contract), worked(again)]).toEqual([{ [dateOf(morning)]: 100 }, { [dateOf(morning)]: 200 }]);

    await days.advanceTo(morning + 6 * DAY);
    await customer.deliver(ended);
    await runUsage(story, customer.id);
    expect([worked(contract), worked(again)]).toEqual([{ [dateOf(morning)]: 100 }, { [dateOf(morning)]: 200 }]);
  });
});

describe('a link that is removed', () => {
  test('ends the share of its project only', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, jobId, contract, link, trainer, work } = await days.hireFor(0);
    const other = customer.link(jobId);
    await story.idle();
    const workThere = (at: number, length: number) =>
      story.workspace.recordWork({ trainer: trainer.opentrainUserId, project: other.project, at, seconds: length });
    work(morning + HOUR, 100);
    workThere(morning + HOUR, 10);
    await days.advanceTo(morning + 2 * HOUR);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await story.idle();
    await days.advanceTo(morning + 4 * HOUR);
    work(morning + 3 * HOUR, 200);
    workThere(morning + 3 * HOUR, 20);
    expect(summaryOf(await runUsage(story, customer.id))).toMatchObject({ unattributedSeconds: 200 });
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 130 });
  });

  test('before the contract’s end, but is told after it: what was done after the end does not count there either', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, jobId, contract, link, work } = await days.hireFor(0);
    customer.link(jobId);
    work(morning + HOUR, 100);
    const tell = await untold(async () => {
      await days.advanceTo(morning + 2 * HOUR);
      story.opentrain.unlinkProject(customer.installId, link.id);
      await days.advanceTo(morning + 3 * HOUR);
      // Told of the other link only.
      story.opentrain.endContract(contract.id);
      work(morning + 4 * HOUR, 200);
      await days.advanceTo(morning + 5 * HOUR);
      await runUsage(story, customer.id);
    });
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 300 });
    await tell();
    await runUsage(story, customer.id);
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 100 });
  });

  test('and made again to the same project: each moment counts once', async () => {
    const morning = await days.nextDayAt(9);
    const { customer, jobId, contract, link, project, work } = await days.hireFor(0);
    work(morning + HOUR, 100);
    await days.advanceTo(morning + 2 * HOUR);
    story.opentrain.unlinkProject(customer.installId, link.id);
    await story.idle();
    await days.advanceTo(morning + 3 * HOUR);
    customer.link(jobId, { project });
    await story.idle();
    work(days.now() + HOUR, 200);
    await days.advanceTo(morning + 5 * HOUR);
    await runUsage(story, customer.id);
    expect(worked(contract)).toEqual({ [dateOf(morning)]: 300 });
    expect((await customer.grants()).filter(({ contractId }) => contractId === contract.id).length).toBe(2);
  });
});

describe('who is counted', () => {
  test('whoever a person must help in may be in already', async () => {
    await days.nextDayAt(9);
    const { customer, contract, link, work } = await days.hireFor(0);
    const ref = { connectionId: customer.id, contractId: contract.id as ContractId, linkId: link.id as LinkId };
    await story.store.grants.park(ref, {}, { reason: 'action_required', steps: ['Let them in.'] }, days.now());
    await days.advanceTo(days.now() + 2 * HOUR);
    work(days.now() - HOUR, 600);
    await runUsage(story, customer.id);
    expect(worked(contract)).toEqual({ [dateOf(days.now())]: 600 });
  });

  test('nobody whom the connector never let in', async () => {
    await days.nextDayAt(9);
    const { customer, contract, project } = await days.hireFor(0);
    const person = { opentrainUserId: 'user-of-nobody', workEmail: 'nobody@opentrain.work', displayName: 'Nobody' };
    story.workspace.addMemberByHand(project, person);
    await days.advanceTo(days.now() + 2 * HOUR);
    story.workspace.recordWork({ trainer: 'user-of-nobody', project, at: days.now() - HOUR, seconds: 600 });
    expect(summaryOf(await runUsage(story, customer.id))).toMatchObject({ sent: 0, unattributedSeconds: 0 });
    expect(worked(contract)).toEqual({});
  });

  test('trainers whose contracts are all over, as work that belongs to no contract', async () => {
    await days.nextDayAt(9);
    const { customer, jobId, project, contract, work } = await days.hireFor(0);
    const other = await days.hireAnother(customer, { jobId, project });
    story.opentrain.endContract(contract.id);
    await story.idle();
    await days.advanceTo(days.now() + 6 * DAY);
    work(days.now() - HOUR, 600);
    other.work(days.now() - HOUR, 60);
    expect(summaryOf(await runUsage(story, customer.id))).toMatchObject({
      contracts: 1,
      sent: 1,
      unattributedSeconds: 600,
    });
    expect(worked(contract)).toEqual({});
  });

  test('not another customer’s trainer in the same project: their own connection has them', async () => {
    await days.nextDayAt(9);
    const project = story.unique('shared');
    const one = await days.hireFor(0, { project });
    const other = await days.hireFor(0, { project });
    await days.advanceTo(days.now() + 2 * HOUR);
    one.work(days.now() - HOUR, 600);
    other.work(days.now() - HOUR, 60);
    expect(summaryOf(await runUsage(story, one.customer.id))).toMatchObject({ sent: 1, unattributedSeconds: 0 });
    await runUsage(story, other.customer.id);
    expect([worked(one.contract), worked(other.contract)].map((totals) => Object.values(totals))).toEqual([
      [600],
      [60],
    ]);
  });

  test('who is told of by Work Email or by member id only, which is all that some platforms have', async () => {
    await days.nextDayAt(9);
    const { customer, contract, project, trainer } = await days.hireFor(6);
    const seat = await story.seatOf(project, trainer);
    const today = { project: { projectId: project as never }, workDate: dateOf(days.now()), seconds: 100 };
    const memberId = seat?.memberId as MemberId;
    const workspace = {
      async *dailyTotals() {
        yield { ...today, member: { workEmail: seat?.trainer.workEmail as never } };
        yield { ...today, member: { memberId } };
        yield { ...today, member: { memberId: 'member-of-nobody' as MemberId } };
        // Where a platform was set up anew, somebody else may have the id.
        yield { ...today, member: { memberId, workEmail: 'somebody.else@opentrain.work' as never } };
      },
    };
    await runUsage(story, customer.id, { faults: { workspace } });
    expect(worked(contract)).toEqual({ [today.workDate]: 200 });
  });
});

describe('what is counted', () => {
  test('labels, where the platform counts nothing else', async () => {
    await days.nextDayAt(9);
    const { customer, contract, trainer } = await days.hireFor(6);
    const row = { trainer: trainer.opentrainUserId, workDate: dateOf(days.now()), labels: 40 };
    await runUsage(story, customer.id, { faults: { workspace: telling(row) } });
    expect(story.opentrain.usageOf(contract.id)).toMatchObject([{ totalSeconds: 0, labelsCompleted: 40 }]);
    expect((await days.recordOf(customer, contract)).reported.get(row.workDate)).toEqual({ labels: 40 });
    await runUsage(story, customer.id, { faults: { workspace: telling() } });
    expect(story.opentrain.usageOf(contract.id)).toMatchObject([{ labelsCompleted: 0 }]);
  });

  test('a measure that is told no more, as zero: a field that is left out keeps what it was', async () => {
    await days.nextDayAt(9);
    const { customer, contract, work } = await days.hireFor(0);
    await days.advanceTo(days.now() + 2 * HOUR);
    const sitting = work(days.now() - HOUR, 600, { tasks: 3 });
    work(days.now() - 20 * MINUTE, 60);
    await runUsage(story, customer.id);
    story.workspace.correctWork(sitting, { seconds: 500 });
    await runUsage(story, customer.id);
    expect(story.opentrain.usageOf(contract.id)).toMatchObject([{ totalSeconds: 560, tasksCompleted: 0 }]);
  });
});
