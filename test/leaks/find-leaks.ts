/** Something that must not come out. */
export interface Canary {
  /** What a failing test calls it: the value itself is printed nowhere. */
  readonly name: string;
  readonly value: string;
  /** A secret may be kept in the secret store only, an address in grants and seats, a body on the delivery queue. */
  readonly kind: 'secret' | 'address' | 'body';
}

/** Shorter pieces might be anything. */
const PIECE_CHARACTERS = 12;
const PREFIX = /^(?:ot_ptk|ot_pat|whsec|demo)_/;

/**
 * Looks for canaries in a text: as they are, in any case, percent-encoded, escaped as in JSON, in base64 of either alphabet
 * and at any offset, in hex, with and without their prefix, and the beginning or the end of one that was cut.
 *
 * @returns name and form of each that was found, each once
 */
export function findLeaks(text: string, canaries: readonly Canary[]): string[] {
  const views = viewsOf(text);
  const leaks = canaries.flatMap((canary) =>
    formsOf(canary)
      .filter(({ view, needle }) => views[view].includes(needle))
      .map(({ form }) => `${canary.name}, ${form}`),
  );
  return [...new Set(leaks)];
}

interface Form {
  readonly form: string;
  readonly view: keyof ReturnType<typeof viewsOf>;
  readonly needle: string;
}

function viewsOf(text: string) {
  const lower = text.toLowerCase();
  return { plain: lower, decoded: unescaped(lower), base64: oneAlphabet(lower) };
}

/** The same canaries are looked for in many texts. */
const known = new WeakMap<Canary, readonly Form[]>();

function formsOf(canary: Canary): readonly Form[] {
  const forms = known.get(canary) ?? makeForms(canary.value);
  known.set(canary, forms);
  return forms;
}

function makeForms(value: string): readonly Form[] {
  const bare = value.replace(PREFIX, '');
  const lower = bare.toLowerCase();
  const isLong = lower.length >= 2 * PIECE_CHARACTERS;
  const pieces = isLong ? [lower.slice(0, PIECE_CHARACTERS), lower.slice(-PIECE_CHARACTERS)] : [lower];
  return [
    ...pieces.map((needle) => ({ form: 'plain', view: 'plain', needle }) as const),
    ...pieces.map((needle) => ({ form: 'decoded', view: 'decoded', needle }) as const),
    { form: 'hex', view: 'plain', needle: Buffer.from(bare).toString('hex') },
    ...[0, 1, 2].map((offset) => ({ form: 'base64', view: 'base64', needle: base64At(offset, bare) }) as const),
  ];
}

/** What is the same wherever the value begins within three bytes. */
function base64At(offset: number, value: string): string {
  const text = Buffer.from(`${'x'.repeat(offset)}${value}`)
    .toString('base64')
    .replace(/=+$/, '');
  const whole = Math.floor(((offset + Buffer.byteLength(value)) * 8) / 6);
  return oneAlphabet(text.slice(Math.ceil((offset * 8) / 6), whole).toLowerCase());
}

const oneAlphabet = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/');

/** `%40`, `\u0040` and `\/`, twice over. */
function unescaped(text: string): string {
  const once = (escaped: string) =>
    escaped
      .replaceAll(/%([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replaceAll(/\\+u([0-9a-f]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
      .replaceAll(/\\+([/"])/g, '$1');
  return once(once(text)).toLowerCase();
}
