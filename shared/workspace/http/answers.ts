import * as v from 'valibot';
import { type MemberId, parseWorkEmail, type TrainerId } from '../../ids.ts';
import type { DailyTotal, Member, ProjectRef } from '../port.ts';

/**
 * What is relied on in the answers of a platform that serves the contract, and nothing more: unknown fields are ignored.
 * Ranges are left to the usage rules, so that one day of 90,000 seconds is set aside there and does not hold back the rest.
 */
const id = v.pipe(v.string(), v.minLength(1));
const memberId = v.pipe(
  id,
  v.transform((text) => text as MemberId),
);
const trainerId = v.pipe(
  id,
  v.transform((text) => text as TrainerId),
);
const measure = v.nullish(v.pipe(v.number(), v.finite()));
/** Required, since a page that forgot it would pass for the last one. */
const nextCursor = v.nullable(id);

export const workspaceInfo = v.object({ name: id, version: v.nullish(v.string()) });

const memberFields = v.object({
  memberId,
  opentrainUserId: v.nullish(trainerId),
  workEmail: v.nullish(v.string()),
});

/** Rule 5, and data protection: an address that is no Work Email is dropped where it comes in. */
export const member = v.pipe(
  memberFields,
  v.transform(({ memberId, opentrainUserId, workEmail }): Member => {
    const address = parseWorkEmail(workEmail);
    return {
      memberId,
      ...(opentrainUserId == null ? {} : { opentrainUserId }),
      ...(address === undefined ? {} : { workEmail: address }),
    };
  }),
);

export const memberPage = v.pipe(
  v.object({ members: v.array(member), nextCursor }),
  v.transform(({ members, nextCursor }) => ({ rows: members, nextCursor })),
);

export const dailyTotalPage = (project: ProjectRef) =>
  v.pipe(
    v.object({
      totals: v.array(
        v.object({
          opentrainUserId: trainerId,
          memberId: v.nullish(memberId),
          workDate: v.pipe(v.string(), v.isoDate()),
          seconds: measure,
          tasks: measure,
          labels: measure,
        }),
      ),
      nextCursor,
    }),
    v.transform(({ totals, nextCursor }) => ({
      rows: totals.map(({ opentrainUserId, memberId, workDate, ...measures }): DailyTotal => {
        const member = memberId == null ? { opentrainUserId } : { opentrainUserId, memberId };
        return { member, project, workDate, ...present(measures) };
      }),
      nextCursor,
    })),
  );

type Measures = Pick<DailyTotal, 'seconds' | 'tasks' | 'labels'>;

function present(measures: { [Name in keyof Measures]: number | null | undefined }): Measures {
  return Object.fromEntries(Object.entries(measures).filter(([, value]) => value != null));
}

/** The contract's error envelope. A gateway in front of the platform may answer in any other form. */
const failure = v.object({
  error: v.fallback(v.string(), ''),
  code: v.pipe(v.string(), v.regex(/^[A-Z][A-Z_]{0,63}$/)),
});

export type Failure = v.InferOutput<typeof failure>;

export function parseFailure(body: unknown): Failure | undefined {
  const result = v.safeParse(failure, body);
  return result.success ? result.output : undefined;
}
