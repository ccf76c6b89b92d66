import { credentialsFrom } from './aws-json-client.ts';
import type { AwsCredentials } from './sign-request.ts';

/**
 * Stands in for `@aws-sdk/credential-provider-node` in the functions' bundles (see `infra/bundle.ts`).
 *
 * The SDK's own looks for credentials in ten places, which is a fifth of a bundle. Lambda puts those of the function's
 * role into the environment before the code is loaded, good for longer than the process lives, so that they need not be
 * fetched again and do not expire.
 */
export const defaultProvider = () => async (): Promise<AwsCredentials> => credentialsFrom(process.env);
