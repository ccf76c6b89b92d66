import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const ROOT = join(import.meta.dirname, '..', '..');

/** What stands for `${…}` in the name of an event. */
const INSERTED: Readonly<Record<string, readonly string[]>> = {
  schedule: ['usage', 'reconcile'],
  kind: ['given-up', 'gone', 'elsewhere'],
};

/** The name of every event that `functions` and `shared` log, read out of their sources; each once, sorted. */
export function loggedEvents(): string[] {
  const files = globSync('{functions,shared}/**/*.ts', { cwd: ROOT });
  const events = files.flatMap((file) => {
    const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
    return eventsIn(source);
  });
  return [...new Set(events)].sort();
}

function eventsIn(node: ts.Node): string[] {
  const below: string[] = [];
  node.forEachChild((child) => void below.push(...eventsIn(child)));
  if (!ts.isCallExpression(node)) return below;
  const [fields] = node.arguments;
  // `logger.info(…)`, `parts.logger[level](…)`
  const isLogged = /\blogger\s*(\.|\[)/.test(node.expression.getText());
  if (!isLogged || fields === undefined || !ts.isObjectLiteralExpression(fields)) return below;
  const event = fields.properties.find((property) => property.name?.getText() === 'event');
  if (event === undefined || !ts.isPropertyAssignment(event)) throw new Error(`No event in ${node.getText()}`);
  return [...below, ...namesOf(event.initializer)];
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
