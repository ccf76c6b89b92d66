/** How to find one's way in an OpenAPI document that somebody else serves. */
export type Json = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}

/** Follows references within the document; one that leads nowhere says nothing. */
export function resolve(value: unknown, document: Json): unknown {
  let current = value;
  for (let steps = 0; steps < 20; steps += 1) {
    const reference = asObject(current)?.$ref;
    if (typeof reference !== 'string') return current;
    const names = reference.replace(/^#\//, '').split('/');
    current = names.reduce<unknown>(
      (at, name) => asObject(at)?.[name.replaceAll('~1', '/').replaceAll('~0', '~')],
      document,
    );
  }
  return undefined;
}
