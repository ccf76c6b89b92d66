import { ApiError } from './api-error.ts';
import { calendarDate, isoTime } from './calendar-date.ts';
import type { Contract, Schemas } from './state.ts';

/**
 * Replaces what is stored for each (worker, day); a field that is left out keeps what it was.
 * One bad entry fails them all: nothing is stored before everything has been looked at.
 *
 * @param now - milliseconds since the epoch; the UTC day decides what is the future
 */
export function recordUsage(contract: Contract, entries: readonly Schemas['UsageEntry'][], now: number): void {
  const today = calendarDate(now);
  const attributed = entries.map((entry) => ({ ...entry, worker: workerOf(contract, entry) }));
  const keys = attributed.map(({ worker, workDate }) => `${worker} ${workDate}`);
  const issues = attributed.flatMap(({ worker, workDate }, index) => {
    const path = `/entries/${index}`;
    return [
      ...(workDate > today ? [{ path: `${path}/workDate`, message: 'must not be in the future' }] : []),
      ...(worker === contract.trainer?.opentrainUserId ? [] : [{ path, message: 'the worker is no participant' }]),
      ...(keys.indexOf(`${worker} ${workDate}`) === index ? [] : [{ path, message: 'repeats a worker and day' }]),
    ];
  });
  if (issues.length > 0) throw new ApiError('BAD_REQUEST', 'The usage entries are not valid', { issues });

  for (const { worker, workDate, ...entry } of attributed) {
    const key = `${worker} ${workDate}`;
    const before = contract.usage.get(key);
    const externalReportId = entry.externalReportId ?? before?.externalReportId;
    contract.usage.set(key, {
      workDate,
      workerOpentrainUserId: worker,
      totalSeconds: entry.totalSeconds ?? before?.totalSeconds ?? 0,
      tasksCompleted: entry.tasksCompleted ?? before?.tasksCompleted ?? 0,
      labelsCompleted: entry.labelsCompleted ?? before?.labelsCompleted ?? 0,
      ...(externalReportId === undefined ? {} : { externalReportId }),
    });
  }
  contract.lastUsageAt = isoTime(now);
}

function workerOf({ trainer }: Contract, entry: Schemas['UsageEntry']): string {
  const worker = entry.workerOpentrainUserId ?? trainer?.opentrainUserId;
  if (worker === undefined) throw new ApiError('CONFLICT', 'The contract has no hired trainer to attribute work to');
  return worker;
}
