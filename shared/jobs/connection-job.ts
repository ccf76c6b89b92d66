import * as v from 'valibot';
import { fnv1a } from '../fnv1a.ts';
import { type ConnectionId, parseConnectionId, type TrainerId } from '../ids.ts';

/** One message of a schedule's queue: do one connection's share of a run. */
export interface ConnectionJob {
  readonly connectionId: ConnectionId;
  /** The same for all connections of one run. */
  readonly runId: string;
  /** When the run was planned, milliseconds since the epoch. */
  readonly plannedAt: number;
  /** Absent: all of it. */
  readonly part?: JobPart | undefined;
  /** Absent: from the beginning. */
  readonly resume?: JobResume | undefined;
}

/** A share of a connection's trainers, so that all contracts of one trainer are in one part. */
export interface JobPart {
  /** From 0. */
  readonly index: number;
  /** 2 or more. */
  readonly of: number;
}

/** Where a run goes on whose time was over. */
export interface JobResume {
  /** What stands later in the run's order than this is still to be done, see `ProjectGroup`. */
  readonly after: number;
  /** Whether something before it was left to the next run. */
  readonly hasLeft: boolean;
  /** When the first attempt began, milliseconds since the epoch: what was done before it is in the reports. */
  readonly until: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(100_000));

const job = v.object({
  connectionId: v.pipe(
    v.string(),
    v.transform((text) => parseConnectionId(text)),
    v.custom<ConnectionId>((id) => id !== undefined),
  ),
  runId: v.pipe(v.string(), v.regex(/^[\w.:-]{1,100}$/)),
  plannedAt: v.number(),
  part: v.optional(v.object({ index: count, of: v.pipe(count, v.minValue(2)) })),
  resume: v.optional(v.object({ after: v.number(), hasLeft: v.boolean(), until: v.number() })),
});

/** @returns undefined for what no plan has written */
export function parseConnectionJob(body: string): ConnectionJob | undefined {
  try {
    const parsed = v.safeParse(job, JSON.parse(body));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

export function isInPart(trainer: TrainerId, { index, of }: JobPart): boolean {
  return fnv1a(trainer) % of === index;
}
