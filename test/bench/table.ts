import type { Finding } from './limits.ts';

/** The findings as a table for a terminal: name, value, limit, and whether the one keeps the other. */
export function renderTable(findings: readonly Finding[]): string {
  const rows = [
    ['', 'value', 'limit', ''],
    ...findings.map((finding) => [finding.name, measuredOf(finding), limitOf(finding), verdictOf(finding)]),
  ];
  const [name = 0, value = 0, limit = 0] = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map(([first = '', second = '', third = '', last = '']) =>
      `${first.padEnd(name)}  ${second.padStart(value)}  ${third.padStart(limit)}  ${last}`.trimEnd(),
    )
    .join('\n');
}

const measuredOf = ({ value, unit }: Finding): string => show(value, unit);
const limitOf = ({ limit, unit }: Finding): string => (limit === undefined ? '' : show(limit, unit));
const verdictOf = ({ limit, isOver }: Finding): string => (limit === undefined ? '' : isOver ? 'over' : 'ok');

function show(value: number, unit: Finding['unit']): string {
  if (unit === 'B') return `${(value / 1000).toFixed(1)} kB`;
  if (unit === 'ms') return `${value.toFixed(value < 10 ? 3 : 1)} ms`;
  if (unit === 's' || unit === 'MB') return `${value.toFixed(1)} ${unit}`;
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
