import { systemClock } from '../../shared/clock.ts';
import { ConfigurationError } from '../../shared/errors.ts';
import type { ProjectId } from '../../shared/ids.ts';
import { checkWorkspace, verdictOf } from '../../shared/workspace/check-workspace.ts';
import { openWorkspace } from '../../shared/workspace/open-workspaces.ts';
import { readWorkspaceSettings } from '../../shared/workspace/workspace-settings.ts';
import type { Answer } from '../answer.ts';
import { checkTable } from '../check-table.ts';
import { InterruptedError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
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

  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new InterruptedError('Interrupted; what was left was cleaned up.')));
  const checks = await checkWorkspace(
    workspace,
    { projectId: project as ProjectId },
    { withNotice: notice, signal: interrupted.signal },
  );
  const verdict = verdictOf(checks);
  return {
    data: { verdict, checks },
    text: (style) => checkTable(checks, style),
    exitCode: verdict === 'fail' ? EXIT.findings : EXIT.fine,
  };
}

async function readToken(): Promise<string> {
  const [token = ''] = (await readSecret('WORKSPACE_TOKEN', 'Token of the workspace (it is not shown)')).split(/\s/);
  if (token !== '') return token;
  throw new ConfigurationError('WORKSPACE_TOKEN, standard input or the prompt must give the token. See --help.');
}
