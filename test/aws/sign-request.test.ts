import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSigner } from '../../shared/aws/sign-request.ts';

/**
 * AWS's published Signature Version 4 test suite: the requests of the kind that is sent here, a POST to `/` without a
 * query. Inputs and signatures are the suite's (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4); so are the keys,
 * which open nothing.
 */
const SUITE = {
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  now: new Date('2015-08-30T12:36:00Z'),
  region: 'us-east-1',
  service: 'service',
};
const host = 'example.amazonaws.com';
const vectors = [
  {
    name: 'post-vanilla',
    headers: {},
    signedHeaders: 'host;x-amz-date',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  {
    name: 'post-header-key-sort',
    headers: { 'my-header1': 'value1' },
    signedHeaders: 'host;my-header1;x-amz-date',
    signature: 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  },
  {
    name: 'post-header-value-case',
    headers: { 'my-header1': 'VALUE1' },
    signedHeaders: 'host;my-header1;x-amz-date',
    signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  },
  {
    name: 'post-sts-header-before',
    headers: {},
    sessionToken:
      'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==',
    signedHeaders: 'host;x-amz-date;x-amz-security-token',
    signature: '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
  },
  {
    name: 'post-x-www-form-urlencoded',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': '13',
      'x-amz-content-sha256': '9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e',
    },
    body: 'Param1=value1',
    signedHeaders: 'content-length;content-type;host;x-amz-content-sha256;x-amz-date',
    signature: 'd3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b',
  },
];

describe('AWS’s test suite', () => {
  test.each(vectors)('$name', ({ headers, body = '', sessionToken, signedHeaders, signature }) => {
    const credentials = { ...SUITE.credentials, ...(sessionToken === undefined ? {} : { sessionToken }) };
    const sign = createSigner(SUITE.service, SUITE.region);
    const signed = sign({ headers: { host, ...headers }, body }, credentials, SUITE.now);
    expect(signed['x-amz-date']).toBe('20150830T123600Z');
    expect(signed.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ' +
        `SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
  });
});

test('any request of ours is signed as AWS’s own library signs it, whichever day and credentials came before', async () => {
  class Sha256 {
    readonly #hash;
    constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
      this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
    }
    update(data: string | ArrayBuffer | ArrayBufferView): void {
      this.#hash.update(bytes(data));
    }
    async digest(): Promise<Uint8Array> {
      return this.#hash.digest();
    }
    reset(): void {}
  }
  const bytes = (data: string | ArrayBuffer | ArrayBufferView) => {
    if (typeof data === 'string') return data;
    return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
  };
  const sign = createSigner('sqs', 'eu-central-1');
  const word = fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/);
  const requests = fc.record({
    body: fc.string({ unit: 'grapheme', maxLength: 200 }),
    target: fc.stringMatching(/^[A-Za-z.]{1,40}( {1,3}[A-Za-z.]{1,10})?$/),
    credentials: fc.record(
      { accessKeyId: word, secretAccessKey: word, sessionToken: word },
      { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
    ),
    now: fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
  });
  await fc.assert(
    fc.asyncProperty(requests, async ({ body, target, credentials, now }) => {
      const headers = {
        host: 'sqs.eu-central-1.amazonaws.com',
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': target,
      };
      const library = new SignatureV4({
        service: 'sqs',
        region: 'eu-central-1',
        credentials,
        sha256: Sha256,
        applyChecksum: false,
      });
      const expected = await library.sign(
        { method: 'POST', protocol: 'https:', hostname: headers.host, path: '/', query: {}, headers, body },
        { signingDate: now },
      );
      expect(sign({ headers, body }, credentials, now).authorization).toBe(expected.headers.authorization);
    }),
    { numRuns: 500 },
  );
});
