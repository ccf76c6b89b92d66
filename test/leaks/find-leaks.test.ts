import { describe, expect, test } from 'vitest';
import { type Canary, findLeaks } from './find-leaks.ts';

const token: Canary = { name: 'the token', value: 'ot_ptk_Q7-x_Zr4mN2vBt9kLw8sYc3dEf6gHj1p', kind: 'secret' };
const address: Canary = { name: 'the Work Email', value: 'zebedee.quill+feather@opentrain.work', kind: 'address' };
const bare = token.value.slice('ot_ptk_'.length);
const escaped = (text: string) =>
  [...text].map((one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const percented = (text: string) => [...text].map((one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`).join('');
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a canary is found', () => {
  test.each<[string, string]>([
    ['as it is', token.value],
    ['without its prefix', bare],
    ['in capitals', token.value.toUpperCase()],
    ['cut off at its end', token.value.slice(0, 24)],
    ['cut off at its beginning', token.value.slice(-16)],
    ['percent-encoded', percented(token.value)],
    ['percent-encoded twice', encodeURIComponent(percented(token.value))],
    ['escaped as in JSON', escaped(token.value)],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ token: escaped(token.value) }))],
    ['in hex', Buffer.from(token.value).toString('hex')],
    ['in hex, in capitals', Buffer.from(bare).toString('hex').toUpperCase()],
    ['in base64', base64(token.value)],
    ['in base64 without its prefix', base64(bare)],
    ['in base64url', Buffer.from(token.value).toString('base64url')],
    ['in base64 behind one byte', base64(`.${token.value}.`)],
    ['in base64 behind two bytes', base64(`:.${token.value}`)],
    ['in the header of basic authentication', `Basic ${base64(`user:${token.value}`)}`],
  ])('%s', (_, form) => {
    expect(findLeaks(`before ${form} after`, [address, token])).toContainEqual(expect.stringMatching(/^the token, /));
    expect(findLeaks(`before ${form} after`, [address])).toEqual([]);
  });

  test.each<[string, string]>([
    ['in a query', `?email=${encodeURIComponent(address.value)}`],
    ['in capitals', address.value.toUpperCase()],
    ['with an escaped @', address.value.replace('@', '\\u0040')],
    ['without its domain', address.value.split('@')[0] ?? ''],
  ])('that is an address, %s', (_, form) => {
    expect(findLeaks(form, [address])).not.toEqual([]);
  });
});

test('neither what is told nor what is left of a scrubbed text holds a canary', () => {
  const [told] = findLeaks(token.value, [token]);
  expect(told).toBe('the token, plain');
  expect(findLeaks('OpenTrain said: [secret] is no token of [address]', [token, address])).toEqual([]);
});
