import { styleText } from 'node:util';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

/** How text looks where it is going. */
export interface Style {
  /** Columns; undefined where nothing has to fit, as in a pipe. */
  readonly width: number | undefined;
  /** As it is, unless it goes to a terminal; NO_COLOR and FORCE_COLOR are respected. */
  paint(colour: Colour, text: string): string;
}

/** @param environment - COLUMNS counts where the stream is no terminal */
export function styleOf(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Style {
  const columns = Number(environment.COLUMNS);
  return {
    width: stream.isTTY ? stream.columns || undefined : Number.isInteger(columns) && columns > 0 ? columns : undefined,
    paint: (colour, text) => styleText(colour, text, { stream }),
  };
}
