import type { ExitCode } from './exit-codes.ts';
import type { Style } from './style.ts';

/** What a command has to say: the same for programs and for people. */
export interface Answer {
  /** The one JSON document of `--json`. */
  readonly data: unknown;
  /** For people; without a line end at the end. */
  readonly text: (style: Style) => string;
  /** @default 0 */
  readonly exitCode?: ExitCode | undefined;
}
