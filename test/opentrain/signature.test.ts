import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseSignatureHeader,
  signDelivery,
  verifySignature,
  webhookSecret,
} from '../../shared/opentrain/signature.ts';
import vectors from './golden/signature-vectors.json' with { type: 'json' };

const NOW = 1_763_690_000;
const BODY = Buffer.from('{"id":"1","type":"contract.started"}');
const secret = webhookSecret('whsec_current');
const header = (t = NOW, value = 'whsec_current') => signDelivery(value, BODY, t);
const verify = (given: string | undefined, now = NOW, secrets = [secret]) => verifySignature(given, BODY, secrets, now);

describe('vectors made by openssl dgst', () => {
  test.each(vectors)('$name is verified, and signed the same way', ({ secret: value, t, body, v1 }) => {
    const bytes = Buffer.from(body, 'base64');
    const given = `t=${t},v1=${v1}`;
    const verification = verifySignature(given, bytes, [webhookSecret(value)], Number(t));
    expect(verification).toEqual({ kind: 'verified', secretId: webhookSecret(value).id });
    expect(signDelivery(value, bytes, Number(t))).toBe(given);
  });

  test('a body that differs in one bit is refused', () => {
    for (const { secret: value, t, body, v1 } of vectors.filter((vector) => vector.body !== '')) {
      const bytes = Buffer.from(body, 'base64');
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      const verification = verifySignature(`t=${t},v1=${v1}`, bytes, [webhookSecret(value)], Number(t));
      expect(verification).toEqual({ kind: 'rejected', reason: 'mismatch' });
    }
  });
});

describe('the time stamp', () => {
  test.each([
    ['exactly 300 s old', -300, 'verified'],
    ['301 s old', -301, 'stale'],
    ['exactly 300 s ahead', 300, 'verified'],
    ['301 s ahead', 301, 'stale'],
  ])('%s', (_, offset, expected) => {
    const verification = verify(header(NOW + offset));
    expect(verification.kind === 'verified' ? verification.kind : verification.reason).toBe(expected);
  });
});

describe('several live secrets', () => {
  const next = webhookSecret('whsec_next');

  test('any of them may match, and which one did is told', () => {
    expect(verify(header(), NOW, [next, secret])).toEqual({ kind: 'verified', secretId: secret.id });
    expect(verify(header(NOW, 'whsec_next'), NOW, [next, secret])).toEqual({ kind: 'verified', secretId: next.id });
  });

  test('none of them matching, or none there, is a mismatch', () => {
    expect(verify(header(NOW, 'whsec_forged'), NOW, [next, secret])).toEqual({ kind: 'rejected', reason: 'mismatch' });
    expect(verify(header(), NOW, [])).toEqual({ kind: 'rejected', reason: 'mismatch' });
  });

  test('a fingerprint gives nothing of its secret away', () => {
    expect(secret.id).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe('the header', () => {
  const hex = 'ab'.repeat(32);

  test.each([
    ['nothing', undefined],
    ['an empty header', ''],
  ])('%s is missing', (_, given) => {
    expect(verify(given)).toEqual({ kind: 'rejected', reason: 'missing' });
  });

  test.each([
    ['no t', `v1=${hex}`],
    ['no v1', `t=${NOW}`],
    ['two t, as when a gateway joins two headers', `t=${NOW},v1=${hex},t=${NOW},v1=${hex}`],
    ['a t with letters behind the digits', `t=${NOW}abc,v1=${hex}`],
    ['a negative t', `t=-5,v1=${hex}`],
    ['a t with a fraction', `t=${NOW}.5,v1=${hex}`],
    ['a t with a leading zero', `t=0${NOW},v1=${hex}`],
    ['a t that no clock reaches', `t=9999999999999,v1=${hex}`],
    ['hexadecimal t', `t=0x6920,v1=${hex}`],
    ['a v1 that is not hexadecimal', `t=${NOW},v1=${'zz'.repeat(32)}`],
    ['a v1 that is too short', `t=${NOW},v1=${hex.slice(2)}`],
    ['a v1 that is too long', `t=${NOW},v1=${hex}00`],
    ['white space', `t=${NOW}, v1=${hex}`],
    ['an empty part', `t=${NOW},,v1=${hex}`],
    ['a part without a value', `t=${NOW},v1`],
    ['a header beyond all measure', `t=${NOW},v1=${hex},x=${'y'.repeat(2000)}`],
  ])('%s is malformed', (_, given) => {
    expect(verify(given)).toEqual({ kind: 'rejected', reason: 'malformed' });
  });

  test('a scheme that is not known yet may stand beside v1', () => {
    expect(verify(`${header()},v2=c29tZXRoaW5n`).kind).toBe('verified');
  });

  test('one good v1 among several is enough', () => {
    expect(verify(header().replace(',v1=', `,v1=${hex},v1=`)).kind).toBe('verified');
  });

  test('whatever is well-formed is read back as it was written', () => {
    const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    const seconds = fc.integer({ min: 1, max: 999_999_999_999 });
    fc.assert(
      fc.property(seconds, fc.array(digest, { minLength: 1, maxLength: 4 }), (t, digests) => {
        const stamp = parseSignatureHeader([`t=${t}`, ...digests.map((value) => `v1=${value}`)].join(','));
        expect(stamp?.t).toBe(String(t));
        expect(stamp?.digests.map((value) => value.toString('hex'))).toEqual(digests);
      }),
    );
  });

  test('no text at all makes the parser throw, and what it accepts has one t and whole digests', () => {
    const nearly = fc
      .array(
        fc.oneof(
          fc.constantFrom('t=', 'v1=', ',', '=', 't', 'v1', ' ', '0', '-1', `t=${NOW}`, `v1=${hex}`),
          fc.string({ maxLength: 5 }),
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (given) => {
        const stamp = parseSignatureHeader(given);
        if (stamp === undefined) return;
        expect(stamp.t).toMatch(/^[1-9]\d*$/);
        expect(given.split(',').filter((part) => part.startsWith('t='))).toHaveLength(1);
        expect(stamp.digests.length).toBeGreaterThan(0);
        expect(stamp.digests.every((value) => value.length === 32)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('no header made up at random is ever verified', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(verify(`t=${NOW},v1=${Buffer.from(bytes).toString('hex')}`).kind).toBe('rejected');
      }),
    );
  });
});
