import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express, { type Request, type RequestHandler } from 'express';
import SCIMMYRouters, { SCIMMY } from 'scimmy-routers';

/** What real servers differ in. */
export interface ScimServerOptions {
  /** Whether `A@x` and `a@x` are two user names; against the RFC, but scimmy's own way and that of others. @default false */
  readonly isCaseExact?: boolean;
  /**
   * Whether groups can be changed by PATCH: `undeclared` means that ServiceProviderConfig says yes, and PATCH is answered
   * 405. @default 'yes'
   */
  readonly groupPatch?: 'yes' | 'no' | 'undeclared';
  /** @default true */
  readonly hasServiceProviderConfig?: boolean;
  /**
   * How one learns which groups an account is in: `filter` by `members.value`, `attribute` `groups` of the account, or
   * `neither`. @default 'filter'
   */
  readonly groupsOfUser?: 'filter' | 'attribute' | 'neither';
  /** Most rows on a page, whatever is asked for. @default 5 */
  readonly pageRows?: number;
  /** Label Studio Enterprise's documented ways instead of the RFC's. @default false */
  readonly isLabelStudioEnterprise?: boolean;
}

/** A SCIM 2.0 server (scimmy, scimmy-routers) together with a small tool that its accounts can sign in to. */
export interface ScimServer {
  readonly url: string;
  readonly token: string;
  addUser(user: { userName: string; active?: boolean; emails?: readonly { value: string }[] }): string;
  deactivate(id: string): void;
  removeUser(id: string): void;
  addGroup(displayName: string, members?: readonly string[]): string;
  renameGroup(id: string, displayName: string): void;
  replaceMembers(group: string, members: readonly string[]): void;
  removeGroup(id: string): void;
  users(): readonly Record<string, unknown>[];
  userById(id: string): Record<string, unknown> | undefined;
  membersOf(group: string): readonly string[];
  /** Puts something in the way of the SCIM endpoints. */
  intercept(handler: RequestHandler | undefined): void;
  /** Opens the tool's page of a group as the person with this address, with their own password. @returns the status */
  openAs(address: string, group: string): Promise<number>;
  close(): Promise<void>;
}

interface User {
  id: string;
  userName: string;
  active: boolean;
  externalId?: string;
  name?: unknown;
  emails?: unknown;
  readonly password: string;
}

interface Group {
  id: string;
  displayName: string;
  members: { value: string }[];
}

interface State {
  readonly options: Required<ScimServerOptions>;
  readonly users: Map<string, User>;
  readonly groups: Map<string, Group>;
}

const DEFAULTS = {
  isCaseExact: false,
  groupPatch: 'yes',
  hasServiceProviderConfig: true,
  groupsOfUser: 'filter',
  pageRows: 5,
  isLabelStudioEnterprise: false,
} as const satisfies Required<ScimServerOptions>;

/** scimmy keeps its resources in globals, so there is one server at a time in a process; vitest gives each file its own. */
let current: State | undefined;

