import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';
import { plainText } from './plain-text.ts';

/** Between two columns. */
const GAP = 2;
/** No column gets narrower, however small the terminal. */
const NARROWEST = 8;

/**
 * Lays rows out in columns, beneath a heading. Where the terminal is too narrow, the widest columns are wrapped, at words
 * if possible; where it is narrower still, each row becomes a block of its own. A cell may hold colours, wide characters
 * and line ends.
 *
 * @param width - columns of the terminal; undefined where nothing has to fit
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  const all = [headings, ...rows.map((row) => row.map(plainText))];
  const natural = headings.map((_, column) => Math.max(...all.map((row) => widthOf(row[column] ?? ''))));
  const widths = narrowed(natural, width);
  if (width !== undefined && totalOf(widths) > width) return blocks(headings, all.slice(1), width);
  return all.flatMap((row) => linesOf(row, widths)).join('\n');
}

function blocks(headings: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const label = Math.max(...headings.map(widthOf));
  const value = Math.max(1, width - label - GAP);
  const block = (row: readonly string[]) =>
    headings.flatMap((heading, column) => linesOf([heading, row[column] ?? ''], [label, value])).join('\n');
  return rows.map(block).join('\n\n');
}

const widthOf = (cell: string): number => Math.max(...cell.split('\n').map((line) => stringWidth(line)));

/** Takes from the widest column, one at a time, until all fit or none can give any more. */
function narrowed(natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural];
  while (width !== undefined && totalOf(widths) > width) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

const totalOf = (widths: readonly number[]): number =>
  widths.reduce((total, width) => total + width, GAP * (widths.length - 1));

function linesOf(row: readonly string[], widths: readonly number[]): string[] {
  const cells = widths.map((width, column) =>
    wrapAnsi(row[column] ?? '', Math.max(1, width), { hard: true }).split('\n'),
  );
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, column) => {
        const text = lines[line] ?? '';
        return text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(text)));
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}
