import type { ParameterStore } from '../aws/parameter-store.ts';
import type { Clock } from '../clock.ts';
import { ConnectorError } from '../errors.ts';

/** A token that should be in SSM Parameter Store is not there. */
export class SecretMissingError extends ConnectorError {
  override readonly name = 'SecretMissingError';
}

/** Reads a secret by its parameter's name. `refresh` looks past the cache, because what it gave was refused. */
export type SecretReader = (name: string, options?: { refresh?: boolean }) => Promise<string>;

const FRESH_MILLISECONDS = 5 * 60_000;
/** A refused token is looked up again at most this often, so that a dead one costs no storm of calls. */
const AGAIN_MILLISECONDS = 15_000;

/**
 * Reads tokens out of SSM and keeps them for five minutes; while SSM is down, what was read last goes on being served.
 *
 * @throws {SecretMissingError} from the reader, which names the parameter and how to write it
 */
export function createSecretReader(store: ParameterStore, clock: Clock): SecretReader {
  const known = new Map<string, { value: string; readAt: number }>();
  const underway = new Map<string, Promise<string>>();

  async function ask(name: string): Promise<string> {
    const value = (await store.get(name))?.trim();
    if (!value) {
      known.delete(name);
      throw new SecretMissingError(
        `Expected a token in the SSM parameter ${name}, found none. Store it there as a SecureString.`,
      );
    }
    known.set(name, { value, readAt: clock.now() });
    return value;
  }

  return async (name, { refresh = false } = {}) => {
    const entry = known.get(name);
    const age = entry === undefined ? Number.POSITIVE_INFINITY : clock.now() - entry.readAt;
    if (entry !== undefined && age < (refresh ? AGAIN_MILLISECONDS : FRESH_MILLISECONDS)) return entry.value;
    const asking = underway.get(name) ?? ask(name).finally(() => underway.delete(name));
    underway.set(name, asking);
    try {
      return await asking;
    } catch (error) {
      if (entry === undefined || error instanceof SecretMissingError) throw error;
      return entry.value;
    }
  };
}