export async function startScimServer(options: ScimServerOptions = {}): Promise<ScimServer> {
  if (current !== undefined) throw new Error('Only one SCIM server at a time: close the other one first.');
  const settings = { ...DEFAULTS, ...options };
  const state: State = { options: settings, users: new Map(), groups: new Map() };
  current = state;
  const token = `scim_${randomUUID()}`;
  let interceptor: RequestHandler | undefined;

  const app = express();
  app.get('/tool/:group', (request, response) => void response.sendStatus(open(state, request)));
  app.use('/scim/v2', (request, response, next) => (interceptor ? interceptor(request, response, next) : next()));
  app.use('/scim/v2', bend(settings));
  app.use(
    '/scim/v2',
    new SCIMMYRouters({
      type: 'bearer',
      handler: (request: { headers: Record<string, unknown> }) => {
        if (request.headers.authorization !== `Bearer ${token}`) throw new Error('The token is not the one expected.');
        return 'connector';
      },
    }) as unknown as RequestHandler,
  );
  SCIMMY.Config.set({ patch: settings.groupPatch !== 'no' });

  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url: `${origin}/scim/v2`,
    token,
    addUser: (user) => addUser(state, { active: true, ...user }).id,
    deactivate(id) {
      const user = state.users.get(id);
      if (user !== undefined) user.active = false;
    },
    removeUser: (id) => void state.users.delete(id),
    addGroup(displayName, members = []) {
      const id = settings.isLabelStudioEnterprise ? displayName : randomUUID();
      state.groups.set(id, { id, displayName, members: members.map((value) => ({ value })) });
      return id;
    },
    renameGroup(id, displayName) {
      const group = state.groups.get(id);
      if (group !== undefined) group.displayName = displayName;
    },
    replaceMembers(id, members) {
      const group = state.groups.get(id);
      if (group !== undefined) group.members = members.map((value) => ({ value }));
    },
    removeGroup: (id) => void state.groups.delete(id),
    users: () => [...state.users.values()].map((user) => ({ ...user })),
    userById: (id) => state.users.get(id) as Record<string, unknown> | undefined,
    membersOf: (group) => (state.groups.get(group)?.members ?? []).map(({ value }) => value),
    intercept: (handler) => {
      interceptor = handler;
    },
    async openAs(address, group) {
      const account = [...state.users.values()].find(({ userName }) => sameName(userName, address));
      const password = account?.password ?? 'none';
      const authorization = `Basic ${Buffer.from(`${address}:${password}`).toString('base64')}`;
      return (await fetch(`${origin}/tool/${encodeURIComponent(group)}`, { headers: { authorization } })).status;
    },
    close: () =>
      new Promise((resolve) => {
        current = undefined;
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The tool itself: only who is active signs in, and only who is in the group gets to see its project. */
function open({ users, groups }: State, request: Request): number {
  const credentials = Buffer.from(request.headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
  const [address = '', password] = credentials.split(':');
  const user = [...users.values()].find((one) => sameName(one.userName, address) && one.password === password);
  if (user === undefined || !user.active) return 401;
  const members = groups.get(String(request.params.group))?.members ?? [];
  return members.some(({ value }) => value === user.id) ? 200 : 403;
}

interface Refusal {
  readonly status: number;
  readonly detail: string;
  readonly scimType?: string;
}

/** Turns scimmy's own ways into those of the server that was asked for. */
function bend(settings: Required<ScimServerOptions>): RequestHandler {
  return (request, response, next) => {
    const refusal = refusalOf(settings, request);
    if (refusal !== undefined) {
      const schemas = ['urn:ietf:params:scim:api:messages:2.0:Error'];
      response
        .status(refusal.status)
        .type('application/scim+json')
        .send({ schemas, ...refusal });
      return;
    }
    const { path, query } = request;
    query.count = String(Math.min(Number(query.count ?? settings.pageRows), settings.pageRows));
    if (path === '/Users' && query.filter !== undefined && !settings.isCaseExact) {
      query.filter = String(query.filter).replaceAll(/"[^"]*"/g, (text) => text.toLowerCase());
    }
    next();
  };
}

function refusalOf(
  { hasServiceProviderConfig, groupPatch, groupsOfUser, isLabelStudioEnterprise }: Required<ScimServerOptions>,
  { method, path, query }: Request,
): Refusal | undefined {
  if (path === '/ServiceProviderConfig' && !hasServiceProviderConfig) {
    return { status: 404, detail: 'There is no such endpoint.' };
  }
  if (method === 'PATCH' && path.startsWith('/Groups') && groupPatch !== 'yes') {
    return { status: groupPatch === 'no' ? 501 : 405, detail: 'Groups are changed by PUT.' };
  }
  if (String(query.filter).startsWith('members.value') && groupsOfUser !== 'filter') {
    return { status: 400, scimType: 'invalidFilter', detail: 'Groups can be searched by displayName only.' };
  }
  const selects = query.attributes !== undefined || query.excludedAttributes !== undefined;
  if (isLabelStudioEnterprise && selects) return { status: 501, detail: 'Attributes cannot be selected.' };
  return undefined;
}

function stateNow(): State {
  if (current === undefined) throw new Error('No SCIM server is running.');
  return current;
}

function addUser(state: State, given: Omit<User, 'id' | 'password'>): User {
  const { isCaseExact, isLabelStudioEnterprise } = state.options;
  const isTaken = [...state.users.values()].some(({ userName }) =>
    isCaseExact ? userName === given.userName : sameName(userName, given.userName),
  );
  if (isTaken) throw new SCIMMY.Types.Error(409, 'uniqueness', `userName ${given.userName} is taken.`);
  const id = isLabelStudioEnterprise ? given.userName : randomUUID();
  const user = { emails: [{ value: given.userName, primary: true }], ...given, id, password: randomUUID() };
  state.users.set(id, user);
  return user;
}

/** What Label Studio Enterprise documents; anything else is answered 501. */
const SUPPORTED = new Set(['schemas', 'id', 'userName', 'active', 'name', 'emails', 'meta', 'givenName', 'familyName']);

function requireSupported({ isLabelStudioEnterprise }: ScimServerOptions, instance: object): void {
  const sent = Object.entries(instance).filter(([, value]) => value !== undefined);
  const unknown = sent.map(([name]) => name).filter((name) => !SUPPORTED.has(name));
  if (isLabelStudioEnterprise && unknown.length > 0) {
    throw new SCIMMY.Types.Error(501, '', `${unknown.join(', ')} is not supported.`);
  }
}

const notFound = (id: string) => new SCIMMY.Types.Error(404, '', `Resource ${id} not found`);

const plain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value));

SCIMMY.Resources.declare(
  SCIMMY.Resources.User.egress((resource): never => {
    const state = stateNow();
    const shown = [...state.users.values()].map(({ password: _, ...user }) => ({
      ...user,
      ...(state.options.groupsOfUser === 'attribute' ? { groups: groupsOf(state, user.id) } : {}),
    }));
    if (resource.id !== undefined) {
      const one = shown.find(({ id }) => id === resource.id);
      if (one === undefined) throw notFound(resource.id);
      return one as never;
    }
    if (resource.filter === undefined) return shown as never;
    const seen = state.options.isCaseExact ? shown : shown.map((user) => ({ ...user, ...inLowerCase(user) }));
    const ids = new Set(resource.filter.match(plain(seen) as never[]).map(({ id }) => id));
    if (ids.size === 0 && state.options.isLabelStudioEnterprise) throw notFound('user');
    return shown.filter(({ id }) => ids.has(id as never)) as never;
  })
    .ingress((resource, instance): never => {
      const state = stateNow();
      requireSupported(state.options, instance);
      const given = plain(instance) as unknown as Omit<User, 'id' | 'password'>;
      if (resource.id === undefined) return addUser(state, given) as never;
      const user = state.users.get(resource.id);
      if (user === undefined) throw notFound(resource.id);
      Object.assign(user, given);
      return user as never;
    })
    .degress((resource) => void stateNow().users.delete(String(resource.id))),
);

SCIMMY.Resources.declare(
  SCIMMY.Resources.Group.egress((resource): never => {
    const shown = [...stateNow().groups.values()];
    if (resource.id === undefined) {
      return (resource.filter === undefined ? shown : resource.filter.match(plain(shown) as never[])) as never;
    }
    const one = shown.find(({ id }) => id === resource.id);
    if (one === undefined) throw notFound(resource.id);
    return one as never;
  })
    .ingress((resource, instance): never => {
      const group = stateNow().groups.get(String(resource.id));
      if (group === undefined) throw notFound(String(resource.id));
      const { displayName, members = [] } = plain(instance) as unknown as Partial<Group>;
      // scimmy's own way: whoever is added twice is there twice.
      Object.assign(group, { displayName, members });
      return group as never;
    })
    .degress((resource) => void stateNow().groups.delete(String(resource.id))),
);

function groupsOf({ groups }: State, user: string): { value: string }[] {
  const own = [...groups.values()].filter(({ members }) => members.some(({ value }) => value === user));
  return own.map(({ id }) => ({ value: id }));
}

function inLowerCase({ userName, emails }: Pick<User, 'userName' | 'emails'>) {
  return { userName: userName.toLowerCase(), emails: JSON.parse(JSON.stringify(emails ?? []).toLowerCase()) };
}
