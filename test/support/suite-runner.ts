import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CommandError, killRunningCommands, lastLines, run } from './child.ts';
import type { ServerChild } from './server-child.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

/** A suite of tests that needs something that not every machine has. */
export interface Suite<Tool> {
  /** "The browser test". */
  readonly name: string;
  /** What it needs, for whoever has not got it: "Python 3.10 or newer, on the path as python3". */
  readonly needs: string;
  readonly vitestConfig: string;
  /**
   * @param isRequired - whether the suite may not be skipped: under CI
   * @returns undefined when the machine has no such tool
   */
  readonly find: (isRequired: boolean) => Promise<Tool | undefined>;
  /** Starts what the tests run against. @returns the environment that they run in */
  readonly setUp: (tool: Tool, stage: Stage) => Promise<NodeJS.ProcessEnv>;
}

/** What a suite is set up with. */
export interface Stage {
  /** For whatever is written; removed at the end. */
  readonly directory: string;
  /** Says what is being done, and how long it took. */
  step<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
  /** Has the server stopped at the end, whatever the end; its last words are told when the suite fails. */
  stopAtTheEnd(server: ServerChild): void;
}

/**
 * Sets a suite up, runs vitest with the arguments of this process, and stops all that was started. A suite whose tool is
 * missing is skipped, but under CI it fails.
 *
 * @returns the exit code
 */
export async function runSuite<Tool>(suite: Suite<Tool>): Promise<number> {
  // The Node of package.json before the machine's own.
  process.env.PATH = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  const directory = await mkdtemp(join(tmpdir(), 'connector-test-'));
  const servers: ServerChild[] = [];
  const stop = async () => {
    killRunningCommands();
    await Promise.all(servers.map((server) => server.stop()));
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop().finally(() => process.exit(130)));
  }

  try {
    const isRequired = process.env.CI === 'true';
    const tool = await suite.find(isRequired);
    if (tool === undefined) {
      console.log(
        `${suite.name} ${isRequired ? 'needs' : 'was skipped: it needs'} ${suite.needs}. ` +
          'Everything else is tested by npm test.',
      );
      return isRequired ? 1 : 0;
    }
    const env = await suite.setUp(tool, { directory, step, stopAtTheEnd: (server) => void servers.push(server) });
    await vitest(suite.vitestConfig, env);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    if (error instanceof Error && error.cause instanceof CommandError) console.error(error.cause.message);
    for (const { name, logFile } of servers) {
      console.error(`\n${name}'s last words:\n${lastLines(await readFile(logFile, 'utf8'))}`);
    }
    return 1;
  } finally {
    await stop();
  }
}

async function step<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const began = performance.now();
  process.stdout.write(`  ${name.padEnd(32)}`);
  const result = await work().catch((error: unknown) => {
    process.stdout.write('failed\n');
    throw error;
  });
  process.stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s\n`);
  return result;
}

function vitest(config: string, env: NodeJS.ProcessEnv): Promise<string> {
  const program = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [program, 'run', '--config', config, ...process.argv.slice(2)];
  return run(process.execPath, args, { cwd: ROOT, env, showOutput: true });
}
