import type { Answer } from './answer.ts';
import { InterruptedError, NotConfirmedError } from './errors.ts';
import { plainJson, plainText } from './plain-text.ts';
import { type Style, styleOf } from './style.ts';

/** Where a command talks to people and programs: results on standard output, everything else on standard error. */
export interface Terminal {
  /** Of standard error. */
  readonly noteStyle: Style;
  print(answer: Answer): void;
  /** One line that is no result. */
  note(text: string): void;
  /**
   * Asks before something is changed or removed.
   *
   * @throws {NotConfirmedError} unless the answer is yes, and where nobody can be asked: then `--yes` says it
   */
  confirm(question: string): Promise<void>;
  /** A bar, where somebody sees it; elsewhere nothing. */
  progress(message: string): Promise<Progress>;
}

/** How far something is. */
export interface Progress {
  /** So many steps more are to come. */
  expect(steps: number): void;
  /** One step is done. */
  advance(message: string): void;
  stop(message: string): void;
}

const NO_PROGRESS: Progress = { expect: () => {}, advance: () => {}, stop: () => {} };

export interface TerminalOptions {
  /** One JSON document instead of text. */
  readonly json: boolean;
  /** Every question is answered with yes. */
  readonly yes: boolean;
}

export function createTerminal({ json, yes }: TerminalOptions): Terminal {
  const { stdin, stdout, stderr, env } = process;
  return {
    noteStyle: styleOf(stderr, env),
    print({ data, text }) {
      const said = json ? plainJson(JSON.stringify(data, null, 2)) : plainText(text(styleOf(stdout, env)));
      stdout.write(`${said}\n`);
    },
    note(text) {
      stderr.write(`${plainText(text)}\n`);
    },
    async confirm(asked) {
      if (yes) return;
      const question = plainText(asked);
      if (!stdin.isTTY) throw new NotConfirmedError(`${question} Nobody can be asked here: say so with --yes.`);
      const { confirm, isCancel } = await import('@clack/prompts');
      const agreed = await confirm({ message: question, initialValue: false, output: stderr });
      if (isCancel(agreed)) throw new InterruptedError('Interrupted; nothing was done.');
      if (!agreed) throw new NotConfirmedError('Nothing was done.');
    },
    async progress(message) {
      if (!stderr.isTTY) return NO_PROGRESS;
      const { progress } = await import('@clack/prompts');
      let bar = progress({ max: 1, output: stderr });
      bar.start(message);
      return {
        expect(steps) {
          bar.clear();
          bar = progress({ max: Math.max(1, steps), output: stderr });
          bar.start(message);
        },
        advance: (step) => bar.advance(1, step),
        stop: (last) => bar.stop(last),
      };
    },
  };
}
