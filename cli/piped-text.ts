import { fstatSync, readSync } from 'node:fs';

const STDIN = 0;
/** Whoever pipes something in has it there by then; a pipe that is only inherited stays silent for good. */
const SILENCE_MILLISECONDS = 300;
const BYTES_AT_MOST = 64 * 1024;

/**
 * What comes on standard input at once, where that is no terminal: nothing from a pipe that is open and silent, as in CI. A
 * file is looked at without being read away.
 */
export async function pipedText(): Promise<string> {
  if (process.stdin.isTTY) return '';
  const stats = fstatSync(STDIN);
  if (stats.isFile()) {
    const bytes = Buffer.alloc(BYTES_AT_MOST);
    return bytes.toString('utf8', 0, readSync(STDIN, bytes, 0, bytes.length, 0));
  }
  return stats.isFIFO() || stats.isSocket() ? untilSilence(process.stdin) : '';
}

function untilSilence(stream: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = () => {
      clearTimeout(timer);
      stream.destroy();
      resolve(Buffer.concat(chunks).toString('utf8'));
    };
    const timer = setTimeout(end, SILENCE_MILLISECONDS);
    stream.on('data', (chunk: Buffer) => {
      timer.refresh();
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= BYTES_AT_MOST) end();
    });
    stream.once('end', end);
    stream.once('error', end);
  });
}
