import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { buildCli } from '../../cli/build.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export interface CliRun {
  readonly code: number | null;
  /** Standard output. */
  readonly output: string;
  /** Standard error. */
  readonly error: string;
}

export interface RunOptions {
  /** Nothing else of this process's environment but the path. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input, which is no terminal. */
  readonly input?: string;
  /** As `<` redirects it: `input` is in a file. @default false */
  readonly inputIsFile?: boolean;
  /** Standard input is a pipe that nobody ends, as a command in CI may inherit it. @default false */
  readonly inputStaysOpen?: boolean;
  /** Another Node than this one. */
  readonly node?: string;
  /** What its reader closes before anything comes. */
  readonly closed?: 'stdout' | 'stderr';
  /** Ctrl+C as soon as this is true. */
  readonly interruptWhen?: () => boolean;
}

/** The command as it is installed: its bundle, and the script that `npx` runs. */
export interface BuiltCli {
  run(args: readonly string[], options?: RunOptions): Promise<CliRun>;
  /** Runs with `--json`. @throws when the command ends with another code than 0 */
  json<Data>(args: readonly string[], options?: RunOptions): Promise<Data>;
  /** All that was ever printed, for a search. */
  readonly printed: readonly string[];
  remove(): void;
}

async function interrupt(child: ChildProcess, when: () => boolean): Promise<void> {
  while (child.exitCode === null && !when()) await setTimeout(20);
  child.kill('SIGINT');
}

/** Built anew, so that no test runs what was built yesterday. */
export function buildCliForTests(): BuiltCli {
  const directory = mkdtempSync(join(tmpdir(), 'opentrain-connector-cli-'));
  mkdirSync(join(directory, 'cli'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
  const script = join(directory, 'cli', 'opentrain-connector.js');
  copyFileSync(join(ROOT, 'cli', 'opentrain-connector.js'), script);
  buildCli(join(directory, 'dist', 'cli', 'main.cjs'));
  const printed: string[] = [];

  function openFile(content: string): number {
    const path = join(directory, 'input');
    writeFileSync(path, content);
    return openSync(path, 'r');
  }

  async function run(args: readonly string[], options: RunOptions = {}) {
    const { env = {}, input = '', node = process.execPath, closed, interruptWhen } = options;
    const { inputIsFile = false, inputStaysOpen = false } = options;
    const { PATH = '' } = process.env;
    // Compiled once, however often it is run.
    const NODE_COMPILE_CACHE = join(directory, 'compiled');
    const file = inputIsFile ? openFile(input) : undefined;
    const child = spawn(node, [script, ...args], {
      env: { PATH, NODE_COMPILE_CACHE, ...env },
      stdio: [file ?? 'pipe', 'pipe', 'pipe'],
    });
    if (file !== undefined) closeSync(file);
    if (closed !== undefined) child[closed]?.destroy();
    // A command need not read it.
    child.stdin?.on('error', () => {});
    child.stdin?.write(input);
    if (!inputStaysOpen) child.stdin?.end();
    if (interruptWhen !== undefined) void interrupt(child, interruptWhen);
    const read = (name: 'stdout' | 'stderr') => {
      const stream = child[name];
      return stream === null || name === closed ? '' : text(stream);
    };
    const [output, error] = await Promise.all([read('stdout'), read('stderr'), once(child, 'exit')]);
    printed.push(output, error);
    return { code: child.exitCode, output, error };
  }

  return {
    run,
    async json<Data>(args: readonly string[], options: RunOptions = {}): Promise<Data> {
      const { code, output, error } = await run([...args, '--json'], options);
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${error}${output}`);
      return JSON.parse(output) as Data;
    },
    printed,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
