import type { Trouble } from './spilling-proxy.ts';

/** What is known of a customer, for servers that cannot keep it to themselves. */
export interface Spilling {
  readonly token: string;
  readonly spilt: () => string;
}

export type Answer = NonNullable<Trouble['answer']>;

/** How a careless server answers: with everything that it was told, wherever there is room for words. */
export const inEnvelope = (status: number, { spilt, token }: Spilling): Answer => ({
  status,
  headers: { 'x-request-id': token, 'www-authenticate': `Bearer ${token}` },
  body: JSON.stringify({ error: spilt(), code: 'BAD_REQUEST', requestId: token, details: { said: spilt() } }),
});

export const inBrokenJson = (status: number, { spilt }: Spilling): Answer => ({ status, body: `{"error": ${spilt()}` });

export const inSenselessJson = ({ spilt, token }: Spilling): Answer => ({
  status: 200,
  body: JSON.stringify({ install: spilt(), contracts: spilt(), members: spilt(), totals: spilt(), memberId: [token] }),
});

export const inAwsEnvelope = ({ spilt }: Spilling): Answer => ({
  status: 400,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify({ __type: 'com.amazon.coral.validate#ValidationException', message: spilt() }),
});

/** What is cut in the midst of an address by whoever looks at no more than 2,000 characters of it. */
export const inLongEnvelope = (status: number, address: string): Answer => ({
  status,
  body: JSON.stringify({
    error:
      `"${'x'.repeat(1_900)}" is not valid JSON`.padEnd(2_000 - '.: '.length - 20 - 'BAD_REQUEST'.length) + address,
    code: 'BAD_REQUEST',
  }),
});

/** The workspace knows its own token, and none of OpenTrain's. */
export const byWorkspace = (
  world: { readonly workspace: { readonly token: string } },
  { spiltByWorkspace }: { readonly spiltByWorkspace: () => string },
): Spilling => ({
  token: world.workspace.token,
  spilt: spiltByWorkspace,
});

export const WAYS: readonly [string, (customer: Spilling) => Answer | undefined][] = [
  ['503', (customer) => inEnvelope(503, customer)],
  ['429', (customer) => ({ ...inEnvelope(429, customer), headers: { 'retry-after': customer.token } })],
  ['401', (customer) => inEnvelope(401, customer)],
  ['422', (customer) => inEnvelope(422, customer)],
  ['404', (customer) => inEnvelope(404, customer)],
  ['redirect', (customer) => ({ status: 302, headers: { location: `https://u:${customer.token}@h/` }, body: '' })],
  ['broken JSON', (customer) => inBrokenJson(200, customer)],
  ['a broken page', (customer) => inBrokenJson(502, customer)],
  ['what makes no sense', inSenselessJson],
  ['nothing', () => undefined],
];
