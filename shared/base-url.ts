import { ConfigurationError } from './errors.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Checks the address of an API before a token is ever sent there.
 *
 * @param setting - what the operator knows the value as, for the message
 * @returns the address without a slash at its end
 * @throws {ConfigurationError} unless it is https (http for loopback only), without a user, a query or a fragment
 */
export function parseBaseUrl(text: string, setting: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    throw new ConfigurationError(
      `${setting} must be a URL such as https://annotation.example/api; what is set is none.`,
    );
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))) {
    throw new ConfigurationError(
      `${setting} must begin with https://, because a token is sent there; ${url.protocol}// is for loopback only.`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new ConfigurationError(`${setting} must hold no user, password, query or fragment: only https://host/path.`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
