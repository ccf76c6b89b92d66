import { expect, test } from 'vitest';
import { AwsError } from '../../shared/aws/aws-json-client.ts';
import { TokenUnreadableError } from '../../shared/bearer-fetch.ts';
import { SecretMissingError } from '../../shared/connections/secret-reader.ts';
import { classify } from '../../shared/deliveries/classify.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';

/** A token that is bad looks, from where it is used, as if the other side were away; whose fault it is shows in the causes. */
const unsent = [
  ['workspace-refuses', (cause: unknown) => new WorkspaceUnavailableError('not sent', { cause })],
  [
    'opentrain-refuses',
    (cause: unknown) => new OpenTrainError('not sent', { operation: 'getCurrentInstall', kind: 'transient', cause }),
  ],
] as const;
const meaningOf = (error: unknown) => classify(error, new AbortController().signal).kind;

test.each(unsent)('a token that is missing, malformed or not ours to read needs a person: %s', (kind, errorWith) => {
  const denied = new AwsError('SSM GetParameter was answered 400.', { code: 'AccessDeniedException', status: 400 });
  for (const cause of [
    new SecretMissingError('none'),
    new TokenUnreadableError('holds spaces'),
    new TokenUnreadableError('could not be read', { cause: new SecretMissingError('none') }),
    new TokenUnreadableError('could not be read', { cause: denied }),
  ]) {
    expect(meaningOf(errorWith(cause))).toBe(kind);
  }
});

test.each(unsent)('a secret store that is away is a matter of time, not a bad token', (_, errorWith) => {
  const away = new AwsError('SSM GetParameter got no answer.', {});
  expect(meaningOf(errorWith(new TokenUnreadableError('could not be read', { cause: away })))).toBe('busy');
});
