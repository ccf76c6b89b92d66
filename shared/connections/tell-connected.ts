import type { Connection } from '../store/connections.ts';
import type { Connected, ConnectRequest } from './connect.ts';
import type { Ailment } from './endpoints.ts';
import { missingScopes, NEEDED_SCOPES, type NeededScope } from './needed-scopes.ts';

export interface MissingScope {
  readonly scope: NeededScope;
  /** What does not work without it. */
  readonly consequence: string;
}

/** What a connection came to, as JSON for programs. Nothing in it is secret. */
export interface ConnectedView {
  readonly connectionId: string;
  readonly installId: string;
  readonly organizationId: string | null;
  readonly partnerSlug: string | null;
  readonly workspaceId: string;
  readonly endpointId: string;
  readonly webhookUrl: string;
  readonly kept: boolean;
  /** What was wrong with the endpoint that was kept, and is not any more. */
  readonly mended: readonly Ailment[];
  /** Failed deliveries that are sent again; null when none were asked for. */
  readonly requeued: number | null;
  readonly missingScopes: readonly MissingScope[];
  readonly piiConsent: boolean;
}

export function tellConnected(
  { connectionId, workspaceId, webhookUrl }: ConnectRequest,
  { install, endpointId, kept, mended, requeued }: Connected,
): ConnectedView {
  return {
    connectionId,
    installId: install.id,
    organizationId: install.organizationId,
    partnerSlug: install.partnerApp?.slug ?? null,
    workspaceId,
    endpointId,
    webhookUrl,
    kept,
    mended,
    requeued,
    missingScopes: lackOf(install.scopes),
    piiConsent: install.piiConsent === true,
  };
}

/** How a connection stands, as JSON for programs: what the table knows. */
export function tellConnection({ id, scopes, piiConsent, ...connection }: Connection) {
  return {
    connectionId: id,
    status: connection.status,
    disconnectedReason: connection.disconnectedReason ?? null,
    /** Why a person should look; null when nothing is wrong. */
    attention: connection.attention ?? null,
    installId: connection.installId ?? null,
    organizationId: connection.organizationId ?? null,
    partnerSlug: connection.partnerSlug ?? null,
    workspaceId: connection.workspaceId,
    endpointId: connection.endpointId ?? null,
    /** Whether a second secret is about to take the first one's place. */
    rotating: connection.rotation !== undefined,
    missingScopes: scopes === undefined ? null : lackOf(scopes),
    piiConsent: piiConsent ?? null,
  };
}

function lackOf(granted: readonly string[]): MissingScope[] {
  return missingScopes(granted).map((scope) => ({ scope, consequence: NEEDED_SCOPES[scope] }));
}
