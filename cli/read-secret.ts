import { text } from 'node:stream/consumers';
import { InterruptedError } from './errors.ts';

/**
 * Reads a secret from where it does not end up in a shell's history or a list of processes: the environment, standard
 * input, or a prompt that shows nothing.
 *
 * @param variable - the environment variable to look in first
 * @param prompt - what a person at a terminal is asked
 * @returns what came, without surrounding space; empty when nothing did
 * @throws {InterruptedError} when the person gives up with Ctrl+C
 */
export async function readSecret(variable: string, prompt: string): Promise<string> {
  const given = process.env[variable]?.trim();
  if (given) return given;
  return (process.stdin.isTTY ? await ask(prompt) : await text(process.stdin)).trim();
}

async function ask(message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const typed = await password({ message, mask: '•', output: process.stderr, clearOnError: true });
  if (isCancel(typed)) throw new InterruptedError('Interrupted; nothing was done.');
  return typed ?? '';
}
