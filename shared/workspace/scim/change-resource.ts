import { isOk } from '../json-api.ts';
import type { Dialect } from './dialect.ts';
import { PATCH_SCHEMA, serviceProviderConfig } from './resources.ts';
import type { ScimClient } from './scim-client.ts';

export interface Change {
  readonly what: string;
  readonly kind: 'Users' | 'Groups';
  /** As it was just read; a PUT sends it back with `attributes` on top. */
  readonly resource: { readonly id: string; readonly [attribute: string]: unknown };
  /** What to do, where the server has PATCH: RFC 7644, section 3.5.2, or the form that its dialect asks for. */
  readonly operations: readonly PatchOperation[];
  /** What the attributes are to be, where it has only PUT. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface PatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'Add' | 'Remove';
  readonly path: string;
  readonly value?: unknown;
}

/** `changed-meanwhile`: somebody else wrote first, so nothing was written; read again and decide anew. */
export type Outcome = 'written' | 'changed-meanwhile';

export type ChangeResource = (change: Change, signal: AbortSignal | undefined) => Promise<Outcome>;

const HAS_NO_PATCH = new Set([405, 501]);

/** Kept by the server, not to be sent to it. */
const READ_ONLY = new Set(['meta', 'groups']);

/**
 * Writes by PATCH where the server has it, and by PUT of the whole resource otherwise. Whether it has it is asked of
 * ServiceProviderConfig, once, before the first write; servers that lack that, or are wrong about themselves, answer a
 * PATCH with 405 or 501.
 */
export function createChangeResource(client: ScimClient, dialect: Dialect): ChangeResource {
  const withoutPatch = new Set<Change['kind']>();
  let probed: { readonly patch: boolean; readonly etag: boolean } | undefined;

  async function probe(signal: AbortSignal | undefined) {
    const what = 'reading ServiceProviderConfig';
    const answer = await client.send({ what, path: ['ServiceProviderConfig'], signal });
    // Its absence is no fault: then every feature is tried.
    if ([400, 403, 404, 405, 501].includes(answer.status)) return { patch: true, etag: false };
    if (!isOk(answer)) throw client.failure(what, answer);
    const { patch, etag } = client.parse(serviceProviderConfig, what, answer);
    return { patch: patch.supported !== false, etag: etag.supported === true };
  }

  return async ({ what, kind, resource, operations, attributes }, signal) => {
    probed ??= await probe(signal);
    const version = (resource.meta as { version?: unknown } | undefined)?.version;
    const headers = probed.etag && typeof version === 'string' ? { 'if-match': version } : {};
    const request = { what, path: [kind, resource.id], headers, signal };

    if (probed.patch && !withoutPatch.has(kind)) {
      const body = { schemas: [PATCH_SCHEMA], Operations: operations };
      const answer = await client.send({ ...request, method: 'PATCH', body });
      // 200 with a body or 204 without one: neither is read, for the caller looks at the resource again.
      if (isOk(answer)) return 'written';
      if (answer.status === 412) return 'changed-meanwhile';
      if (HAS_NO_PATCH.has(answer.status)) withoutPatch.add(kind);
      else if (!isFormRefused(kind, answer.status)) throw client.failure(what, answer);
    }
    const whole = Object.entries({ ...resource, ...attributes }).filter(([name]) => isWritable(kind, name));
    const answer = await client.send({ ...request, method: 'PUT', body: Object.fromEntries(whole) });
    if (isOk(answer)) return 'written';
    if (answer.status === 412) return 'changed-meanwhile';
    throw client.failure(what, answer);
  };

  /** A server that documents no PATCH may take offence at one in its own way: then this change alone is a PUT. */
  function isFormRefused(kind: Change['kind'], status: number): boolean {
    return kind === 'Groups' && dialect.groupPatch === 'entra' && (status === 400 || status === 500);
  }

  function isWritable(kind: Change['kind'], attribute: string): boolean {
    return dialect.writable?.[kind].includes(attribute) ?? !READ_ONLY.has(attribute);
  }
}
