/**
 * What a terminal obeys instead of showing it: control characters (C0, DEL and C1, but for line ends and tabs), and those that
 * turn the direction of writing. Names at OpenTrain and in the workspace are other people's to choose, and must neither move the
 * cursor nor paint a verdict.
 */
const OBEYED = /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

/** A name from outside, on one line and of no colour but ours. */
export const plainName = (name: string): string => name.replaceAll(/\s+/g, ' ').replaceAll(OBEYED, '');

/** As `styleText` writes colours. */
const COLOURED = new RegExp(`(${String.fromCharCode(27)}\\[\\d{1,2}m)`);

/** Text for a terminal, which we may have painted: its colours stay, and nothing else that is obeyed. */
export const plainText = (text: string): string =>
  text
    .split(COLOURED)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(OBEYED, '')))
    .join('');

/** JSON leaves DEL and C1 as they are; escaped, they are the same to programs. */
export const plainJson = (json: string): string =>
  json.replaceAll(OBEYED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
