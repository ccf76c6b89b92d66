/** How a command ended, for scripts. `--help` lists them. */
export const EXIT = {
  fine: 0,
  /** Something went wrong that a later run may not meet: somebody is away, or nobody foresaw it. */
  failed: 1,
  /** The command cannot be understood, or a setting makes no sense. */
  usage: 2,
  /** It ran, and found what a person should look at: something that does not work, is held, or was left out. */
  findings: 3,
  notFound: 4,
  /** OpenTrain refused: the token, a scope, a limit, a conflict. */
  opentrainRefused: 5,
  /** AWS refused, could not be reached, or does not know who asks. */
  awsRefused: 6,
  /** Nobody agreed; nothing was done. */
  notConfirmed: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `Exit codes
  0  done
  1  it failed; what was begun can be run again
  2  the command cannot be understood, or a setting makes no sense
  3  it ran, and found something for a person to look at
  4  there is no such connection, trainer, link, message or stage
  5  OpenTrain refused
  6  AWS refused, or was not reached
  7  nobody confirmed; nothing was done`;
