/**
 * Base of every error that the connector throws on purpose.
 *
 * A message says what was expected, what came and what to do next. It may be logged and shown, so it never holds a
 * secret, a body or a Work Email; errors of others are kept as `cause`, whose message is logged only scrubbed.
 */
export abstract class ConnectorError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** A setting is missing or makes no sense; thrown once at start, with every mistake found. */
export class ConfigurationError extends ConnectorError {
  override readonly name = 'ConfigurationError';
}
