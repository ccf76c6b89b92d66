import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** How far a delivery's time stamp may be from ours, in both directions. Source: OpenTrain, "Verify webhook signatures". */
export const TOLERANCE_SECONDS = 300;

/** A secret that is live for a connection; during a rotation there are two. */
export interface WebhookSecret {
  /** A fingerprint that tells secrets apart in logs without giving them away. */
  readonly id: string;
  /** `whsec_…`, the HMAC key as it stands. */
  readonly value: string;
}

export type Verification =
  | { readonly kind: 'verified'; readonly secretId: string }
  | { readonly kind: 'rejected'; readonly reason: SignatureProblem };

export type SignatureProblem = 'missing' | 'malformed' | 'stale' | 'mismatch';

export interface SignatureStamp {
  /** Seconds since the epoch, as sent: the text is part of what is signed. */
  readonly t: string;
  /** The `v1` values, 32 bytes each. */
  readonly digests: readonly Buffer[];
}

export function webhookSecret(value: string): WebhookSecret {
  return { id: createHash('sha256').update(value).digest('hex').slice(0, 8), value };
}

/**
 * Checks OpenTrain's signature over the raw bytes of a delivery.
 *
 * @param header - `X-OpenTrain-Signature` as it came
 * @param body - the bytes as they were sent, before any parsing
 * @param secrets - every secret that is live for the connection
 * @param now - seconds since the epoch
 * @returns which secret matched, so that a rotation can see when the old one falls silent
 */
export function verifySignature(
  header: string | undefined,
  body: Uint8Array,
  secrets: readonly WebhookSecret[],
  now: number,
): Verification {
  if (header === undefined || header === '') return { kind: 'rejected', reason: 'missing' };
  const stamp = parseSignatureHeader(header);
  if (stamp === undefined) return { kind: 'rejected', reason: 'malformed' };
  if (Math.abs(now - Number(stamp.t)) > TOLERANCE_SECONDS) return { kind: 'rejected', reason: 'stale' };
  const secret = secrets.find((candidate) => matches(candidate, stamp, body));
  return secret === undefined ? { kind: 'rejected', reason: 'mismatch' } : { kind: 'verified', secretId: secret.id };
}

const HEADER_LIMIT = 1024;
const SECONDS = /^[1-9]\d{0,11}$/;
const SHA256_HEX = /^[0-9a-f]{64}$/i;

/**
 * Reads `t=<unix seconds>,v1=<64 hex digits>`, strictly: exactly one `t`, at least one `v1`, nothing that is not
 * `name=value`. Other names are passed over, so that OpenTrain can add a `v2` beside `v1`.
 *
 * Two headers that a gateway joined with a comma hold two `t`, and are refused with the rest.
 */
export function parseSignatureHeader(header: string): SignatureStamp | undefined {
  if (header.length > HEADER_LIMIT) return undefined;
  let t: string | undefined;
  const digests: Buffer[] = [];
  for (const part of header.split(',')) {
    const [, name, value] = /^(\w+)=([\w+/=.-]+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined) return undefined;
    if (name === 't') {
      if (t !== undefined || !SECONDS.test(value)) return undefined;
      t = value;
    } else if (name === 'v1') {
      if (!SHA256_HEX.test(value)) return undefined;
      digests.push(Buffer.from(value, 'hex'));
    }
  }
  return t === undefined || digests.length === 0 ? undefined : { t, digests };
}

function matches(secret: WebhookSecret, stamp: SignatureStamp, body: Uint8Array): boolean {
  const expected = digest(secret.value, stamp.t, body);
  return stamp.digests.some((candidate) => timingSafeEqual(candidate, expected));
}

function digest(secret: string, t: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(`${t}.`).update(body).digest();
}

/**
 * Signs a delivery as OpenTrain does: for tests, and for sending a test delivery through one's own deployment.
 *
 * @param seconds - seconds since the epoch
 * @returns the value of `X-OpenTrain-Signature`
 */
export function signDelivery(secret: string, body: Uint8Array, seconds: number): string {
  const t = String(seconds);
  return `t=${t},v1=${digest(secret, t, body).toString('hex')}`;
}
