import { Buffer } from 'node:buffer';

/**
 * What kind of token a string is: a personal access token is a JWT, a legacy one (40 hex digits, or what the operator
 * chose with `--user-token`) is none.
 */
export function tokenForm(token: string): 'personal' | 'legacy' {
  return claimsOf(token) === undefined ? 'legacy' : 'personal';
}

/** @returns for how many seconds a JWT was issued; undefined if it does not say */
export function lifetimeSeconds(token: string): number | undefined {
  const { iat, exp } = claimsOf(token) ?? {};
  return typeof iat === 'number' && typeof exp === 'number' && exp > iat ? exp - iat : undefined;
}

/** The claims are read, not verified: only the server that issued the token can, and only it relies on them. */
function claimsOf(token: string): Record<string, unknown> | undefined {
  const [, claims, signature, ...more] = token.split('.');
  if (claims === undefined || signature === undefined || more.length > 0) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
