import type { Check, Verdict } from '../shared/workspace/check-workspace.ts';
import type { Colour, Style } from './style.ts';
import { table } from './table.ts';

const COLOURS = { pass: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Verdict, Colour>;

/** One line a check, the verdict first. */
export function checkTable(checks: readonly (Check & { readonly scope?: string })[], { width, paint }: Style): string {
  const isScoped = checks.some(({ scope }) => scope !== undefined);
  const rows = checks.map(({ scope = '', name, verdict, advice }) => [
    paint(COLOURS[verdict], verdict),
    ...(isScoped ? [scope] : []),
    name,
    advice,
  ]);
  return table(['', ...(isScoped ? ['WHERE'] : []), 'WHAT', 'FOUND, AND WHAT TO DO'], rows, width);
}
