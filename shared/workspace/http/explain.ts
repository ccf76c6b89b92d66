import type { Explanation, JsonAnswer } from '../json-api.ts';
import { parseFailure } from './answers.ts';

/** Puts a refusal into words, by the table in `openapi.yaml`. */
export function explain({ status, body }: JsonAnswer): Explanation {
  const failure = parseFailure(body);
  return {
    said: failure === undefined ? 'without the contract’s error envelope' : `${failure.code}: ${failure.error}`,
    advice: adviceOn(status, failure?.code),
    // Without the code it is a gateway's, and trouble that passes.
    isUnsupported: status === 501 && failure?.code === 'UNSUPPORTED',
  };
}

function adviceOn(status: number, code: string | undefined): string | undefined {
  if (status === 401 || status === 501) return undefined;
  if (status === 403) {
    return 'Give the token the right to manage members of this project; the removal of members is often a right of its own.';
  }
  if (code === 'PROJECT_UNKNOWN') {
    return 'Compare the externalProjectId of the project link with the platform’s own project id.';
  }
  if (status === 409) {
    return 'Two accounts claim the same person: let somebody in the platform’s user administration decide.';
  }
  if ((status >= 300 && status < 400) || status === 404 || status === 405) {
    return 'Check that the base URL is the final address at which the platform serves the contract.';
  }
  return 'Compare the platform’s implementation with shared/workspace/http/openapi.yaml.';
}
