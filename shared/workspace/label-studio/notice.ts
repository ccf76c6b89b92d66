import type { BudgetNotice } from '../port.ts';

/** What annotators read before they begin: HTML, and whether it is opened for them. */
export interface Instruction {
  readonly html: string;
  readonly isShown: boolean;
}

/**
 * Our part of the instruction begins and ends with a text, because Label Studio's sanitizer strips comments and most
 * attributes. The end also remembers that the instruction was hidden, since nothing else would know when the notice goes.
 */
const BEGIN = '<p>[OpenTrain notice]<br>';
const END = '<br>[End of the OpenTrain notice]</p>';
const END_HIDDEN = '<br>[End of the OpenTrain notice. Without it, this instruction is hidden.]</p>';
const NOTICE =
  /<p>\[OpenTrain notice\].*?\[End of the OpenTrain notice(?:\. Without it, this instruction is hidden\.)?\]<\/p>/gs;

/**
 * Puts the notice before the owner's own text, or takes it away (null). The owner's text stays as it is, to the character,
 * and an instruction that was hidden before the first notice is hidden again after the last one.
 */
export function withNotice(current: Instruction, notice: BudgetNotice | null): Instruction {
  const marks = countNotices(current.html);
  const wasHidden = current.html.match(NOTICE)?.some((found) => found.endsWith(END_HIDDEN)) ?? false;
  const own = current.html.replace(NOTICE, '');
  if (notice === null) return marks === 0 ? current : { html: own, isShown: current.isShown && !wasHidden };

  const isHiddenOtherwise = marks === 0 ? !current.isShown : wasHidden;
  const link = notice.url === undefined ? '' : asLink(notice.url);
  const end = isHiddenOtherwise ? END_HIDDEN : END;
  return { html: `${BEGIN}${asText(notice.text)}${link}${end}${own}`, isShown: true };
}

/** How many notices are found in an instruction; one that is stored unchanged is found once. */
export const countNotices = (html: string): number => html.match(NOTICE)?.length ?? 0;

export const isSameInstruction = (one: Instruction, other: Instruction): boolean =>
  one.html === other.html && one.isShown === other.isShown;

/** As Label Studio's sanitizer writes it, so that what is read back is what was sent. */
const asText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function asLink(url: string): string {
  const href = url.replaceAll('&', '&amp;').replaceAll('"', '%22').replaceAll('<', '%3C').replaceAll('>', '%3E');
  return `<br><a href="${href}">${asText(url)}</a>`;
}
