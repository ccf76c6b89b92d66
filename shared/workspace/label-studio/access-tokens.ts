import type { TokenSource } from '../../bearer-fetch.ts';
import type { Clock } from '../../clock.ts';
import { WorkspaceForbiddenError } from '../errors.ts';
import { lifetimeSeconds, tokenForm } from './token-form.ts';

export interface AccessTokensParts {
  /** The stored token: a personal access token, or a legacy one. */
  readonly token: TokenSource;
  /** Gets a short-lived access token for a personal one. @throws {WorkspaceError} */
  readonly exchange: (personalAccessToken: string) => Promise<string>;
  readonly clock: Clock;
}

/** Renewed that long before the end, so that no request sets out with a token that ends on the way. */
const MARGIN_SECONDS = 60;

/**
 * Gives what requests are signed with. A personal access token is a refresh token, good for nothing but to be exchanged
 * for an access token of about five minutes; that one is kept and renewed early, by one exchange however many ask at once.
 * A legacy token is given as it is.
 *
 * @throws {WorkspaceForbiddenError} when Label Studio no longer takes the stored token, nor the one that a fresh look finds
 */
export function createAccessTokens({ token, exchange, clock }: AccessTokensParts): TokenSource {
  let current: { readonly stored: string; readonly access: string; readonly renewAt: number } | undefined;
  let underway: { readonly stored: string; readonly access: Promise<string> } | undefined;

  async function renew(stored: string): Promise<string> {
    const askedAt = clock.now();
    const access = await exchange(stored);
    // By its lifetime and our own clock, since the two clocks may differ by more than the margin.
    const lifetime = lifetimeSeconds(access) ?? 0;
    const usableSeconds = Math.max(lifetime - MARGIN_SECONDS, lifetime / 2);
    current = { stored, access, renewAt: askedAt + usableSeconds * 1000 };
    return access;
  }

  function renewTogether(stored: string): Promise<string> {
    if (underway?.stored === stored) return underway.access;
    const access = renew(stored).finally(() => {
      if (underway?.access === access) underway = undefined;
    });
    underway = { stored, access };
    return access;
  }

  const usable = async (stored: string): Promise<string> =>
    tokenForm(stored) === 'personal' ? renewTogether(stored) : stored;

  return async (options) => {
    const stored = await token(options);
    const refresh = options?.refresh === true;
    if (!refresh && current?.stored === stored && clock.now() < current.renewAt) return current.access;
    try {
      return await usable(stored);
    } catch (error) {
      if (refresh || !(error instanceof WorkspaceForbiddenError)) throw error;
      const newer = await token({ refresh: true });
      if (newer === stored) throw error;
      return usable(newer);
    }
  };
}
