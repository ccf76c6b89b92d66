import type { Trainer } from '../../shared/workspace/port.ts';
import { type Api, openApi, signIn } from './api.ts';
import { type Database, djangoPassword } from './database.ts';
import type { Installation } from './installation.ts';

/** Computed once: it takes a third of a second, like every sign-in. */
const PASSWORD = 'a-trainers-password';
const PASSWORD_HASH = djangoPassword(PASSWORD);

/** The trainers as they are themselves: with a password, a session and tokens of their own. */
export interface People {
  /** The API with the trainer's own legacy token. They have signed in before, since only that makes it work. */
  apiOf(trainer: Trainer): Promise<Api>;
  /**
   * Tries every way in: a new sign-in, the session of the last one, the legacy token and a personal access token that
   * were taken while the trainer was in. Opens the project and asks for the next task.
   */
  tryToWork(trainer: Trainer, projectId: string): Promise<'in' | 'locked-out'>;
}

export function createPeople(installation: Installation, database: Database): People {
  /** Ways in that a trainer has collected, by Work Email. */
  const collected = new Map<string, Map<string, Api>>();

  function accountOf({ workEmail }: Trainer): { id: number; address: string; hasPassword: boolean } | undefined {
    const [row] = database.all('select id, email, password from htx_user where lower(email) = ?', workEmail);
    return row && { id: Number(row.id), address: String(row.email), hasPassword: row.password !== '' };
  }

  async function waysIn(trainer: Trainer): Promise<ReadonlyMap<string, Api>> {
    const ways = collected.get(trainer.workEmail) ?? new Map<string, Api>();
    collected.set(trainer.workEmail, ways);
    const account = accountOf(trainer);
    if (account === undefined) return ways;
    if (!account.hasPassword) database.run('update htx_user set password = ? where id = ?', PASSWORD_HASH, account.id);
    const before = ways.get('session');
    if (before !== undefined) ways.set('old session', before);
    // As on the sign-in page: addresses are compared in lower case there, so a mixed-case one needs its own spelling.
    const cookie = await signIn(installation, account.address, PASSWORD);
    if (cookie !== undefined) ways.set('session', openApi(installation, { cookie }));
    if (!ways.has('legacy token')) {
      const [row] = database.all('select key from authtoken_token where user_id = ?', account.id);
      const legacy = openApi(installation, { authorization: `Token ${row?.key}` });
      ways.set('legacy token', legacy);
      const personal = (await legacy.call('POST', '/api/token/')) as { token: string };
      const refreshed = await legacy.call('POST', '/api/token/refresh/', { refresh: personal.token });
      const { access } = refreshed as { access: string };
      ways.set('access token', openApi(installation, { authorization: `Bearer ${access}` }));
    }
    return ways;
  }

  return {
    async apiOf(trainer) {
      const api = (await waysIn(trainer)).get('legacy token');
      if (api === undefined) throw new Error('The trainer has no account.');
      return api;
    },
    async tryToWork(trainer, projectId) {
      const opened: Record<string, boolean> = {};
      for (const [way, api] of await waysIn(trainer)) {
        const project = await api.status(`/api/projects/${projectId}/`);
        const next = await api.status(`/api/projects/${projectId}/next`);
        if ((project === 200) !== (next === 200)) throw new Error(`By ${way}: project ${project}, next task ${next}.`);
        opened[way] = project === 200;
      }
      const answers = Object.values(opened);
      if (new Set(answers).size > 1) {
        throw new Error(`Some ways are open, others are not: ${JSON.stringify(opened)}.`);
      }
      return answers.includes(true) ? 'in' : 'locked-out';
    },
  };
}
