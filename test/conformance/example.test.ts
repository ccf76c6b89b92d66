import { randomUUID } from 'node:crypto';
import { startTinyTool } from '../../docs/workspaces/example/tiny-tool.ts';
import { createTinyToolWorkspace } from '../../docs/workspaces/example/tiny-tool-workspace.ts';
import type { MemberId, ProjectId } from '../../shared/ids.ts';
import type { Harness } from './harness.ts';
import { describeConformance } from './kit.ts';

describeConformance('the example of the docs', startTinyToolHarness);

async function startTinyToolHarness(): Promise<Harness> {
  const tool = await startTinyTool();
  const boards: string[] = [];
  const personWith = (address: string) => tool.people().find(({ email }) => email.toLowerCase() === address);

  return {
    url: tool.url,
    token: tool.token,
    pageRows: 4,
    open: (options) => createTinyToolWorkspace(options),
    async newProject() {
      const projectId = `board ${randomUUID()}` as ProjectId;
      tool.addBoard(projectId);
      boards.push(projectId);
      return { projectId };
    },
    async tryToWork({ workEmail }, { projectId }) {
      const authorization = `Basic ${btoa(`${workEmail}:${personWith(workEmail)?.password}`)}`;
      const page = new URL(`/boards/${encodeURIComponent(projectId)}`, tool.url);
      return (await fetch(page, { headers: { authorization } })).ok ? 'in' : 'locked-out';
    },
    accessState: async () => structuredClone([tool.people(), boards.map((board) => tool.membersOf(board))]),
    openAccountByHand: async (address) => tool.addPerson(address).id as MemberId,
    async addBystander({ projectId }) {
      const privateAddress = `Boss-${randomUUID()}@acme.example`;
      const memberId = tool.addPerson(privateAddress).id as MemberId;
      tool.addMember(projectId, memberId);
      return { memberId, privateAddress };
    },
    accountState: async (member) => [
      tool.people().find(({ id }) => id === member),
      boards.filter((board) => tool.membersOf(board).has(member)),
    ],
    totals: {
      measures: ['seconds', 'tasks'],
      async record({ workEmail }, { projectId: board }, { at, seconds }) {
        const person = String(personWith(workEmail)?.id);
        return tool.finishTask({ board, person, seconds, finishedAt: new Date(at + seconds * 1000).toISOString() });
      },
      correct: async (recorded, { seconds }) => tool.changeTask(recorded, seconds),
    },
    notice: {
      writeOwnText: async ({ projectId }, text) => tool.setBanner(projectId, text),
      shown: async ({ projectId }) => tool.bannerOf(projectId),
    },
    close: () => tool.close(),
  };
}
