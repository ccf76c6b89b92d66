import { ConfigurationError } from './errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings out of the environment, once at start.
 *
 * @throws {ConfigurationError} that names every setting that is missing, not only the first
 */
export function required<const Name extends string>(
  environment: Environment,
  names: readonly Name[],
): Record<Name, string> {
  const missing = names.filter((name) => !environment[name]);
  if (missing.length > 0) {
    throw new ConfigurationError(
      `Expected ${missing.join(', ')} in the environment; the stack sets them on each function.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, environment[name]])) as Record<Name, string>;
}

/** @throws {ConfigurationError} unless the setting is absent or a number within the range, ends included */
export function numberSetting(
  environment: Environment,
  name: string,
  { byDefault, least, most }: { byDefault: number; least: number; most: number },
): number {
  const text = environment[name];
  if (text === undefined || text === '') return byDefault;
  const value = Number(text);
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new ConfigurationError(`${name} must be a number from ${least} to ${most}, not "${text}".`);
}
