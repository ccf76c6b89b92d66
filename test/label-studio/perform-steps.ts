import { run } from '../support/child.ts';
import type { Installation } from './installation.ts';

/** Does what an operator does who reads the steps: runs the commands in them, as they stand there. */
export async function performSteps(
  steps: readonly string[],
  { environment, dataDirectory }: Installation,
): Promise<void> {
  const commands = steps.flatMap((step) => /label-studio shell <<'PYTHON'\n.*\nPYTHON$/s.exec(step) ?? []);
  if (commands.length === 0) throw new Error(`There is no command in the steps: ${steps.join(' | ')}`);
  for (const command of commands) {
    const output = await run('bash', ['-c', command], { cwd: dataDirectory, env: { ...environment } });
    if (!/restored 1 \S+@/.test(output)) throw new Error(`The command did not do it:\n${output}`);
  }
}
