import { isDeepStrictEqual } from 'node:util';
import type { Place } from '../access/access.ts';
import type { TokenSource } from '../bearer-fetch.ts';
import type { Clock } from '../clock.ts';
import type { CredentialNames } from '../connections/credential-names.ts';
import type { SecretReader } from '../connections/secret-reader.ts';
import { ConfigurationError } from '../errors.ts';
import type { WorkspaceId } from '../ids.ts';
import { DEFAULT_WORKSPACE } from '../store/connections.ts';
import type { AdapterSettings, WorkspaceSettings } from '../store/workspaces.ts';
import { adapterNamed, isAdapterName } from './adapters.ts';
import { combineWorkspaces } from './combined-workspace.ts';
import type { Workspace } from './port.ts';
import { checkWorkspaceSettings } from './workspace-settings.ts';

export interface OpenWorkspacesParts {
  /** The deployment's own workspace. */
  readonly defaultSettings: WorkspaceSettings;
  /** Settings of a workspace that a connection has of its own. */
  readonly settingsOf: (workspace: WorkspaceId) => Promise<WorkspaceSettings | undefined>;
  readonly readSecret: SecretReader;
  readonly names: CredentialNames;
  readonly clock: Clock;
}

/** How long the settings of a connection's own workspace are believed, as long as its token. */
const FRESH_MILLISECONDS = 5 * 60_000;

/**
 * How to reach a workspace by its id. Each is opened once and kept until its settings change, which is seen after five
 * minutes; its token is read when it is used.
 */
export function openWorkspaces(parts: OpenWorkspacesParts): (workspace: WorkspaceId) => Promise<Place> {
  const { names, clock } = parts;
  const open = new Map<WorkspaceId, { place: Place; settings: WorkspaceSettings; readAt: number }>();

  async function settingsOf(workspaceId: WorkspaceId): Promise<WorkspaceSettings> {
    if (workspaceId === DEFAULT_WORKSPACE) return parts.defaultSettings;
    const settings = await parts.settingsOf(workspaceId);
    if (settings !== undefined) return settings;
    throw new ConfigurationError(
      `A connection names the workspace "${workspaceId}", which has no settings in the table.`,
    );
  }

  return async (workspaceId) => {
    const known = open.get(workspaceId);
    const isFresh = workspaceId === DEFAULT_WORKSPACE || clock.now() - (known?.readAt ?? 0) < FRESH_MILLISECONDS;
    if (known !== undefined && isFresh) return known.place;
    const readAt = clock.now();
    const settings = await settingsOf(workspaceId);
    if (known !== undefined && isDeepStrictEqual(known.settings, settings)) {
      open.set(workspaceId, { ...known, readAt });
      return known.place;
    }
    checkWorkspaceSettings(settings, `Workspace "${workspaceId}": `);
    const token = (parameter: string) => (options?: { refresh?: boolean }) => parts.readSecret(parameter, options);
    const tokens = { access: token(names.workspaceToken(workspaceId)), usage: token(names.usageToken(workspaceId)) };
    const place = { workspaceId, workspace: openWorkspace(settings, tokens, clock) };
    open.set(workspaceId, { place, settings, readAt });
    return place;
  };
}

/**
 * Opens the adapter that the settings name; two of them, where totals and notice are in another place.
 *
 * @throws {ConfigurationError} when an adapter does not exist, or a URL is not one to send a token to
 */
export function openWorkspace(
  settings: WorkspaceSettings,
  tokens: { readonly access: TokenSource; readonly usage: TokenSource },
  clock: Clock,
): Workspace {
  const openAdapter = ({ adapter, url }: AdapterSettings, token: TokenSource): Workspace => {
    if (!isAdapterName(adapter)) throw new ConfigurationError(`There is no adapter "${adapter}".`);
    return adapterNamed(adapter).open({ baseUrl: url, token, clock });
  };
  const access = openAdapter(settings, tokens.access);
  if (settings.usage === undefined) return access;
  return combineWorkspaces(access, openAdapter(settings.usage, tokens.usage));
}
