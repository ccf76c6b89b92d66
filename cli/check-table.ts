import { type Check, type Verdict, verdictOf } from '../shared/workspace/check-workspace.ts';
import type { Answer } from './answer.ts';
import { EXIT } from './exit-codes.ts';
import type { Colour, Style } from './style.ts';
import { table } from './table.ts';

const COLOURS = { pass: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Verdict, Colour>;

type ToldCheck = Check & { readonly scope?: string };

/**
 * What checks came to; where somebody interrupted them, what was found until then.
 *
 * @param data - for programs, without whether it was interrupted
 */
export function checked(checks: readonly ToldCheck[], data: object, { aborted }: AbortSignal): Answer {
  const exitCode = aborted ? EXIT.interrupted : verdictOf(checks) === 'fail' ? EXIT.findings : EXIT.fine;
  const remark = aborted ? '\nInterrupted: this is what was found until then.' : '';
  return {
    data: { ...data, ...(aborted && { interrupted: true }) },
    text: (style) => `${checkTable(checks, style)}${remark}`,
    exitCode,
  };
}

/** One line a check, the verdict first. */
function checkTable(checks: readonly ToldCheck[], { width, paint }: Style): string {
  const isScoped = checks.some(({ scope }) => scope !== undefined);
  const rows = checks.map(({ scope = '', name, verdict, advice }) => [
    paint(COLOURS[verdict], verdict),
    ...(isScoped ? [scope] : []),
    name,
    advice,
  ]);
  return table(['', ...(isScoped ? ['WHERE'] : []), 'WHAT', 'FOUND, AND WHAT TO DO'], rows, width);
}
