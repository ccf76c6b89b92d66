import { randomUUID } from 'node:crypto';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';

/**
 * A tiny annotation tool, in memory, that stands for yours: people, boards, who may open which board, finished tasks and a
 * banner above each board. Its API was made long before anybody thought of this connector.
 */
export interface TinyTool {
  readonly url: string;
  readonly token: string;
  addBoard(id: string, banner?: string): void;
  addPerson(email: string): Person;
  membersOf(board: string): ReadonlySet<string>;
  people(): readonly Person[];
  addMember(board: string, person: string): void;
  finishTask(task: Omit<Task, 'id'>): string;
  /** The task was taken up again, and has taken so long in all. */
  changeTask(id: string, seconds: number): void;
  bannerOf(board: string): string;
  setBanner(board: string, text: string): void;
  close(): Promise<void>;
}

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

interface Task {
  readonly id: string;
  readonly board: string;
  readonly person: string;
  /** ISO 8601. */
  readonly finishedAt: string;
  seconds: number;
}

interface Board {
  readonly members: Set<string>;
  banner: string;
}

const PAGE_ROWS = 4;

export async function startTinyTool(): Promise<TinyTool> {
  const token = `tiny_${randomUUID()}`;
  const people: Person[] = [];
  const boards = new Map<string, Board>();
  const tasks: Task[] = [];

  const addPerson = (email: string): Person => {
    const person = { id: randomUUID(), email, password: randomUUID() };
    people.push(person);
    return person;
  };
  const withEmail = (email: string) => people.find((one) => one.email.toLowerCase() === email.toLowerCase());
  const boardOf = (id: string): Board => {
    const board = boards.get(id);
    if (board === undefined) throw new Error(`There is no board ${id}.`);
    return board;
  };
  const page = <Row>(rows: readonly Row[], number: string | undefined) => {
    const start = Number(number ?? 0) * PAGE_ROWS;
    return { rows: rows.slice(start, start + PAGE_ROWS), hasMore: rows.length > start + PAGE_ROWS };
  };

  const api = new Hono();
  api.use(async (context, next) => {
    if (context.req.header('authorization') === `Bearer ${token}`) return next();
    return context.json({ message: 'Wrong token.' }, 401);
  });
  api.get('/about', (context) => context.json({ name: 'Tiny Tool', version: '3.1' }));
  api.get('/people', (context) => {
    const person = withEmail(context.req.query('email') ?? '');
    return context.json({ people: person === undefined ? [] : [{ id: person.id, email: person.email }] });
  });
  api.post('/people', async (context) => {
    const { email } = await context.req.json<{ email: string }>();
    if (withEmail(email) !== undefined) return context.json({ message: 'That e-mail is taken.' }, 409);
    return context.json({ id: addPerson(email).id, email }, 201);
  });
  api.use('/boards/:board/*', async (context, next) => {
    if (boards.has(context.req.param('board'))) return next();
    return context.json({ message: 'No such board.' }, 404);
  });
  api.get('/boards/:board/members', (context) => {
    const members = people.filter(({ id }) => boardOf(context.req.param('board')).members.has(id));
    const rows = members.map(({ id, email }) => ({ id, email }));
    return context.json(page(rows, context.req.query('page')));
  });
  api.put('/boards/:board/members/:person', (context) => {
    boardOf(context.req.param('board')).members.add(context.req.param('person'));
    return context.body(null, 204);
  });
  api.delete('/boards/:board/members/:person', (context) => {
    boardOf(context.req.param('board')).members.delete(context.req.param('person'));
    return context.body(null, 204);
  });
  api.get('/boards/:board/tasks', (context) => {
    const since = context.req.query('since') ?? '';
    const done = tasks.filter(({ board, finishedAt }) => board === context.req.param('board') && finishedAt >= since);
    return context.json(page(done, context.req.query('page')));
  });
  api.get('/boards/:board/banner', (context) => context.json({ text: boardOf(context.req.param('board')).banner }));
  api.put('/boards/:board/banner', async (context) => {
    boardOf(context.req.param('board')).banner = (await context.req.json<{ text: string }>()).text;
    return context.body(null, 204);
  });

  const app = new Hono();
  app.route('/api', api);
  // What annotators open in their browser.
  app.get('/boards/:board', (context) => {
    const [email = '', password] = atob(context.req.header('authorization')?.slice('Basic '.length) ?? '').split(':');
    const person = withEmail(email);
    if (person === undefined || person.password !== password) return context.body(null, 401);
    return context.body(null, boards.get(context.req.param('board'))?.members.has(person.id) ? 200 : 403);
  });
  const { server, origin } = await listen(app);

  return {
    url: `${origin}/api`,
    token,
    addPerson,
    people: () => people,
    addBoard: (id, banner = '') => void boards.set(id, { members: new Set(), banner }),
    membersOf: (board) => boardOf(board).members,
    addMember: (board, person) => void boardOf(board).members.add(person),
    finishTask(task) {
      const id = randomUUID();
      tasks.push({ id, ...task });
      return id;
    },
    changeTask(id, seconds) {
      for (const task of tasks) if (task.id === id) task.seconds = seconds;
    },
    bannerOf: (board) => boardOf(board).banner,
    setBanner(board, text) {
      boardOf(board).banner = text;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}

function listen(app: Hono): Promise<{ server: ServerType; origin: string }> {
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve({ server, origin: `http://127.0.0.1:${port}` }),
    );
  });
}
