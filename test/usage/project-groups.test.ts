import { describe, expect, test } from 'vitest';
import type { ContractId, ProjectId, TrainerId, WorkEmail, WorkspaceId } from '../../shared/ids.ts';
import type { CurrentContract } from '../../shared/usage/current-contracts.ts';
import { groupByProject } from '../../shared/usage/project-groups.ts';

const SINCE = Date.parse('2026-06-01T00:00:00Z');
const UNTIL = Date.parse('2026-06-04T12:00:00Z');

/** A contract in these projects for all of the window, or for another time. */
function contractIn(id: string, projects: readonly string[], time = { from: SINCE, to: UNTIL }): CurrentContract {
  const claims = projects.map((projectId) => ({
    contractId: id as ContractId,
    trainerId: `trainer of ${id}` as TrainerId,
    workEmail: `${id}@opentrain.work` as WorkEmail,
    workspaceId: 'default' as WorkspaceId,
    projectId: projectId as ProjectId,
    ...time,
  }));
  return { contractId: id as ContractId, claims, since: SINCE, touchedAt: 0, isOpen: true };
}

const group = (contracts: readonly CurrentContract[], runId = 'run') =>
  groupByProject({ contracts, over: [] }, { until: UNTIL, runId });

const namesOf = (groups: ReturnType<typeof group>) =>
  groups
    .map(({ contracts }) =>
      contracts
        .map(({ contractId }) => contractId)
        .toSorted()
        .join('+'),
    )
    .toSorted();

describe('groups', () => {
  test('are of contracts that share a project, however many lie in between', () => {
    const all = [contractIn('a', ['1']), contractIn('b', ['1', '2']), contractIn('c', ['2']), contractIn('d', ['3'])];
    expect(namesOf(group(all))).toEqual(['a+b+c', 'd']);
    expect(namesOf(group(all.toReversed()))).toEqual(['a+b+c', 'd']);
  });

  test('do not read a project in which a contract has no time', () => {
    const gone = contractIn('a', ['old'], { from: SINCE - 9, to: SINCE });
    const [only, ...others] = group([{ ...gone, claims: [...gone.claims, ...contractIn('a', ['new']).claims] }]);
    expect(others).toEqual([]);
    expect([...(only?.projects.values() ?? [])].map(({ projectId }) => projectId)).toEqual(['new']);
  });

  test('of contracts without any project are there, too: what was reported of them is to become zero', () => {
    const [only] = group([contractIn('a', ['old'], { from: UNTIL, to: UNTIL + 1 })]);
    expect(only?.contracts).toHaveLength(1);
    expect(only?.projects.size).toBe(0);
  });
});

describe('their order', () => {
  const many = Array.from({ length: 20 }, (_, index) => contractIn(`contract-${index}`, [`project-${index}`]));

  test('is the same in all attempts of a run, and another in another run', () => {
    expect(group(many.toReversed())).toEqual(group(many));
    const names = (runId: string) => group(many, runId).map(({ contracts }) => contracts[0]?.contractId);
    expect(names('another')).not.toEqual(names('run'));
  });

  test('passes over no group that was not done, when a new contract brings it together with one that was', () => {
    const before = group(many);
    for (const [index, { order }] of before.entries()) {
      const [done, open] = [before[index], before[index + 1]];
      const [one, other] = [done, open].map((one) => [...(one?.projects.values() ?? [])][0]?.projectId ?? '');
      if (open === undefined || one === undefined || other === undefined) continue;
      const still = group([...many, contractIn('newcomer', [one, other])]).filter((one) => one.order > order);
      const contracts = still.flatMap(({ contracts }) => contracts.map(({ contractId }) => contractId));
      expect(contracts).toContain(open.contracts[0]?.contractId);
    }
  });
});
