import { ConnectorError } from '../errors.ts';
import type { ConnectionId } from '../ids.ts';
import type { Install } from '../opentrain/relied-on.ts';
import { OPERATIONS } from '../opentrain/relied-on.ts';
import type { Connections } from '../store/connections.ts';
import { missingScopes, tellMissing } from './needed-scopes.ts';

/** The install that a token belongs to is not one to work with. */
export class InstallNotActiveError extends ConnectorError {
  override readonly name = 'InstallNotActiveError';
}

/** The install does not allow what a connection cannot be without. */
export class ScopeMissingError extends ConnectorError {
  override readonly name = 'ScopeMissingError';
}

/** The install is another connection's already: each of its events would come under two ids. */
export class InstallTakenError extends ConnectorError {
  override readonly name = 'InstallTakenError';
}

/**
 * Asks whether an install can be made a connection at all. What it lacks besides is told, and no reason to refuse it.
 *
 * @throws {InstallNotActiveError}
 * @throws {ScopeMissingError} without the scope for webhook endpoints; it names all that is missing
 * @throws {InstallTakenError}
 */
export async function mustBeUsable(
  install: Install,
  connectionId: ConnectionId,
  connections: Pick<Connections, 'withInstall'>,
): Promise<void> {
  if (install.status !== 'ACTIVE') {
    throw new InstallNotActiveError(
      `Expected an ACTIVE install behind this token, found ${install.status}. The customer reconnects and gives the new token.`,
    );
  }
  if (missingScopes(install.scopes).includes(OPERATIONS.createWebhookEndpoint.scope)) {
    throw new ScopeMissingError(
      [
        'This install cannot be connected, and nothing was done.',
        ...tellMissing(install.scopes, install.piiConsent === true),
        'The customer reconnects and approves what is missing; then connect with the new token.',
      ].join('\n'),
    );
  }
  for await (const { id } of connections.withInstall(install.id)) {
    if (id === connectionId) continue;
    throw new InstallTakenError(
      `The install ${install.id} is connected already, as ${id}. Connect ${id} with this token to mend it; to give it ` +
        'another id, disconnect that one first.',
    );
  }
}
