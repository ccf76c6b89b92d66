import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { METRICS } from '../../shared/metrics.ts';
import { loggedEvents, loggedLevels } from '../support/logged-events.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENT = readFileSync(join(ROOT, 'docs', 'logs-and-metrics.md'), 'utf8');

/** The cells of a section's table, without its head. */
function rowsOf(section: string): string[][] {
  const [, rest = ''] = DOCUMENT.split(`\n## ${section}\n`);
  const [text = ''] = rest.split('\n## ');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => row.split('|').map((cell) => cell.trim()));
}

const wordsIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

test('every event that is logged is in the document, and the reverse', () => {
  const told = rowsOf('Events').flatMap(([, event]) => wordsIn(event));
  expect(told.toSorted()).toEqual(loggedEvents());
});

test('every event has in the document the levels that it is logged at', () => {
  const told = rowsOf('Events').flatMap(([, event, levels]) => wordsIn(event).map((name) => [name, levels]));
  const logged = [...loggedLevels()].map(([event, levels]) => [event, levels.join(', ')]);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(logged));
});

test('every field of a line is in the document, and the reverse', () => {
  const told = rowsOf('Fields').flatMap(([, fields]) => wordsIn(fields));
  expect(told.toSorted()).toEqual(fieldsOfLog().toSorted());
});

test('every metric is in the document with its unit, its words and its events, and the reverse', () => {
  const told = rowsOf('Metrics').map(([, name, unit, by, from]) => ({
    name: wordsIn(name)[0],
    unit,
    by: wordsIn(by),
    from: wordsIn(from).toSorted(),
  }));
  expect(told.toSorted(byName)).toEqual(metrics().toSorted(byName));
});

const byName = (one: { name: string | undefined }, other: { name: string | undefined }) =>
  String(one.name) < String(other.name) ? -1 : 1;

/** Each metric once, with all events that carry it. */
function metrics() {
  const all = Object.entries(METRICS).flatMap(([event, list]) => list.map((metric) => ({ event, metric })));
  const once = new Map(all.map(({ metric }) => [metric.name, metric]));
  return [...once.values()].map(({ name, unit, by }) => ({
    name,
    unit,
    by: by === undefined ? [] : [by.dimension, ...by.words],
    from: all.flatMap(({ event, metric }) => (metric.name === name ? [event] : [])).toSorted(),
  }));
}

function fieldsOfLog(): string[] {
  const text = readFileSync(join(ROOT, 'shared', 'logging.ts'), 'utf8');
  const { statements } = ts.createSourceFile('logging.ts', text, ts.ScriptTarget.Latest, true);
  const fields = statements.filter(ts.isInterfaceDeclaration).find(({ name }) => name.text === 'LogFields');
  return (fields?.members ?? []).map((member) => member.name?.getText() ?? '');
}
