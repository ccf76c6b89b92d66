import { systemClock } from '../../shared/clock.ts';
import { ConfigurationError } from '../../shared/errors.ts';
import type { ProjectId } from '../../shared/ids.ts';
import { type Check, checkWorkspace, verdictOf } from '../../shared/workspace/check-workspace.ts';
import { openWorkspace } from '../../shared/workspace/open-workspaces.ts';
import { readWorkspaceSettings } from '../../shared/workspace/workspace-settings.ts';
import type { Answer } from '../answer.ts';
import { checked } from '../check-table.ts';
import { onInterruption, unlessInterrupted } from '../interruption.ts';
import { readSecret } from '../read-secret.ts';

export interface CheckWorkspaceOptions {
  readonly project: string;
  /** False with `--no-notice`. */
  readonly notice: boolean;
}

/** The live check by settings of the environment: before anything is deployed. */
export async function checkWorkspaceCommand({ project, notice }: CheckWorkspaceOptions): Promise<Answer> {
  const settings = readWorkspaceSettings(process.env);
  const token = await readToken();
  const usageToken = process.env.USAGE_WORKSPACE_TOKEN ?? '';
  if (settings.usage !== undefined && usageToken === '') {
    throw new ConfigurationError('USAGE_WORKSPACE_TOKEN must hold the token of USAGE_WORKSPACE. See --help.');
  }
  const tokens = { access: async () => token, usage: async () => usageToken };
  const workspace = openWorkspace(settings, tokens, systemClock);

  const signal = onInterruption();
  const checks: Check[] = [];
  const live = { withNotice: notice, signal, onCheck: (one: Check) => checks.push(one) };
  await unlessInterrupted(checkWorkspace(workspace, { projectId: project as ProjectId }, live), signal);
  return checked(checks, { verdict: verdictOf(checks), checks }, signal);
}

async function readToken(): Promise<string> {
  const [token = ''] = (await readSecret('WORKSPACE_TOKEN', 'Token of the workspace (it is not shown)')).split(/\s/);
  if (token !== '') return token;
  throw new ConfigurationError('WORKSPACE_TOKEN, standard input or the prompt must give the token. See --help.');
}
