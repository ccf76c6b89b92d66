import type { DailyTotal, UsageQuery, Workspace } from './port.ts';

/**
 * One workspace out of two: who may work where comes from `access`, what was done and where a notice is shown from
 * `usage`. For tools that are provisioned by a standard that knows nothing of work, such as SCIM.
 *
 * Both must know a project by the same id. A person has an id in each, so the totals name trainers by opentrainUserId or
 * Work Email only: a member id out of `usage` would be taken for one of `access`.
 */
export function combineWorkspaces(access: Workspace, usage: Workspace): Workspace {
  const notices = usage.setNotice === undefined ? access : usage;

  async function* dailyTotals(query: UsageQuery, signal?: AbortSignal): AsyncIterable<DailyTotal> {
    for await (const { member, ...total } of usage.dailyTotals(query, signal)) {
      const { memberId: _, ...known } = member;
      yield { ...total, member: known };
    }
  }

  return {
    accessScope: access.accessScope,
    async ping(signal) {
      const [one, other] = await Promise.all([access.ping(signal), usage.ping(signal)]);
      return { ...one, name: `${one.name}, with the usage of ${other.name}` };
    },
    ensureAccess: (trainer, project, signal) => access.ensureAccess(trainer, project, signal),
    revokeAccess: (member, project, signal) => access.revokeAccess(member, project, signal),
    listAccess: (project, signal) => access.listAccess(project, signal),
    dailyTotals,
    ...(notices.setNotice && { setNotice: notices.setNotice.bind(notices) }),
  };
}
