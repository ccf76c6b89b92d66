import type { ContractId } from '../../shared/ids.ts';
import type { Story } from './story.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const dateOf = (at: number): string => new Date(at).toISOString().slice(0, 10);

/** A report on its way to OpenTrain. */
export interface SentReport {
  readonly contractId: string;
  readonly entries: readonly { readonly workDate: string; readonly totalSeconds?: number }[];
  /** Lets it through. */
  readonly perform: () => Promise<Response>;
}

/**
 * The way to OpenTrain, with an eye on the reports that go along it.
 *
 * @param strike - what a report is answered instead; undefined lets it through
 */
export function watchReports(
  strike: (report: SentReport) => Promise<Response | undefined> | Response | undefined = () => undefined,
) {
  const reports: SentReport[] = [];
  const opentrainFetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const [, contractId] = /\/contracts\/([^/]+)\/usage$/.exec(new URL(request.url).pathname) ?? [];
    if (contractId === undefined || request.method !== 'POST') return fetch(request);
    const { entries } = (await request.clone().json()) as Pick<SentReport, 'entries'>;
    const report = { contractId, entries, perform: () => fetch(request.clone()) };
    reports.push(report);
    return (await strike(report)) ?? report.perform();
  };
  return { reports, opentrainFetch };
}

/** OpenTrain's refusal in its own form. */
export const refusal = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  Response.json({ error: 'A fault was asked for', code, requestId: 'req-1' }, { status, headers });

type Customer = Awaited<ReturnType<Story['newCustomer']>>;

/** The days of a story, and what OpenTrain has of them. */
export function usageStory(story: Story) {
  const { opentrain, workspace } = story;
  const now = () => opentrain.clock.now();
  const advanceTo = async (at: number) => {
    await opentrain.clock.advance(Math.max(0, at - now()));
    return now();
  };

  return {
    now,
    advanceTo,
    /** Moves time to so many hours after the next midnight, so that a test has its days to itself. */
    nextDayAt: (hours: number) => advanceTo((Math.floor(now() / DAY) + 1) * DAY + hours * HOUR),
    /** What OpenTrain has of a contract: date to seconds. */
    reported: (contract: { id: string }): Record<string, number> =>
      Object.fromEntries(opentrain.usageOf(contract.id).map(({ workDate, totalSeconds }) => [workDate, totalSeconds])),
    /** A hire whose trainer is at work for that many days already. */
    async hireFor(days: number, options: Parameters<Story['newHire']>[0] = {}) {
      const hire = await story.newHire({ delivered: true, ...options });
      await story.idle();
      await opentrain.clock.advance(days * DAY);
      return { ...hire, work: worker(hire) };
    },
    /** Somebody more, on another job of the same customer or on the one that is given. */
    async hireAnother(customer: Customer, place = newPlace(customer)) {
      const contract = customer.hire(place.jobId);
      if (contract.trainer === null) throw new Error('Nobody was hired.');
      await story.idle();
      return { ...place, contract, work: worker({ trainer: contract.trainer, project: place.project }) };
    },
    async recordOf(customer: Pick<Customer, 'id'>, contract: { id: string }) {
      const [record] = await story.store.usage.getAll(customer.id, [contract.id as ContractId]);
      if (record === undefined) throw new Error('Every contract has a record.');
      return record;
    },
  };

  function newPlace(customer: Customer) {
    const jobId = customer.postJob();
    return { jobId, project: customer.link(jobId).project };
  }

  function worker({ trainer, project }: { trainer: { opentrainUserId: string }; project: string }) {
    return (at: number, seconds: number, counts: { tasks?: number; labels?: number } = {}) =>
      workspace.recordWork({ trainer: trainer.opentrainUserId, project, at, seconds, ...counts });
  }
}

export type UsageStory = ReturnType<typeof usageStory>;
