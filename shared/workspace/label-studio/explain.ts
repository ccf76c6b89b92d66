import type { Explanation, JsonAnswer } from '../json-api.ts';
import { parseFailure } from './answers.ts';

/** In so many words, because a token that can add but not remove is the failure that nobody notices. */
export const OWNER_ADVICE =
  'The token must be the organisation owner’s: only the owner, the account that was made at the first start, can remove members.';

/** Puts a refusal of Label Studio into words. */
export function explain({ status, body }: JsonAnswer): Explanation {
  const failure = parseFailure(body);
  if (failure === undefined)
    return { advice: 'Check that the base URL is the address that Label Studio is opened at.' };
  const { detail: said } = failure;
  if (status === 401) return { said, advice: unauthorizedAdvice(said) };
  if (status === 403) return { said, advice: OWNER_ADVICE };
  if (status === 404) return { said, advice: 'Check that the project and the organisation are still there.' };
  return { said, advice: 'docs/workspaces/label-studio.md names the release that the adapter was tested with.' };
}

function unauthorizedAdvice(said: string): string {
  return said.includes('legacy token authentication has been disabled')
    ? 'Store the owner’s personal access token, or switch legacy tokens on in the organisation’s API token settings.'
    : 'Store the owner’s personal access token (Account & Settings, Personal Access Token); it is read again at the next try.';
}
