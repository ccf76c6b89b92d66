import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { LogLevel } from '../../shared/logging.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** What stands for `${…}` in the name of an event. */
const INSERTED: Readonly<Record<string, readonly string[]>> = {
  schedule: ['usage', 'reconcile'],
  kind: ['given-up', 'gone', 'elsewhere'],
};

const LEVELS: readonly string[] = ['info', 'warn', 'error'] satisfies LogLevel[];

interface Logged {
  readonly event: string;
  readonly level: string;
}

/** The name of every event that `functions` and `shared` log, read out of their sources; each once, sorted. */
export const loggedEvents = (): string[] => [...loggedLevels().keys()];

/** The same, each with the levels that it is logged at, the mildest first. */
export function loggedLevels(): ReadonlyMap<string, readonly string[]> {
  const files = globSync('{functions,shared}/**/*.ts', { cwd: ROOT });
  const logged = files.flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
    return loggedIn(source);
  });
  const names = [...new Set(logged.map(({ event }) => event))].sort();
  return new Map(
    names.map((name) => [
      name,
      LEVELS.filter((level) => logged.some((one) => one.event === name && one.level === level)),
    ]),
  );
}

function loggedIn(node: ts.Node): Logged[] {
  const below: Logged[] = [];
  node.forEachChild((child) => void below.push(...loggedIn(child)));
  if (!ts.isCallExpression(node)) return below;
  const [fields] = node.arguments;
  // `logger.info(…)`, `parts.logger[level](…)`
  const isLogged = /\blogger\s*(\.|\[)/.test(node.expression.getText());
  if (!isLogged || fields === undefined || !ts.isObjectLiteralExpression(fields)) return below;
  const event = fields.properties.find((property) => property.name?.getText() === 'event');
  if (event === undefined || !ts.isPropertyAssignment(event)) throw new Error(`No event in ${node.getText()}`);
  const levels = levelsOf(node.expression);
  return [...below, ...namesOf(event.initializer).flatMap((name) => levels.map((level) => ({ event: name, level })))];
}

/** @param callee - `logger.info`, `logger[failed > 0 ? 'warn' : 'info']`, or `logger[level]` beneath a `const level = …` */
function levelsOf(callee: ts.Expression): string[] {
  if (ts.isPropertyAccessExpression(callee)) return [callee.name.text];
  if (!ts.isElementAccessExpression(callee)) throw new Error(`No level in ${callee.getText()}`);
  const { argumentExpression: chosen } = callee;
  const levels = wordsIn(ts.isIdentifier(chosen) ? declarationOf(chosen) : chosen).filter((word) =>
    LEVELS.includes(word),
  );
  if (levels.length === 0)
    throw new Error(`The level is chosen among literals, so that it can be found: ${callee.getText()}`);
  return levels;
}

/** What the nearest declaration of a name, in the blocks around it, gives it. */
function declarationOf(name: ts.Identifier): ts.Node {
  for (let around: ts.Node = name.parent; around !== undefined; around = around.parent) {
    if (!ts.isBlock(around) && !ts.isSourceFile(around) && !ts.isCaseClause(around)) continue;
    const declared = around.statements
      .filter(ts.isVariableStatement)
      .flatMap(({ declarationList }) => [...declarationList.declarations])
      .find((declaration) => declaration.name.getText() === name.text);
    if (declared?.initializer !== undefined) return declared.initializer;
  }
  throw new Error(`${name.text} is not declared with a value around its use.`);
}

function wordsIn(node: ts.Node): string[] {
  const below: string[] = [];
  node.forEachChild((child) => void below.push(...wordsIn(child)));
  return ts.isStringLiteralLike(node) ? [node.text] : below;
}

function namesOf(expression: ts.Expression): string[] {
  if (ts.isStringLiteralLike(expression)) return [expression.text];
  if (ts.isConditionalExpression(expression)) {
    return [...namesOf(expression.whenTrue), ...namesOf(expression.whenFalse)];
  }
  if (ts.isTemplateExpression(expression)) {
    return expression.templateSpans.reduce(
      (names, { expression: inserted, literal }) => {
        const words = INSERTED[inserted.getText()];
        if (words === undefined) throw new Error(`State in INSERTED what \${${inserted.getText()}} may be.`);
        return names.flatMap((name) => words.map((word) => name + word + literal.text));
      },
      [expression.head.text],
    );
  }
  throw new Error(`The name of an event is a literal, so that it can be found: ${expression.getText()}`);
}
