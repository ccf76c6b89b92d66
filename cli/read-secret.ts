import { text } from 'node:stream/consumers';
import type { ReadStream } from 'node:tty';
import { ConfigurationError } from '../shared/errors.ts';

/**
 * Reads a secret from where it does not end up in a shell's history or a list of processes: the environment, standard
 * input, or a prompt that shows nothing.
 *
 * @param variable - the environment variable to look in first
 * @param prompt - what a person at a terminal is asked
 * @returns what came, without surrounding space; empty when nothing did
 * @throws {ConfigurationError} when the person gives up with Ctrl+C
 */
export async function readSecret(variable: string, prompt: string): Promise<string> {
  const given = process.env[variable]?.trim();
  if (given) return given;
  return (process.stdin.isTTY ? await ask(process.stdin, prompt) : await text(process.stdin)).trim();
}

const CONTROL_C = '\u0003';
/** Enter, and Ctrl+D. */
const END = ['\r', '\n', '\u0004'];
const BACKSPACE = ['\b', '\u007f'];

async function ask(terminal: ReadStream, prompt: string): Promise<string> {
  // The terminal echoes nothing in raw mode; it does not edit the line or interrupt us either, so that is done here.
  terminal.setRawMode(true).setEncoding('utf8');
  process.stderr.write(prompt);
  let typed = '';
  try {
    for await (const chunk of terminal.iterator({ destroyOnReturn: false })) {
      for (const character of String(chunk)) {
        if (END.includes(character)) return typed;
        if (character === CONTROL_C) throw new ConfigurationError('Interrupted; nothing was done.');
        typed = BACKSPACE.includes(character) ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    terminal.setRawMode(false).pause();
    process.stderr.write('\n');
  }
}
