import type { Place } from '../access/access.ts';
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

/** How to reach a workspace by its id; each is opened once and kept, its token is read when it is used. */
export function openWorkspaces(parts: OpenWorkspacesParts): (workspace: WorkspaceId) => Promise<Place> {
  const open = new Map<WorkspaceId, Place>();

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
    if (known !== undefined) return known;
    const place = { workspaceId, workspace: openWorkspace(await settingsOf(workspaceId), workspaceId, parts) };
    open.set(workspaceId, place);
    return place;
  };
}

function openWorkspace(
  settings: WorkspaceSettings,
  workspaceId: WorkspaceId,
  { readSecret, names, clock }: OpenWorkspacesParts,
): Workspace {
  checkWorkspaceSettings(settings, `Workspace "${workspaceId}": `);
  const openAdapter = ({ adapter, url }: AdapterSettings, parameter: string): Workspace => {
    if (!isAdapterName(adapter)) throw new ConfigurationError(`There is no adapter "${adapter}".`);
    const token = (options?: { refresh?: boolean }) => readSecret(parameter, options);
    return adapterNamed(adapter).open({ baseUrl: url, token, clock });
  };
  const access = openAdapter(settings, names.workspaceToken(workspaceId));
  if (settings.usage === undefined) return access;
  return combineWorkspaces(access, openAdapter(settings.usage, names.usageToken(workspaceId)));
}
