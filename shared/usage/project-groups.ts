import { fnv1a } from '../fnv1a.ts';
import type { ContractId } from '../ids.ts';
import { withoutOverlaps } from './claims.ts';
import type { CurrentContract, FoundContracts } from './current-contracts.ts';
import type { ProjectClaims, WantedClaim } from './read-project.ts';
import type { UsageWindow } from './usage-window.ts';

/**
 * Contracts that are reported together, and the projects that their work is read from: a contract's day is the sum over all
 * of its projects, and a project is read once for all of its contracts.
 */
export interface ProjectGroup {
  /**
   * Where it stands in its run, 0 to 2^32 - 1: another place in every run, so that no project is always the last, and the
   * same in all attempts of one run, so that it can go on where it was broken off. It is the last place of its projects: of
   * groups that a new contract brings together in between, none is passed over that was not done.
   */
  readonly order: number;
  readonly contracts: readonly CurrentContract[];
  /** By `projectKey`. */
  readonly projects: ReadonlyMap<string, ProjectClaims>;
  /** What each contract's days are made of, by `projectKey`. A contract whose time is all another's has no projects. */
  readonly projectsOf: ReadonlyMap<ContractId, ReadonlySet<string>>;
}

export const projectKey = ({ workspaceId, projectId }: Pick<ProjectClaims, 'workspaceId' | 'projectId'>): string =>
  JSON.stringify([workspaceId, projectId]);

/**
 * Puts contracts together that share a project, however many contracts lie in between; in the order of the run.
 *
 * A project in which a contract has no time within the window is not read for it: its link may have been removed long ago,
 * and the project with it.
 */
export function groupByProject(
  { contracts, over }: FoundContracts,
  { until, runId }: Pick<UsageWindow, 'until'> & { readonly runId: string },
): ProjectGroup[] {
  const { projects, projectsOf } = claimedProjects(contracts, over, until);
  const groupOf = new Map<string, Set<string>>();
  for (const keys of projectsOf.values()) {
    const joined = new Set([...keys].flatMap((key) => [key, ...(groupOf.get(key) ?? [])]));
    for (const key of joined) groupOf.set(key, joined);
  }
  const members = new Map<ReadonlySet<string>, CurrentContract[]>();
  for (const contract of contracts) {
    const [first] = projectsOf.get(contract.contractId) ?? [];
    const keys = (first === undefined ? undefined : groupOf.get(first)) ?? NO_PROJECTS;
    members.set(keys, [...(members.get(keys) ?? []), contract]);
  }
  return [...members]
    .map(([keys, own]) => ({
      order: Math.max(...[...keys].map((key) => fnv1a(`${runId}\n${key}`)), 0),
      contracts: own,
      projects: new Map([...keys].flatMap((key) => entryOf(projects, key))),
      projectsOf: new Map(own.flatMap(({ contractId }) => entryOf(projectsOf, contractId))),
    }))
    .sort((one, other) => one.order - other.order);
}

const NO_PROJECTS: ReadonlySet<string> = new Set();

function entryOf<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): [Key, Value][] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}

function claimedProjects(contracts: FoundContracts['contracts'], over: FoundContracts['over'], until: number) {
  const projects = new Map<string, ProjectClaims & { readonly claims: WantedClaim[] }>();
  const projectsOf = new Map<ContractId, Set<string>>();
  const sinceOf = new Map(contracts.map((contract) => [contract.contractId, contract.since]));
  for (const claim of withoutOverlaps([...contracts.flatMap(({ claims }) => claims), ...over])) {
    const { contractId, workspaceId, projectId } = claim;
    const since = sinceOf.get(contractId);
    // A contract that is over only keeps what is its own.
    if (since === undefined || claim.to <= since || claim.from >= until) continue;
    const key = projectKey(claim);
    const project = projects.get(key) ?? { workspaceId, projectId, claims: [] };
    projects.set(key, project);
    project.claims.push({ ...claim, since });
    projectsOf.set(contractId, (projectsOf.get(contractId) ?? new Set()).add(key));
  }
  return { projects, projectsOf };
}
