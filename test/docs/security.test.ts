import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asText, permissions, synthesize } from '../infra/synthesize.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENT = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8');

/** `[test/a.test.ts](../test/a.test.ts) "what it says"` */
const NAMED_TESTS = [...DOCUMENT.matchAll(/\[(test\/[\w/.-]+)\]\(([^)]+)\) "([^"]+)"/g)].map(
  ([, file = '', link = '', name = '']) => ({ file, link, name }),
);

test.each(NAMED_TESTS)('$file has a test "$name"', ({ file, link, name }) => {
  expect(link).toBe(`../${file}`);
  const source = readFileSync(join(ROOT, file), 'utf8');
  // `%s` and `$name` stand in the titles of tables: then the document names what is before or after.
  const titles = [...source.matchAll(/(?:test|describe)(?:\.each\([\s\S]*?\n?\s*\])?\)?\(\s*(['"`])((?:(?!\1).)+)\1/g)];
  expect(titles.map(([, , title]) => title)).toContain(name);
});

test('every threat has a control that is tested', () => {
  const [, rest = ''] = DOCUMENT.split('\n## Threats\n');
  const [text = ''] = rest.split('\n## ');
  const rows = text.split('\n').filter((line) => /^\| (?!---|threat)/.test(line));
  expect(rows.length).toBeGreaterThanOrEqual(8);
  for (const row of rows) expect(row).toMatch(/\[test\/[^\]]+\]\([^)]+\) "/);
});

describe('the roles', () => {
  const template = synthesize({ stage: 'prod' });
  const roles = Object.keys(template.findResources('AWS::IAM::Role')).map((id) => asText({ Ref: id }).slice(1, -1));

  test.each(roles)('what %s may do is in the document, and nothing else', (role) => {
    const [, rest = ''] = DOCUMENT.split(`\n| \`${role}\` |`);
    const [row = ''] = rest.split('\n');
    expect(row).toBe(` ${describeRole(permissions(template, role))} |`);
  });

  test('there is no role in the document that the stack does not have', () => {
    const told = [...DOCUMENT.matchAll(/\n\| `(\w+Role)` \|/g)].map(([, role]) => role);
    expect(told.toSorted()).toEqual(roles.toSorted());
  });
});

/** `dynamodb:GetItem`, `Query` on `Table`; … */
function describeRole(allowed: Readonly<Record<string, readonly string[]>>): string {
  const byResources = Map.groupBy(Object.keys(allowed), (action) => [...(allowed[action] ?? [])].toSorted().join(' '));
  const statements = [...byResources].map(([resources, actions]) => {
    const names = resources.split(' ').map((resource) => `\`${shorten(resource)}\``);
    return `${actions
      .toSorted()
      .map((action) => `\`${action}\``)
      .join(', ')} on ${names.join(', ')}`;
  });
  return statements.toSorted().join('; ');
}

const shorten = (resource: string): string =>
  resource.replace(/^.*:parameter\/opentrain\/prod\//, '…/').replace(/^<(\w+)\.Arn>$/, '$1');
