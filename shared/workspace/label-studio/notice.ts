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
  /<p>\[OpenTrain notice\].*?\[End of the OpenTrain notice(\. Without it, this instruction is hidden\.)?\]<\/p>/gs;

/**
 * Puts the notice before the owner's own text, or takes it away (null). The owner's text stays as it is, to the character,
 * and an instruction that was hidden before the first notice is hidden again after the last one.
 */
export function withNotice(current: Instruction, notice: BudgetNotice | null): Instruction {
  const [marks, wasHidden] = marksIn(current.html);
  const own = current.html.replace(NOTICE, '');
  if (notice === null) {
    return marks === 0 ? current : { html: own, isShown: current.isShown && !wasHidden };
  }
  const isHiddenOtherwise = marks === 0 ? !current.isShown : wasHidden;
  const link = notice.url === undefined ? '' : `<br><a href="${escape(notice.url)}">${escape(notice.url)}</a>`;
  const end = isHiddenOtherwise ? END_HIDDEN : END;
  return { html: `${BEGIN}${escape(notice.text)}${link}${end}${own}`, isShown: true };
}

export const isSameInstruction = (one: Instruction, other: Instruction): boolean =>
  one.html === other.html && one.isShown === other.isShown;

function marksIn(html: string): [marks: number, wasHidden: boolean] {
  const found = [...html.matchAll(NOTICE)];
  return [found.length, found.some(([, hidden]) => hidden !== undefined)];
}

/** As Label Studio's sanitizer writes it, so that what is read back is what was sent. */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
