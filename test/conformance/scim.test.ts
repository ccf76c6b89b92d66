import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import type { MemberId, ProjectId } from '../../shared/ids.ts';
import type { DialectName } from '../../shared/workspace/scim/dialect.ts';
import { createScimWorkspace } from '../../shared/workspace/scim/scim-workspace.ts';
import type { Declaration, Harness } from './harness.ts';
import { describeConformance } from './kit.ts';
import { type ScimServerOptions, startScimServer } from './scim-server.ts';

const declaration: Declaration = {
  adapter: 'scim',
  withoutTotals: { remedy: 'USAGE_WORKSPACE' },
  withoutNotice: true,
};

const VARIANTS: Record<string, { server: ScimServerOptions; dialect?: DialectName }> = {
  'as the RFC has it': { server: {} },
  'with PUT for groups, and saying so': { server: { groupPatch: 'no', groupsOfUser: 'attribute' } },
  'with PUT for groups, and not saying so': {
    server: { groupPatch: 'undeclared', hasServiceProviderConfig: false, groupsOfUser: 'neither' },
  },
  'case-sensitive': { server: { isCaseExact: true } },
  'like Label Studio Enterprise': {
    server: { isLabelStudioEnterprise: true, groupsOfUser: 'attribute' },
    dialect: 'label-studio-enterprise',
  },
  'like Label Studio Enterprise, with PUT for groups': {
    server: { isLabelStudioEnterprise: true, groupPatch: 'no', groupsOfUser: 'attribute' },
    dialect: 'label-studio-enterprise',
  },
};

describe.each(Object.entries(VARIANTS))('a server %s', (name, { server, dialect }) => {
  describeConformance(`scim, ${name}`, () => startScimHarness(server, dialect), declaration);
});

const PAGE_ROWS = 5;

async function startScimHarness(options: ScimServerOptions, dialect: DialectName = 'rfc'): Promise<Harness> {
  const server = await startScimServer({ ...options, pageRows: PAGE_ROWS });
  const groups: string[] = [];
  const newGroup = (): ProjectId => {
    const id = server.addGroup(`Project ${randomUUID()}`);
    groups.push(id);
    return id as ProjectId;
  };
  return {
    url: server.url,
    token: server.token,
    pageRows: PAGE_ROWS,
    open: (openOptions) => createScimWorkspace({ ...openOptions, dialect }),
    newProject: async () => ({ projectId: newGroup() }),
    tryToWork: async ({ workEmail }, { projectId }) =>
      (await server.openAs(workEmail, projectId)) === 200 ? 'in' : 'locked-out',
    accessState: async () => ({ users: server.users(), members: groups.map((group) => server.membersOf(group)) }),
    openAccountByHand: async (address) => server.addUser({ userName: address }) as MemberId,
    async addBystander({ projectId }) {
      const privateAddress = `Boss-${randomUUID()}@acme.example`;
      const memberId = server.addUser({ userName: privateAddress }) as MemberId;
      server.replaceMembers(projectId, [...server.membersOf(projectId), memberId]);
      return { memberId, privateAddress };
    },
    accountState: async (member) => ({
      account: server.userById(member),
      groups: groups.filter((group) => server.membersOf(group).includes(member)),
    }),
    close: () => server.close(),
  };
}
