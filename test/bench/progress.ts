export interface Progress {
  show(step: string): void;
  end(): void;
}

/** One line that is written over and over in a terminal; elsewhere one line for each kind of step, so that a log stays short. */
export function showProgress(stream: NodeJS.WriteStream): Progress {
  let kind = '';
  return {
    show(step) {
      if (stream.isTTY) {
        stream.write(`\r\x1b[2K${step}`);
        return;
      }
      const next = step.replace(/ \d.*$/, '');
      if (next !== kind) stream.write(`${next}\n`);
      kind = next;
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[2K');
    },
  };
}
