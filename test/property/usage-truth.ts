/** Who did how much on which contract, found out the simple way: every moment of every sitting belongs to one claim. */

export interface Claimed {
  readonly contract: string;
  readonly trainer: string;
  readonly project: string;
  readonly from: number;
  to: number;
}

export interface Sitting {
  readonly trainer: string;
  readonly project: string;
  readonly at: number;
  seconds: number;
  /** Submitted in its last moment. */
  tasks: number | undefined;
}

export interface Totals {
  readonly seconds: number;
  readonly tasks: number;
}

const DAY = 86_400_000;

/** @param until - work after it is not done yet */
export function totalsOf(
  sittings: readonly Sitting[],
  claims: readonly Claimed[],
  until: number,
): Map<string, Map<string, Totals>> {
  const totals = new Map<string, Map<string, { seconds: number; tasks: number }>>();
  const owners = [...claims].sort(
    (one, other) => one.from - other.from || one.to - other.to || (one.contract < other.contract ? -1 : 1),
  );
  // Where two claim the same moment, who began first has it.
  const ownerOf = ({ trainer, project }: Sitting, moment: number) =>
    owners.find((one) => one.trainer === trainer && one.project === project && one.from <= moment && moment < one.to);
  const count = (sitting: Sitting, moment: number, seconds: number, tasks: number) => {
    const owner = ownerOf(sitting, moment);
    if (owner === undefined || moment >= until) return;
    const days = totals.get(owner.contract) ?? new Map<string, { seconds: number; tasks: number }>();
    totals.set(owner.contract, days);
    const date = new Date(moment).toISOString().slice(0, 10);
    const day = days.get(date) ?? { seconds: 0, tasks: 0 };
    days.set(date, day);
    day.seconds += seconds;
    day.tasks += tasks;
  };

  for (const sitting of sittings) {
    const end = sitting.at + sitting.seconds * 1_000;
    const midnights = Array.from({ length: 3 }, (_, day) => (Math.floor(sitting.at / DAY) + day) * DAY);
    const cuts = [sitting.at, end, until, ...midnights, ...claims.flatMap(({ from, to }) => [from, to])]
      .filter((cut) => cut >= sitting.at && cut <= end)
      .sort((one, other) => one - other);
    for (const [index, cut] of cuts.entries()) count(sitting, cut, ((cuts[index + 1] ?? cut) - cut) / 1_000, 0);
    count(sitting, Math.max(sitting.at, end - 1), 0, sitting.tasks ?? 0);
  }
  for (const days of totals.values()) for (const day of days.values()) day.seconds = Math.round(day.seconds);
  return totals;
}
