import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AwsError, createAwsJsonClient, regionalEndpoint } from '../../shared/aws/aws-json-client.ts';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let seen: Seen[];
let answer: (response: ServerResponse, tries: number) => void;
const waits: number[] = [];

beforeEach(async () => {
  seen = [];
  waits.length = 0;
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    answer(response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  answer = (response) => response.end('{"MessageId":"m-1"}');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

function client(environment: NodeJS.ProcessEnv = {}) {
  return createAwsJsonClient('sqs', {
    environment: {
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'not-a-real-key',
      AWS_SESSION_TOKEN: 'session',
      AWS_ENDPOINT_URL_SQS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...environment,
    },
    timeoutMilliseconds: 200,
    random: () => 0.5,
    sleep: async (milliseconds) => void waits.push(milliseconds),
  });
}

test('a request is the service’s JSON protocol, signed as AWS describes Signature Version 4', async () => {
  expect(await client().call('SendMessage', { QueueUrl: 'q', MessageBody: 'é' })).toEqual({ MessageId: 'm-1' });
  const [{ headers, body } = { headers: {}, body: '' }] = seen;
  expect(headers['x-amz-target']).toBe('AmazonSQS.SendMessage');
  expect(headers['content-type']).toBe('application/x-amz-json-1.0');
  expect(headers['x-amz-security-token']).toBe('session');
  expect(JSON.parse(body)).toEqual({ QueueUrl: 'q', MessageBody: 'é' });

  const [, date = '', signed = '', signature] =
    /Credential=AKIDEXAMPLE\/(\d{8})\/eu-central-1\/sqs\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)/.exec(
      headers.authorization ?? '',
    ) ?? [];
  expect(signed.split(';')).toEqual(expect.arrayContaining(['host', 'x-amz-date', 'x-amz-target']));
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const canonical = [
    'POST',
    '/',
    '',
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    sha256(body),
  ].join('\n');
  const scope = `${date}/eu-central-1/sqs/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = ['eu-central-1', 'sqs', 'aws4_request'].reduce(hmac, hmac('AWS4not-a-real-key', date));
  expect(signature).toBe(hmac(key, toSign).toString('hex'));
});

test.each([
  ['a 500', 500, '{"__type":"InternalFailure"}'],
  ['a throttle', 400, '{"__type":"com.amazonaws.sqs#ThrottlingException"}'],
])('%s is tried once more, after a short pause', async (_, status, body) => {
  answer = (response, tries) =>
    tries === 1 ? response.writeHead(status).end(body) : response.end('{"MessageId":"m-2"}');
  expect(await client().call('SendMessage', {})).toEqual({ MessageId: 'm-2' });
  expect(waits).toEqual([100]);
});

test('a connection that breaks is tried once more', async () => {
  answer = (response, tries) => (tries === 1 ? response.destroy() : response.end('{"MessageId":"m-3"}'));
  expect(await client().call('SendMessage', {})).toEqual({ MessageId: 'm-3' });
});

test('no answer in time is an error that says so, after two tries', async () => {
  answer = () => {};
  const error = await client()
    .call('SendMessage', {})
    .catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AwsError);
  expect(error.message).toMatch(/^SQS SendMessage got no answer/);
  expect(seen).toHaveLength(2);
});

test('a refusal is not repeated, and its code is told', async () => {
  answer = (response) => response.writeHead(400).end('{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}');
  const error = await client()
    .call('SendMessage', {})
    .catch((thrown) => thrown);
  expect(error).toMatchObject({ name: 'AwsError', code: 'QueueDoesNotExist', status: 400 });
  expect(seen).toHaveLength(1);
});

test('an answer that is not JSON is an error, never a success', async () => {
  answer = (response) => response.end('<html>');
  await expect(client().call('SendMessage', {})).rejects.toThrow('SQS SendMessage was answered 200');
});

test('missing credentials are named', async () => {
  await expect(client({ AWS_ACCESS_KEY_ID: undefined }).call('SendMessage', {})).rejects.toThrow(/AWS_ACCESS_KEY_ID/);
});

test('without an endpoint of its own the region’s is used', async () => {
  const error = await client({ AWS_ENDPOINT_URL_SQS: undefined, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' })
    .call('SendMessage', {})
    .catch((thrown) => thrown);
  expect(error.cause.message).toContain('127.0.0.1:1');
});

test.each([
  ['eu-central-1', 'https://sqs.eu-central-1.amazonaws.com'],
  ['us-gov-west-1', 'https://sqs.us-gov-west-1.amazonaws.com'],
  ['cn-north-1', 'https://sqs.cn-north-1.amazonaws.com.cn'],
])('and that of %s is in the domain of its partition', (region, endpoint) => {
  expect(regionalEndpoint('sqs', region)).toBe(endpoint);
});
