import { text } from 'node:stream/consumers';
import { parseArgs, styleText } from 'node:util';
import { systemClock } from '../shared/clock.ts';
import { ConfigurationError, ConnectorError } from '../shared/errors.ts';
import type { ProjectId } from '../shared/ids.ts';
import { type Check, checkWorkspace, type Verdict, verdictOf } from '../shared/workspace/check-workspace.ts';
import { openWorkspace } from '../shared/workspace/open-workspaces.ts';
import { readWorkspaceSettings } from '../shared/workspace/workspace-settings.ts';

const HELP = `Checks a live workspace with a canary trainer: in, out, in again, out again; totals; notice.
Cleans up after itself, whatever happens.

  WORKSPACE=http WORKSPACE_URL=https://annotation.example/opentrain/v1 \\
    npm run --silent check:workspace -- --project street-signs < token.txt

Options
  --project <id>     the project to try it in, as the platform calls it; best one that nobody works in
  --without-notice   shows no notice; for a project in which one is shown that has to stay
  --json             one JSON document instead of the table
  --help             this text

Environment
  WORKSPACE, WORKSPACE_URL               the adapter and where it connects to, as in the deployment
  WORKSPACE_TOKEN                        its token; without it, the first line of standard input
  USAGE_WORKSPACE, USAGE_WORKSPACE_URL   the same for the totals, where they come from another adapter
  USAGE_WORKSPACE_TOKEN                  and its token

Exit code: 0 all is well; 1 it works, with a warning; 2 something fails, or the check could not begin.
`;

const EXIT_CODES = { pass: 0, warn: 1, fail: 2 } as const satisfies Record<Verdict, number>;
const COLOURS = { pass: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Verdict, string>;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      project: { type: 'string' },
      json: { type: 'boolean', default: false },
      'without-notice': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!values.project) throw new ConfigurationError('--project must name the project to try it in. See --help.');
  const settings = readWorkspaceSettings(process.env);
  const token = await readToken();
  const usageToken = process.env.USAGE_WORKSPACE_TOKEN ?? '';
  if (settings.usage !== undefined && usageToken === '') {
    throw new ConfigurationError('USAGE_WORKSPACE_TOKEN must hold the token of USAGE_WORKSPACE. See --help.');
  }
  const tokens = { access: async () => token, usage: async () => usageToken };
  const workspace = openWorkspace(settings, tokens, systemClock);

  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new ConfigurationError('Interrupted; what was left was cleaned up.')));
  const checks = await checkWorkspace(
    workspace,
    { projectId: values.project as ProjectId },
    { withNotice: !values['without-notice'], signal: interrupted.signal },
  );
  const verdict = verdictOf(checks);
  process.stdout.write(values.json ? `${JSON.stringify({ verdict, checks }, null, 2)}\n` : table(checks));
  return EXIT_CODES[verdict];
}

async function readToken(): Promise<string> {
  const given = process.env.WORKSPACE_TOKEN || (process.stdin.isTTY ? '' : await text(process.stdin));
  const [token = ''] = given.trim().split(/\s/);
  if (token === '')
    throw new ConfigurationError('WORKSPACE_TOKEN, or standard input, must hold the token. See --help.');
  return token;
}

function table(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.map(({ name, verdict, advice }) => {
    const mark = styleText(COLOURS[verdict], verdict, { stream: process.stdout });
    return `${mark}  ${name.padEnd(width)}  ${advice}\n`;
  });
  return lines.join('');
}

try {
  process.exitCode = await main();
} catch (error) {
  const isOfArguments =
    error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE');
  if (!(error instanceof ConnectorError) && !isOfArguments) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
