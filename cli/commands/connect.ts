import { chooseWorkspace } from '../../shared/connections/choose-workspace.ts';
import { connect } from '../../shared/connections/connect.ts';
import type { Ailment } from '../../shared/connections/endpoints.ts';
import { tellMissing } from '../../shared/connections/needed-scopes.ts';
import { type ConnectedView, tellConnected } from '../../shared/connections/tell-connected.ts';
import type { ConnectionId } from '../../shared/ids.ts';
import type { Install } from '../../shared/opentrain/relied-on.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError, UsageError } from '../errors.ts';
import { connectionId, openParts, type Parts } from '../parts.ts';
import { readSecret } from '../read-secret.ts';
import { redirectedFile } from '../redirected-file.ts';
import type { TargetOptions } from '../target.ts';
import { count } from '../words.ts';

export const TOKEN_VARIABLE = 'OPENTRAIN_PARTNER_TOKEN';

export interface ConnectOptions extends TargetOptions {
  readonly workspace?: string | undefined;
  readonly replaceCustomer?: boolean | undefined;
  readonly storedToken?: boolean | undefined;
}

export async function connectCommand(
  connection: string,
  { storedToken = false, ...options }: ConnectOptions,
): Promise<Answer> {
  const id = connectionId(connection);
  // Before anybody is asked for a token: what it is for must be there.
  const parts = await openParts(options);
  const token = storedToken ? await tokenOf(id, parts) : await readToken();
  const request = {
    connectionId: id,
    token,
    webhookUrl: parts.webhookUrl(id),
    workspaceId: await chooseWorkspace(id, options.workspace, parts.store),
    replaceCustomer: options.replaceCustomer === true,
  };
  const connected = await connect(request, parts);
  const view = tellConnected(request, connected);
  return { data: view, text: () => lines(view, connected.install, parts.target.flag).join('\n') };
}

async function readToken(): Promise<string> {
  const token = await readSecret(TOKEN_VARIABLE, 'Token of the install (ot_ptk_…; it is not shown)');
  if (process.env[TOKEN_VARIABLE]?.trim() === token) mustBeTheOnlyOne(token);
  if (/^ot_ptk_[\x21-\x7e]+$/.test(token)) return token;
  throw new UsageError(
    `${TOKEN_VARIABLE}, standard input or the prompt must give the install's token, and nothing else; ` +
      `${token === '' ? 'nothing came' : 'what came does not begin with ot_ptk_, or is more than one word'}. See connect --help.`,
  );
}

/**
 * A variable that was set for another customer must not win over a file that is given.
 *
 * @throws {UsageError} when another token is in the file on standard input
 */
function mustBeTheOnlyOne(token: string): void {
  const given = redirectedFile().trim();
  if (given === token || !given.includes('ot_ptk_')) return;
  throw new UsageError(
    `${TOKEN_VARIABLE} holds one token, and another comes on standard input: give one of them. Where standard input is meant ` +
      'for something else, run this with < /dev/null.',
  );
}

/** @throws {NotFoundError} when none is stored, as for a connection that was disconnected */
async function tokenOf(id: ConnectionId, { parameters, names, target }: Parts): Promise<string> {
  const stored = await parameters.get(names.token(id));
  if (stored !== undefined) return stored;
  throw new NotFoundError(
    `${target.name} holds no token of ${id}. Leave --stored-token out, and give the one that the customer copied.`,
  );
}

const MENDED: Readonly<Record<Ailment, string>> = {
  disabled: 'was disabled',
  lacks_events: 'did not hear of every event',
  points_elsewhere: 'pointed elsewhere',
  failing: 'had failed deliveries',
};

function sentAgain(requeued: number): string {
  if (requeued === 0) return 'OpenTrain had given up no delivery.';
  return `What OpenTrain had given up is sent again within five minutes: ${count(requeued, 'delivery', 'deliveries')}.`;
}

function lines(view: ConnectedView, { scopes }: Install, flag: string): string[] {
  const { connectionId: id, installId, organizationId, workspaceId, endpointId, kept, webhookUrl, piiConsent } = view;
  const { mended, requeued } = view;
  const missing = tellMissing(scopes, piiConsent);
  const customer = organizationId === null ? '' : ` of the organisation ${organizationId}`;
  return [
    `Connected ${id} to install ${installId}${customer}, in the workspace ${workspaceId}.`,
    `Endpoint ${endpointId} ${kept ? 'kept' : 'registered'}: ${webhookUrl}`,
    ...(mended.length === 0 ? [] : [`It ${mended.map((ailment) => MENDED[ailment]).join(', ')}: that is mended.`]),
    ...(requeued === null ? [] : [sentAgain(requeued)]),
    ...missing,
    missing.length === 0
      ? 'Nothing is missing: scopes and consent are as they should be.'
      : 'Scopes and consent are given when the customer connects: let them reconnect, then run this with the new token.',
    `Next: link a project to a job, opentrain-connector link ${id} --project <id> --job <id> ${flag}`,
  ];
}
