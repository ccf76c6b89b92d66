import { randomUUID } from 'node:crypto';
import type { MemberId, ProjectId } from '../../shared/ids.ts';
import { createLabelStudioWorkspace } from '../../shared/workspace/label-studio/label-studio-workspace.ts';
import type { ProjectRef, Trainer } from '../../shared/workspace/port.ts';
import type { Harness, NoticeHarness, PieceOfWork, TotalsHarness } from '../conformance/harness.ts';
import { type Api, openApi, submitForm } from './api.ts';
import { type Database, djangoTime, openDatabase } from './database.ts';
import type { Installation } from './installation.ts';
import { createPeople, type People } from './people.ts';
import { performSteps } from './perform-steps.ts';

/** So that the kit's "more than fit on a page" is a few dozen accounts. */
const PAGE_ROWS = 8;

const LABEL_CONFIG =
  '<View><Text name="text" value="$text"/><Choices name="choice" toName="text"><Choice value="yes"/></Choices></View>';

export interface LabelStudioHarness extends Harness {
  readonly totals: TotalsHarness & {
    /** The trainer presses "Skip". */
    skip(trainer: Trainer, project: ProjectRef, work: PieceOfWork): Promise<string>;
    /** The trainer deletes what they submitted. */
    remove(recorded: string): Promise<void>;
  };
  readonly notice: NoticeHarness;
  readonly people: People;
  readonly database: Database;
  /** As the organisation's owner. */
  readonly owner: Api;
}

/** The hands of an owner and of trainers on a running Label Studio. */
export function createHarness(installation: Installation): LabelStudioHarness {
  const { url, owner } = installation;
  const database = openDatabase(installation);
  const people = createPeople(installation, database);
  const api = openApi(installation, { authorization: `Token ${owner.token}` });
  const authors = new Map<string, Trainer>();

  async function newProject(): Promise<ProjectRef> {
    const made = await api.call('POST', '/api/projects/', { title: 'Conformance', label_config: LABEL_CONFIG });
    const { id } = made as { id: number };
    // There is always something left to do, so that "next task" answers 200 to whoever is in.
    await api.call('POST', `/api/projects/${id}/import`, [{ text: 'left over' }, { text: 'left over as well' }]);
    return { projectId: String(id) as ProjectId };
  }

  async function submit(trainer: Trainer, { projectId }: ProjectRef, work: PieceOfWork, isSkipped: boolean) {
    const text = randomUUID();
    await api.call('POST', `/api/projects/${projectId}/import`, [{ text }]);
    const [task] = database.all('select id from task where project_id = ? order by id desc limit 1', Number(projectId));
    const result = Array.from({ length: work.labels }, (_, index) => ({
      id: `region-${index}`,
      from_name: 'choice',
      to_name: 'text',
      type: 'choices',
      value: { choices: ['yes'] },
    }));
    const trainersOwn = await people.apiOf(trainer);
    const body = { result, lead_time: work.seconds, was_cancelled: isSkipped };
    const { id } = (await trainersOwn.call('POST', `/api/tasks/${task?.id}/annotations/`, body)) as { id: number };
    // Label Studio stamps what is submitted now with now.
    const submittedAt = djangoTime(work.at + work.seconds * 1000);
    database.run('update task_completion set created_at = ? where id = ?', submittedAt, id);
    authors.set(String(id), trainer);
    return String(id);
  }

  async function authorOf(recorded: string): Promise<Api> {
    const trainer = authors.get(recorded);
    if (trainer === undefined) throw new Error('No such work.');
    return people.apiOf(trainer);
  }

  return {
    url,
    token: owner.personalAccessToken,
    pageRows: PAGE_ROWS,
    people,
    database,
    owner: api,
    open: (options) => createLabelStudioWorkspace({ ...options, pageRows: PAGE_ROWS }),
    newProject,
    tryToWork: (trainer, { projectId }) => people.tryToWork(trainer, projectId),
    accessState: async () => [
      database.all('select id, email, username, is_active, active_organization_id from htx_user order by id'),
      database.all('select id, user_id, organization_id, deleted_at from organizations_organizationmember order by id'),
    ],
    async openAccountByHand(address) {
      // Somebody fills in the form behind the organisation's invite link. It takes any case and stores lower case.
      const { invite_url } = (await api.call('GET', '/api/invite')) as { invite_url: string };
      const done = await submitForm(installation, invite_url, { email: address, password: randomUUID() });
      if (done === undefined) throw new Error('The sign-up form was not taken.');
      const [row] = database.all('select id, password from htx_user where lower(email) = ?', address.toLowerCase());
      // The trainer's own password is the one that `people` knows.
      database.run("update htx_user set password = '' where id = ?", Number(row?.id));
      return String(row?.id) as MemberId;
    },
    async addBystander() {
      const privateAddress = `boss-${randomUUID()}@acme.example`;
      const body = { email: privateAddress, username: 'boss' };
      const { id } = (await api.call('POST', '/api/users/', body)) as { id: number };
      return { memberId: String(id) as MemberId, privateAddress };
    },
    accountState: async (member) => [
      database.all('select * from htx_user where id = ?', Number(member)),
      database.all('select * from organizations_organizationmember where user_id = ?', Number(member)),
    ],
    isWrite: ({ method, path, status }) => method !== 'GET' && status < 300 && path !== '/api/token/refresh/',
    performSteps: (steps) => performSteps(steps, installation),
    totals: {
      measures: ['seconds', 'tasks', 'labels'],
      record: (trainer, project, work) => submit(trainer, project, work, false),
      skip: (trainer, project, work) => submit(trainer, project, work, true),
      async correct(recorded, { seconds }) {
        await (await authorOf(recorded)).call('PATCH', `/api/annotations/${recorded}/`, { lead_time: seconds });
      },
      async remove(recorded) {
        await (await authorOf(recorded)).call('DELETE', `/api/annotations/${recorded}/`);
      },
    },
    notice: {
      async writeOwnText({ projectId }, text) {
        await api.call('PATCH', `/api/projects/${projectId}/`, { expert_instruction: text });
      },
      async shown({ projectId }) {
        const read = await api.call('GET', `/api/projects/${projectId}/`);
        const { expert_instruction: text, show_instruction: isShown } = read as Record<string, unknown>;
        return `${isShown ? 'before labeling begins' : 'on demand'}: ${text}`;
      },
    },
    close: async () => {},
  };
}
