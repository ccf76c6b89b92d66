import type { ConnectParts } from '../../shared/connections/connect.ts';
import type { CredentialNames } from '../../shared/connections/credential-names.ts';
import { createConnections } from '../../shared/store/connections.ts';
import type { Table } from '../../shared/store/table.ts';
import type { Story } from '../support/story.ts';
import { countedTable } from '../support/worker.ts';

/** When a run is killed: at its so-many-th call to the outside, before or after that call had its effect. */
export interface Death {
  /** 1 for the first. */
  readonly call: number;
  readonly when: 'before' | 'after';
  /** The call fails, but the run lives on and may clear up. @default false */
  readonly survived?: boolean;
}

export interface MortalParts {
  readonly parts: ConnectParts;
  /** What was called so far, such as `ssm put webhook-secrets`. */
  readonly calls: readonly string[];
  readonly died: () => boolean;
}

/** What the operations on a connection work with, on the story's emulators; every call to the outside is counted. */
export function mortalParts({ connector, opentrain }: Story, death?: Death): MortalParts {
  const { parameters, names } = connector;
  const calls: string[] = [];
  let dead = false;
  let died = false;

  async function call<Result>(name: string, act: () => Promise<Result>): Promise<Result> {
    if (dead) throw new Error('the run was killed before');
    calls.push(name);
    const isLast = calls.length === death?.call;
    if (isLast && death.when === 'before') die();
    const result = await act();
    if (isLast) die();
    return result;
  }
  function die(): never {
    died = true;
    dead = death?.survived !== true;
    throw new Error('killed');
  }

  const last = (name: string) => name.slice(name.lastIndexOf('/') + 1);
  const { table } = countedTable(connector.emulators);
  const parts = {
    parameters: {
      get: (name: string) => call(`ssm get ${last(name)}`, () => parameters.get(name)),
      put: (name: string, value: string) => call(`ssm put ${last(name)}`, () => parameters.put(name, value)),
      delete: (name: string) => call(`ssm delete ${last(name)}`, () => parameters.delete(name)),
    },
    names,
    connections: createConnections({
      get: (key) => call(`table get ${key.sk}`, () => table.get(key)),
      getAll: (keys) => call('table get all', () => table.getAll(keys)),
      change: (key, change) => call(`table change ${key.sk}`, () => table.change(key, change)),
      list: table.list,
    } satisfies Table),
    opentrain: {
      baseUrl: opentrain.platformApiUrl,
      clock: opentrain.clock,
      sleep: async () => {},
      fetch: ((request: Request) =>
        call(`opentrain ${request.method} ${last(request.url)}`, () => fetch(request))) as typeof fetch,
    },
    clock: opentrain.clock,
  };
  return { parts, calls, died: () => died };
}

/** Every way in which a run of so many calls can be killed. */
export function deathsOf(calls: readonly string[], survived = false): (Death & { readonly name: string })[] {
  return calls.flatMap((name, index) =>
    (['before', 'after'] as const).map((when) => ({ call: index + 1, when, survived, name: `${when} ${name}` })),
  );
}

/** `…/connections/<id>/token` and its neighbour, as they are stored now. */
export async function storedOf(connection: Parameters<CredentialNames['token']>[0], { connector }: Story) {
  const { parameters, names } = connector;
  const secrets = await parameters.get(names.webhookSecrets(connection));
  return { token: await parameters.get(names.token(connection)), secrets: secrets?.split('\n') ?? [] };
}
