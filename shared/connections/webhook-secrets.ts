import type { ParameterStore } from '../aws/parameter-store.ts';
import type { Clock } from '../clock.ts';
import type { ConnectionId } from '../ids.ts';
import type { WebhookSecret } from '../opentrain/signature.ts';
import type { CredentialNames } from './credential-names.ts';
import { parseSecrets } from './stored-secrets.ts';

/** The live webhook secrets of each connection, out of a cache that a flood cannot turn against us. */
export interface WebhookSecrets {
  /** At most five minutes old; older only while the store is down. */
  lookUp(connection: ConnectionId): Promise<SecretsLookUp>;
  /** For when none matched: asks the store again, at most twice a minute for each connection. */
  lookAgain(connection: ConnectionId): Promise<SecretsLookUp>;
}

export type SecretsLookUp =
  | { readonly kind: 'found'; readonly secrets: readonly WebhookSecret[] }
  | { readonly kind: 'unknown-connection' }
  | { readonly kind: 'unavailable'; readonly error: unknown };

const FRESH_MILLISECONDS = 5 * 60_000;
const AGAIN_MILLISECONDS = 30_000;
/** How long an unknown connection stays unknown: a new customer's first delivery waits no longer than OpenTrain's retry. */
const UNKNOWN_MILLISECONDS = 60_000;
const UNKNOWN_REMEMBERED = 1_000;
/**
 * Ids that this instance has not seen may cost 20 reads, then one every 5 s; beyond that they are answered as unknown
 * without asking, or as unavailable while reads fail. Found connections give theirs back; what cannot be read does not, or a
 * flood would buy reads without a bound while the store is down. While a flood lasts, a cold instance may thus answer 404 to a
 * real connection, and OpenTrain tries again in a minute; it cannot tell the two apart without a read, and reads are what the
 * flood must not buy.
 */
const STRANGERS = { burst: 20, refillMilliseconds: 5_000 };

interface Known {
  readonly secrets: readonly WebhookSecret[];
  /** When the secrets were last read well. */
  readonly readAt: number;
  /** When the store was last asked, well or not. */
  readonly askedAt: number;
}

export function createWebhookSecrets(store: ParameterStore, names: CredentialNames, clock: Clock): WebhookSecrets {
  const known = new Map<ConnectionId, Known>();
  const unknownUntil = new Map<ConnectionId, number>();
  let strangersLeft = STRANGERS.burst;
  let refilledAt = clock.now();
  /** Why the store's latest read failed; undefined once one has succeeded. */
  let failure: { readonly error: unknown } | undefined;

  function admitStranger(now: number): boolean {
    const refill = Math.floor((now - refilledAt) / STRANGERS.refillMilliseconds);
    if (refill > 0) {
      strangersLeft = Math.min(STRANGERS.burst, strangersLeft + refill);
      refilledAt += refill * STRANGERS.refillMilliseconds;
    }
    if (strangersLeft === 0) return false;
    strangersLeft -= 1;
    return true;
  }

  /** It was no stranger. */
  function giveBack(): void {
    strangersLeft = Math.min(STRANGERS.burst, strangersLeft + 1);
  }

  function rememberUnknown(connection: ConnectionId, until: number): void {
    const oldest = unknownUntil.keys().next();
    if (unknownUntil.size >= UNKNOWN_REMEMBERED && !oldest.done) unknownUntil.delete(oldest.value);
    unknownUntil.set(connection, until);
  }

  async function read(connection: ConnectionId): Promise<string | undefined> {
    try {
      const value = await store.get(names.webhookSecrets(connection));
      failure = undefined;
      return value;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }

  async function ask(connection: ConnectionId, before: Known | undefined): Promise<SecretsLookUp> {
    const now = clock.now();
    try {
      const value = await read(connection);
      if (value === undefined) {
        known.delete(connection);
        rememberUnknown(connection, now + UNKNOWN_MILLISECONDS);
        return { kind: 'unknown-connection' };
      }
      if (before === undefined) giveBack();
      const secrets = parseSecrets(value);
      if (secrets.length === 0) throw new Error('the parameter holds no whsec_ secret');
      known.set(connection, { secrets, readAt: now, askedAt: now });
      return { kind: 'found', secrets };
    } catch (error) {
      if (before === undefined) return { kind: 'unavailable', error };
      known.set(connection, { ...before, askedAt: now });
      return { kind: 'found', secrets: before.secrets };
    }
  }

  return {
    async lookUp(connection) {
      const now = clock.now();
      const entry = known.get(connection);
      if (entry !== undefined) {
        const fresh = now - entry.readAt < FRESH_MILLISECONDS || now - entry.askedAt < AGAIN_MILLISECONDS;
        return fresh ? { kind: 'found', secrets: entry.secrets } : ask(connection, entry);
      }
      if (now < (unknownUntil.get(connection) ?? 0)) return { kind: 'unknown-connection' };
      if (admitStranger(now)) return ask(connection, undefined);
      return failure === undefined ? { kind: 'unknown-connection' } : { kind: 'unavailable', error: failure.error };
    },
    async lookAgain(connection) {
      const entry = known.get(connection);
      if (entry === undefined) return this.lookUp(connection);
      if (clock.now() - entry.askedAt < AGAIN_MILLISECONDS) return { kind: 'found', secrets: entry.secrets };
      return ask(connection, entry);
    },
  };
}
