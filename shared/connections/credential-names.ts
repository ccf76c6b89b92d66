import type { ConnectionId, WorkspaceId } from '../ids.ts';

/**
 * Where credentials live in SSM Parameter Store, below `CREDENTIALS_PATH` (`/opentrain/<stage>`). Token and secrets are
 * parameters of their own, so that the webhook function's role can read the one and not the other.
 */
export function credentialNames(credentialsPath: string) {
  return {
    /** The install's `ot_ptk_…`. */
    token: (connection: ConnectionId) => `${credentialsPath}/connections/${connection}/token`,
    /** The live `whsec_…`, one a line, newest first; two during a rotation. */
    webhookSecrets: (connection: ConnectionId) => `${credentialsPath}/connections/${connection}/webhook-secrets`,
    /** What the workspace's API asks for. */
    workspaceToken: (workspace: WorkspaceId) => `${credentialsPath}/workspaces/${workspace}/token`,
    /** The same of the other one, where totals and notice come from an adapter of their own. */
    usageToken: (workspace: WorkspaceId) => `${credentialsPath}/workspaces/${workspace}/usage-token`,
  };
}

export type CredentialNames = ReturnType<typeof credentialNames>;
