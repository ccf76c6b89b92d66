import { parseBaseUrl } from '../base-url.ts';
import { ConfigurationError } from '../errors.ts';

export interface ConsentLinkOptions {
  /** The platform's app at OpenTrain. */
  readonly partnerSlug: string;
  /** The platform's own id of the project that the customer came from; it comes back with them. */
  readonly externalProjectId?: string | undefined;
  /** Where OpenTrain sends the customer afterwards, with `opentrain_install_id` and what was given here; never with the token. */
  readonly redirectUri?: string | undefined;
  /** Comes back as it is: what the platform recognises the customer's session by. */
  readonly state?: string | undefined;
}

const OPENTRAIN = 'https://app.opentrain.ai';

/**
 * The page on which a customer lets the platform in, and copies the token from. Source: OpenTrain, "Consent deep link".
 *
 * @param base - another OpenTrain
 * @throws {ConfigurationError} when the slug is none, or the redirect is no URL
 */
export function consentLink(options: ConsentLinkOptions, base: string = OPENTRAIN): string {
  const { partnerSlug, externalProjectId, redirectUri, state } = options;
  if (!/^[\w-]+$/.test(partnerSlug)) {
    throw new ConfigurationError(
      'The partner slug must be the app’s name in OpenTrain’s URLs: letters, digits, hyphens.',
    );
  }
  if (redirectUri !== undefined && !URL.canParse(redirectUri)) {
    throw new ConfigurationError('The redirect URI must be a whole URL, such as https://annotation.example/settings.');
  }
  const link = new URL(`${parseBaseUrl(base, 'OpenTrain’s address')}/integrations/${partnerSlug}/connect`);
  const query = { external_project_id: externalProjectId, redirect_uri: redirectUri, state };
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) link.searchParams.set(name, value);
  }
  return link.href;
}
