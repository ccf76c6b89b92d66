import * as v from 'valibot';
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
}

/** A share of a connection's trainers, so that all contracts of one trainer are in one part. */
export interface JobPart {
  /** From 0. */
  readonly index: number;
  /** 2 or more. */
  readonly of: number;
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

/** By FNV-1a of 32 bits, which spreads ids evenly and the same way in every process. */
export function isInPart(trainer: TrainerId, { index, of }: JobPart): boolean {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(trainer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % of === index;
}
