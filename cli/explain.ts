import { CommanderError } from 'commander';
import { AwsError } from '../shared/aws/aws-json-client.ts';
import { ConfigurationError, ConnectorError } from '../shared/errors.ts';
import { scrub } from '../shared/logging.ts';
import { isRejection, OpenTrainError } from '../shared/opentrain/errors.ts';
import { CutShortError, InterruptedError, NotConfirmedError, NotFoundError, UsageError } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';

export interface Explanation {
  readonly message: string;
  readonly exitCode: ExitCode;
}

/**
 * What a person is told of an error, and the exit code. Errors of ours say what to do; of one that nobody foresaw the
 * stack is told as well, scrubbed, since somebody will have to look for it.
 */
export function explain(error: unknown): Explanation {
  if (error instanceof CommanderError) {
    // It repeats what was typed, which might be a token.
    const message = `${scrub(error.message)}\nSee opentrain-connector --help, or that of the command.`;
    return { message, exitCode: EXIT.usage };
  }
  if (error instanceof ConnectorError) return { message: error.message, exitCode: exitCodeOf(error) };
  if (error instanceof Error && '$metadata' in error) {
    return { message: `AWS refused: ${said(error)}`, exitCode: EXIT.awsRefused };
  }
  if (!(error instanceof Error)) return { message: 'It failed, and nobody said why.', exitCode: EXIT.failed };
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    message: [`This is a mistake of the connector. ${said(error)}`, ...frames.map(scrub)].join('\n'),
    exitCode: EXIT.failed,
  };
}

function exitCodeOf(error: ConnectorError): ExitCode {
  if (error instanceof UsageError || error instanceof ConfigurationError) return EXIT.usage;
  if (error instanceof NotFoundError || NOT_FOUND.has(error.name)) return EXIT.notFound;
  if (error instanceof CutShortError) return EXIT.findings;
  if (error instanceof NotConfirmedError) return EXIT.notConfirmed;
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (error instanceof AwsError || error.name === 'DeploymentError') return EXIT.awsRefused;
  if (error instanceof OpenTrainError) {
    if (isRejection(error, 404)) return EXIT.notFound;
    return error.kind === 'forbidden' || error.kind === 'rejected' ? EXIT.opentrainRefused : EXIT.failed;
  }
  return REFUSED.has(error.name) ? EXIT.opentrainRefused : EXIT.failed;
}

/** By name, so that a command that fails loads nothing more. */
const NOT_FOUND = new Set([
  'UnknownConnectionError',
  'NotConnectedError',
  'UnknownWorkspaceError',
  'StageMissingError',
]);
const REFUSED = new Set([
  'InstallNotActiveError',
  'InstallTakenError',
  'LinkRefusedError',
  'OtherOrganizationError',
  'ScopeMissingError',
]);

/** What an error of others says: its name, and its message where it has one (that of a refused connection is empty). */
export function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const text = scrub(error.message || code || 'no reason given');
  return `${error.name}: ${text}${/[.!?]$/.test(text) ? '' : '.'}`;
}
