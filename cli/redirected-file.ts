import { fstatSync, readSync } from 'node:fs';

const STDIN = 0;
const BYTES_AT_MOST = 64 * 1024;

/**
 * The beginning of the file that standard input is redirected from, looked at without being read away; empty where it comes
 * from anywhere else. A pipe is not touched: it may belong to a loop around the command, and may never end.
 */
export function redirectedFile(): string {
  if (!fstatSync(STDIN).isFile()) return '';
  const bytes = Buffer.alloc(BYTES_AT_MOST);
  return bytes.toString('utf8', 0, readSync(STDIN, bytes, 0, bytes.length, 0));
}
