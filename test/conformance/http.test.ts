import { randomUUID } from 'node:crypto';
import { startDemoWorkspace } from '../../local/workspace/demo-workspace.ts';
import type { MemberId, ProjectId } from '../../shared/ids.ts';
import { createHttpWorkspace } from '../../shared/workspace/http/http-workspace.ts';
import type { Harness, PieceOfWork } from './harness.ts';
import { describeConformance } from './kit.ts';

describeConformance('http', startDemoHarness);

const PAGE_ROWS = 3;

/** The demo workspace has no sign-in for trainers: who may work is who its page shows in the project. */
async function startDemoHarness(): Promise<Harness> {
  const demo = await startDemoWorkspace({ pageRows: PAGE_ROWS });
  const recorded = new Map<string, { trainer: string; project: string; work: PieceOfWork }>();
  const people = () =>
    demo.state().projects.flatMap(({ projectId, members }) => members.map((member) => ({ projectId, ...member })));

  return {
    url: demo.url,
    token: demo.token,
    pageRows: PAGE_ROWS,
    open: (options) => createHttpWorkspace(options),
    async newProject() {
      const projectId = `project-${randomUUID()}` as ProjectId;
      demo.addProject(projectId);
      return { projectId };
    },
    async tryToWork({ workEmail }, { projectId }) {
      return demo.membersOf(projectId).includes(workEmail) ? 'in' : 'locked-out';
    },
    accessState: async () => people(),
    async openAccountByHand(address) {
      // The contract knows Work Emails in lower case only, so a platform that serves it keeps them so.
      const person = { workEmail: address.toLowerCase(), displayName: 'By Hand' };
      return demo.addMemberByHand('elsewhere', person) as MemberId;
    },
    async addBystander({ projectId }) {
      const privateAddress = `boss-${randomUUID()}@acme.example`;
      const person = { workEmail: privateAddress, displayName: 'Boss' };
      return { memberId: demo.addMemberByHand(projectId, person) as MemberId, privateAddress };
    },
    accountState: async (member) => people().filter(({ memberId }) => memberId === member),
    // A second PUT is the contract's way to ask: it answers 200, and 201 only when it added somebody.
    isWrite: ({ method, status }) => (method === 'PUT' && status === 201) || (method === 'DELETE' && status === 204),
    totals: {
      measures: ['seconds', 'tasks', 'labels'],
      async record({ opentrainUserId: trainer }, { projectId: project }, work) {
        const id = randomUUID();
        demo.recordWork({ trainer, project, tasks: 1, ...work });
        recorded.set(id, { trainer, project, work });
        return id;
      },
      async correct(id, { seconds }) {
        const entry = recorded.get(id);
        if (entry === undefined) throw new Error('No such work.');
        const { trainer, project, work } = entry;
        // Sittings are kept for good; taking a task up again is another one on the same day.
        demo.recordWork({ trainer, project, at: work.at, seconds: seconds - work.seconds });
      },
    },
    notice: {
      writeOwnText: async ({ projectId }, text) => demo.addProject(projectId, text),
      async shown({ projectId }) {
        const project = demo.state().projects.find((one) => one.projectId === projectId);
        return [project?.name, project?.notice?.text, project?.notice?.url].filter(Boolean).join('\n');
      },
    },
    close: () => demo.close(),
  };
}
