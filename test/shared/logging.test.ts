import { describe, expect, test } from 'vitest';
import { createLogger, describeError, scrub } from '../../shared/logging.ts';

describe('scrub takes out of a text', () => {
  test.each([
    ['a webhook secret', 'bad secret whsec_abc-DEF_123', 'bad secret [secret]'],
    ['a partner token', 'The token ot_ptk_abc123 was refused', 'The token [secret] was refused'],
    ['a bearer token', 'sent Authorization: Bearer abc.def-ghi.0123456789', 'sent Authorization: [secret]'],
    ['a JSON web token', 'got eyJhbGciOi.eyJzdWIi.c2ln', 'got [secret]'],
    ['an address', 'no user maria.silva@opentrain.work here', 'no user [address] here'],
    ['an address in a URL', 'GET /users?email=maria%40opentrain.work&page=2', 'GET /users?email=[address]&page=2'],
    ['a signature', `v1=${'ab'.repeat(32)}`, 'v1=[hex]'],
    [
      'the text that JSON.parse quotes',
      'Unexpected token, "{"secret":1" is not valid JSON',
      'Unexpected token, [text] is not valid JSON',
    ],
  ])('%s', (_, text, expected) => {
    expect(scrub(text)).toBe(expected);
  });

  test('a secret out of a megabyte, without reading all of it', () => {
    const text = `whsec_abc ${'x'.repeat(1_000_000)}@`;
    expect(scrub(text)).toMatch(/^\[secret\] x+$/);
  });

  test('everything beyond 300 characters', () => {
    expect(scrub('x'.repeat(1000))).toHaveLength(300);
  });
});

test('an error is told with its class, where it was thrown and its causes, never with a quoted body', () => {
  let cause: unknown;
  try {
    JSON.parse('{"workEmail":"maria@opentrain.work"');
  } catch (error) {
    cause = error;
  }
  const described = describeError(new TypeError('could not read maria@opentrain.work', { cause }));
  expect(described).toMatchObject({
    name: 'TypeError',
    message: 'could not read [address]',
    cause: { name: 'SyntaxError' },
  });
  expect(JSON.stringify(described)).not.toContain('maria');
});

test('a chain of causes that bites its own tail is told as far as it helps', () => {
  const [first, second] = [new Error('first'), new Error('second')];
  first.cause = second;
  second.cause = first;
  expect(describeError(first)).toMatchObject({
    message: 'first',
    cause: { message: 'second', cause: { name: 'Error' } },
  });

  const lines: string[] = [];
  createLogger((line) => lines.push(line)).error({ event: 'delivery.retried', error: first });
  expect(lines).toHaveLength(1);
});

test('what was thrown and is no error is told by its type alone', () => {
  expect(describeError('whsec_thrown')).toEqual({ name: 'string' });
});

test('a line is one JSON object with level, time and event', () => {
  const lines: string[] = [];
  createLogger((line) => lines.push(line)).warn({ event: 'delivery.retried', attempt: 2 });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 'warn', time: expect.stringMatching(/^\d{4}-.*Z$/), event: 'delivery.retried', attempt: 2 },
  ]);
});
