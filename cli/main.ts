import { CommanderError } from 'commander';
import { EXIT } from './exit-codes.ts';
import { plainText } from './plain-text.ts';
import { createProgram } from './program.ts';

// Whoever closed it wants no remarks; what is to be done is done.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

// A pager that was closed early is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.fine);
  throw error;
});

createProgram().parseAsync().catch(tell);

async function tell(error: unknown): Promise<void> {
  if (error instanceof CommanderError) {
    // Help was asked for and is written already.
    if (error.exitCode === 0) return;
    process.exitCode = EXIT.usage;
    if (error.code === 'commander.help') return;
  }
  const { explain } = await import('./explain.ts');
  const { message, exitCode } = explain(error);
  process.stderr.write(`${plainText(message)}\n`);
  process.exitCode = exitCode;
}
