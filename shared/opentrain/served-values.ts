import { asObject, type Json, resolve } from './served-document.ts';

/** Values of a field that the rules know by name. */
export interface ValuesIn {
  readonly within: 'query' | 'request' | 'answer';
  /** Names with dots between them; of a query, the parameter. */
  readonly field: string;
  readonly values: readonly string[];
}

/**
 * The values that a served document no longer has. One that does not enumerate the field's values says nothing, and so
 * nothing is missing.
 *
 * @returns such as `answer: contracts.status "ended"`
 */
export function missingValues(schema: unknown, { within, field, values }: ValuesIn, document: Json): string[] {
  const path = within === 'query' ? [] : field.split('.');
  const direct = schemasOf(schema, path, document);
  // Some answers may be wrapped in a field or not: see `inField` of relied-on.ts.
  const found = direct.length > 0 ? direct : schemasOf(schema, path.slice(1), document);
  const enumerated = found.flatMap((one) => enumerationOf(one, document));
  if (enumerated.length === 0) return [];
  const where = within === 'query' ? 'query parameter' : within;
  return values.filter((value) => !enumerated.includes(value)).map((value) => `${where}: ${field} "${value}"`);
}

/** No schema that makes sense lies deeper, and one that bites its own tail has an end. */
const DEEPEST = 20;

/** What a schema is put together of, itself included: references, lists and unions are looked through. */
function partsOf(schema: unknown, document: Json, depth = 0): Json[] {
  const resolved = asObject(resolve(schema, document));
  if (resolved === undefined || depth > DEEPEST) return [];
  const { items, allOf, anyOf, oneOf } = resolved;
  const within = [[items], allOf, anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  return [resolved, ...within.flatMap((part) => partsOf(part, document, depth + 1))];
}

function schemasOf(schema: unknown, [name, ...rest]: readonly string[], document: Json): unknown[] {
  if (name === undefined) return [schema];
  return partsOf(schema, document).flatMap(({ properties }) => {
    const within = asObject(properties);
    return within !== undefined && Object.hasOwn(within, name) ? schemasOf(within[name], rest, document) : [];
  });
}

function enumerationOf(schema: unknown, document: Json): unknown[] {
  return partsOf(schema, document).flatMap((part) => [
    ...(Array.isArray(part.enum) ? part.enum : []),
    ...(part.const === undefined ? [] : [part.const]),
  ]);
}
