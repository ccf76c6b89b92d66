import { SQSClient } from '@aws-sdk/client-sqs';
import { SignatureV4 } from '@smithy/signature-v4';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SignedRequest {
  /** "execute-api" for what API Gateway serves. */
  readonly service: string;
  /** @default "GET" */
  readonly method?: string;
  readonly url: string;
  readonly body?: { readonly type: string; readonly text: string };
  readonly credentials: AccessKey;
}

/** `fetch`, signed with SigV4. */
export async function signedFetch({
  service,
  method = 'GET',
  url,
  body,
  credentials,
}: SignedRequest): Promise<Response> {
  const { protocol, host, hostname, pathname } = new URL(url);
  // Only for what it finds out by itself.
  const { region, sha256 } = new SQSClient().config;
  const sent =
    body === undefined
      ? { method, headers: { host } }
      : { method, headers: { host, 'content-type': body.type }, body: body.text };
  const signer = new SignatureV4({ service, region, credentials, sha256 });
  const { headers } = await signer.sign({ ...sent, protocol, hostname, path: pathname });
  return fetch(url, { ...sent, headers });
}
