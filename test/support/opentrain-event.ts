/** OpenTrain's event records as a test needs them: complete by default, every part replaceable or left out. */
export interface TestEvent {
  readonly id: string;
  readonly type: string;
  readonly resourceId?: unknown;
  readonly jobId?: unknown;
  readonly data?: Readonly<Record<string, unknown>>;
}

export interface Hire {
  readonly contract: string;
  /** `opentrainUserId`. */
  readonly trainer: string;
  readonly workEmail: string;
  readonly link: string;
  /** `externalProjectId`. */
  readonly project: string;
  readonly mode: string;
}

// Beyond 2^53, where neighbours are the same double.
let lastId = 9_007_199_254_740_993_000n;

/** Ids that grow, as OpenTrain's do. */
export const nextEventId = (): string => String(++lastId);

/** A hire that no other test has anything to do with. */
export function newHire(given: Partial<Hire> = {}): Hire {
  const number = nextEventId().slice(-6);
  const trainer = given.trainer ?? `user-${number}`;
  return {
    contract: `contract-${number}`,
    trainer,
    workEmail: `${trainer}@opentrain.work`,
    link: `link-${number}`,
    project: `project-${number}`,
    mode: 'PARTNER_WEBHOOK',
    ...given,
  };
}

export function contractEvent(type: 'contract.started' | 'contract.ended', hire: Hire): TestEvent {
  const ended = type === 'contract.ended';
  return {
    id: nextEventId(),
    type,
    resourceId: hire.contract,
    jobId: 'job-1',
    data: {
      contract: {
        id: hire.contract,
        status: ended ? 'ended' : 'active',
        jobId: 'job-1',
        title: 'Draw boxes',
        startDate: '2026-06-01',
        endDate: ended ? '2026-06-30' : null,
      },
      freelancer: { opentrainUserId: hire.trainer, displayName: 'Maria S.', country: 'PT', workEmail: hire.workEmail },
      projectLink: linkData(hire),
    },
  };
}

export const contractStarted = (hire: Hire): TestEvent => contractEvent('contract.started', hire);
export const contractEnded = (hire: Hire): TestEvent => contractEvent('contract.ended', hire);

export function linkEvent(type: 'project_link.created' | 'project_link.removed', hire: Hire): TestEvent {
  return { id: nextEventId(), type, resourceId: hire.link, jobId: 'job-1', data: { projectLink: linkData(hire) } };
}

export function milestoneEvent(
  type: string,
  contract: string,
  budget: Readonly<Record<string, unknown>> = {},
): TestEvent {
  const milestone = { id: 'milestone-1', name: 'First', amountUsd: 800, volume: 40, status: 'FUNDED' };
  return {
    id: nextEventId(),
    type,
    resourceId: milestone.id,
    jobId: 'job-1',
    data: { milestone, budget: { contractId: contract, state: 'LOW', consumedFraction: 0.8, ...budget } },
  };
}

function linkData({ link, project, mode }: Hire) {
  return { id: link, jobId: 'job-1', externalProjectId: project, externalProjectName: project, provisioningMode: mode };
}

/**
 * The same event with some of its data left out.
 *
 * @param paths - `jobId`, `data.freelancer`, `data.freelancer.workEmail`, …
 */
export function without<Event extends object>(event: Event, ...paths: readonly string[]): Event {
  const copy = structuredClone(event);
  for (const path of paths) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    let at = copy as Record<string, unknown>;
    for (const name of names) at = at[name] as Record<string, unknown>;
    delete at[last];
  }
  return copy;
}
