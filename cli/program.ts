import { Command, InvalidArgumentError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { parseBaseUrl } from '../shared/base-url.ts';
import type { Answer } from './answer.ts';
import type { CheckOptions } from './commands/check.ts';
import type { CheckWorkspaceOptions } from './commands/check-workspace.ts';
import type { ConnectOptions } from './commands/connect.ts';
import type { ConsentLinkCommandOptions } from './commands/consent-link.ts';
import type { DeliveriesOptions } from './commands/deliveries.ts';
import type { DisconnectOptions } from './commands/disconnect.ts';
import type { DlqOptions, PurgeOptions, RedriveOptions, ShowOptions } from './commands/dlq.ts';
import type { LinkOptions, UnlinkOptions } from './commands/links.ts';
import type { ReconcileOptions } from './commands/reconcile.ts';
import type { RedeliverOptions } from './commands/redeliver.ts';
import type { RotateOptions } from './commands/rotate-secret.ts';
import type { UsagePushOptions } from './commands/usage.ts';
import { EXIT, EXIT_CODES_HELP } from './exit-codes.ts';
import {
  DROPPED_QUEUE_NAMES,
  LOCAL_URL,
  PURGED_QUEUE_NAMES,
  QUEUE_NAMES,
  STAGE_VARIABLE,
  type TargetOptions,
} from './target.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/**
 * Every command with its arguments, options and help. Nothing that works is imported here: a command loads what it needs
 * when it runs, so that help comes at once.
 */
export function createProgram(): Command {
  const program = new Command('opentrain-connector')
    .description('Connects OpenTrain customers to this deployment, and looks after them.')
    .exitOverride()
    .showSuggestionAfterError()
    .version(packageJson.version)
    // Told by `main`, with secrets taken out of what was typed.
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', `\n${GUIDE}\n\n${EXIT_CODES_HELP}`);

  addConnections(program);
  addLinks(program);
  addInspection(program);
  addDeliveries(program);
  addUsage(program);
  addReconcile(program);
  return program;
}

const GUIDE = `Every command works on a deployed stage or on local mode:
  --stage prod        found by the outputs of its stack; ${STAGE_VARIABLE} is the default
  --local [url]       npm run local, by default at ${LOCAL_URL}

Example, a first customer
  opentrain-connector consent-link --slug our-platform
  opentrain-connector connect acme --stage prod        # asks for the token, and does not show it
  opentrain-connector link acme --project street-signs --job job_123 --stage prod
  opentrain-connector check acme --stage prod
  opentrain-connector status --stage prod`;

function addConnections(program: Command): void {
  withTarget(program.command('connect'))
    .summary('make a customer’s install a connection, or mend one')
    .argument('<connection>', 'the id that you give the customer: lower-case letters, digits, inner hyphens')
    .option('--workspace <id>', 'a workspace of the connection’s own (default: the one it has, or the deployment’s)')
    .option('--replace-customer', 'the token is of another customer than before')
    .option('--stored-token', 'with the token that is stored already, to mend the endpoint; none is asked for')
    .description(
      'Stores the token, registers the webhook endpoint, stores its secret, and says which scopes or consent are missing. ' +
        'After a reconnect, or when something is broken, it is the same command: it never registers an endpoint twice.\n\n' +
        'The token (ot_ptk_…) comes from OPENTRAIN_PARTNER_TOKEN, from standard input, or from a prompt that does not show it.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector connect acme --stage prod < token.txt')
    .action(
      running(async (options: ConnectOptions, _terminal, connection) => {
        const { connectCommand } = await import('./commands/connect.ts');
        return connectCommand(connection, options);
      }),
    );

  withTarget(program.command('consent-link'))
    .summary('the page on which the next customer lets you in')
    .option(
      '--slug <slug>',
      'the app’s name in OpenTrain’s URLs (default: as the connected customers’ installs tell it)',
    )
    .option('--project <id>', 'your id of the project that the customer comes from; it comes back with them')
    .option('--redirect-uri <url>', 'where OpenTrain sends the customer afterwards')
    .option('--state <text>', 'comes back as it is')
    .description('Prints the consent deep link. The customer copies the token there and gives it to you: see connect.')
    .addHelpText('after', '\nExample\n  opentrain-connector consent-link --slug our-platform --project street-signs')
    .action(
      running(async (options: ConsentLinkCommandOptions) => {
        const { consentLinkCommand } = await import('./commands/consent-link.ts');
        return consentLinkCommand(options);
      }),
    );

  withTarget(program.command('rotate-secret'))
    .summary('a new webhook secret, without a gap')
    .argument('<connection>')
    .option('--force', 'delete the old endpoint at once: the old secret has leaked')
    .option('--dry-run', 'only say how it stands, and what would be done')
    .option('-y, --yes', 'do not ask')
    .description(
      'OpenTrain never changes the secret of an endpoint, so a second endpoint takes the place of the first. Run it ' +
        'again later to finish; interrupted anywhere, running it again completes it.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector rotate-secret acme --stage prod')
    .action(
      running(async (options: RotateOptions, terminal, connection) => {
        const { rotateSecretCommand } = await import('./commands/rotate-secret.ts');
        return rotateSecretCommand(connection, options, terminal);
      }),
    );

  withTarget(program.command('disconnect'))
    .summary('end a connection from this side')
    .argument('<connection>')
    .option('--dry-run', 'only say what would be done')
    .option('-y, --yes', 'do not ask')
    .description('Deletes its webhook endpoint at OpenTrain, its token and its secrets. Whoever is in keeps access.')
    .addHelpText('after', '\nExample\n  opentrain-connector disconnect acme --stage prod --dry-run')
    .action(
      running(async (options: DisconnectOptions, terminal, connection) => {
        const { disconnectCommand } = await import('./commands/disconnect.ts');
        return disconnectCommand(connection, options, terminal);
      }),
    );
}

function addLinks(program: Command): void {
  withTarget(program.command('link'))
    .summary('link a project to a job')
    .argument('<connection>')
    .requiredOption('--project <id>', 'your id of the project, at most 200 characters; a project has one link')
    .requiredOption('--job <id>', 'OpenTrain’s id of the customer’s job')
    .option('--name <text>', 'for people to read, at most 300 characters')
    .option('--url <url>', 'of the project, at most 2048 characters')
    .option('--managed-by-opentrain', 'OpenTrain gives access itself; the connector stays out of it')
    .option('--dry-run', 'only say what would be done')
    .description('Whoever works on the job is let into the project, those who were hired before included.')
    .addHelpText(
      'after',
      '\nExample\n  opentrain-connector link acme --project street-signs --job job_123 --stage prod',
    )
    .action(
      running(async (options: LinkOptions, _terminal, connection) => {
        const { linkCommand } = await import('./commands/links.ts');
        return linkCommand(connection, options);
      }),
    );

  withTarget(program.command('links'))
    .summary('the project links of a connection')
    .argument('<connection>')
    .description('As OpenTrain has them, newest first.')
    .addHelpText('after', '\nExample\n  opentrain-connector links acme --stage prod --json')
    .action(
      running(async (options: TargetOptions, _terminal, connection) => {
        const { linksCommand } = await import('./commands/links.ts');
        return linksCommand(connection, options);
      }),
    );

  withTarget(program.command('unlink'))
    .summary('remove a project link; whoever it let in is taken out')
    .argument('<connection>')
    .argument('<link>', 'its id, or the project’s')
    .option('--dry-run', 'only say what would be done')
    .option('-y, --yes', 'do not ask')
    .description('Links are never changed, only removed and made anew.')
    .addHelpText('after', '\nExample\n  opentrain-connector unlink acme street-signs --stage prod --dry-run')
    .action(
      running(async (options: UnlinkOptions, terminal, connection, link) => {
        const { unlinkCommand } = await import('./commands/links.ts');
        return unlinkCommand(connection, link, options, terminal);
      }),
    );
}

function addInspection(program: Command): void {
  withTarget(program.command('check'))
    .summary('try everything out, from the token to the removal of a trainer')
    .argument('[connection]', 'one only (default: all)')
    .option('--contract', 'also compare the API that OpenTrain serves with what the connector relies on')
    .option('--project <id>', 'the project to let a canary trainer in and out of (default: one that is linked)')
    .option('--no-canary', 'let nobody in: only ask whether the workspace answers')
    .option('--notice', 'also show a budget notice for a moment; it takes the place of one that is shown')
    .description(
      'Token, scopes, consent, endpoint, links; a signed test delivery through API, queue and worker; the workspace with ' +
        'a canary trainer, the removal included; queues, schedules and alarms. Each line is pass, warn or fail, with what to do.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector check acme --contract --stage prod')
    .action(
      running(async (options: CheckOptions, terminal, connection) => {
        const { checkCommand } = await import('./commands/check.ts');
        return checkCommand(connection, options, terminal);
      }),
    );

  withJson(program.command('check-workspace'))
    .summary('the same of a workspace alone, before anything is deployed')
    .requiredOption(
      '--project <id>',
      'the project to try it in, as the platform calls it; best one that nobody works in',
    )
    .option('--no-notice', 'show no notice; for a project in which one is shown that has to stay')
    .description(
      'Lets a canary trainer in, out, in again and out again; reads totals; shows a notice. Cleans up after itself, ' +
        'whatever happens.\n\n' +
        'Environment\n' +
        '  WORKSPACE, WORKSPACE_URL               the adapter and where it connects to, as in the deployment\n' +
        '  WORKSPACE_TOKEN                        its token (or standard input, or a prompt)\n' +
        '  USAGE_WORKSPACE, USAGE_WORKSPACE_URL   the same for the totals, where they come from another adapter\n' +
        '  USAGE_WORKSPACE_TOKEN                  and its token',
    )
    .addHelpText(
      'after',
      '\nExample\n  WORKSPACE=http WORKSPACE_URL=https://annotation.example/opentrain/v1 \\\n' +
        '    opentrain-connector check-workspace --project street-signs < token.txt',
    )
    .action(
      running(async (options: CheckWorkspaceOptions) => {
        const { checkWorkspaceCommand } = await import('./commands/check-workspace.ts');
        return checkWorkspaceCommand(options);
      }),
    );

  withTarget(program.command('status'))
    .summary('connections, trainers, budgets, usage, queues')
    .argument('[connection]', 'one only (default: all)')
    .description('As the connector remembers it; nobody else is asked. See check for trying it out.')
    .addHelpText('after', '\nExample\n  opentrain-connector status --stage prod')
    .action(
      running(async (options: TargetOptions, _terminal, connection) => {
        const { statusCommand } = await import('./commands/status.ts');
        return statusCommand(connection, options);
      }),
    );

  withTarget(program.command('trainer'))
    .summary('one trainer’s whole history: deliveries, decisions, calls, outcomes')
    .argument('<id>', 'OpenTrain’s opentrainUserId')
    .description('Over all connections. Deliveries are kept for 35 days, contracts for good. No address is shown.')
    .addHelpText('after', '\nExample\n  opentrain-connector trainer usr_123 --stage prod')
    .action(
      running(async (options: TargetOptions, _terminal, id) => {
        const { trainerCommand } = await import('./commands/trainer.ts');
        return trainerCommand(id, options);
      }),
    );
}

function addDeliveries(program: Command): void {
  withTarget(program.command('deliveries'))
    .summary('what OpenTrain delivered, and what became of it')
    .argument('[connection]', 'of one only (default: all)')
    .addOption(new Option('--status <status>', 'only those').choices(['done', 'parked', 'waiting']))
    .option('--limit <number>', 'at most so many', wholeNumber, 20)
    .description(
      'Of the last 35 days, newest first. Parked ones wait for a person, and come back with redeliver; waiting ones are ' +
        'tried again by themselves, or were given up: see dlq.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector deliveries acme --status parked --stage prod')
    .action(
      running(async (options: DeliveriesOptions, _terminal, connection) => {
        const { deliveriesCommand } = await import('./commands/deliveries.ts');
        return deliveriesCommand(connection, options);
      }),
    );

  withTarget(program.command('redeliver'))
    .summary('have OpenTrain send again what failed')
    .argument('<connection>')
    .option('--delivery <id>', 'this one, whatever became of it (default: all that OpenTrain gave up)')
    .option('--dry-run', 'only say what would be done')
    .description('Enables the endpoint first, where OpenTrain has disabled it.')
    .addHelpText('after', '\nExample\n  opentrain-connector redeliver acme --delivery dlv_123 --stage prod')
    .action(
      running(async (options: RedeliverOptions, _terminal, connection) => {
        const { redeliverCommand } = await import('./commands/redeliver.ts');
        return redeliverCommand(connection, options);
      }),
    );

  withTarget(program.command('send-test'))
    .summary('a signed test delivery through API, queue and worker')
    .argument('<connection>')
    .description(
      'It means nothing and changes nothing, but for a record of itself. Within half a minute after the secret was ' +
        'changed, the functions may know only the one before, and refuse it.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector send-test acme --stage prod')
    .action(
      running(async (options: TargetOptions, _terminal, connection) => {
        const { sendTestCommand } = await import('./commands/send-test.ts');
        return sendTestCommand(connection, options);
      }),
    );

  const dlq = program
    .command('dlq')
    .summary('the dead-letter queues: what was given up')
    .description(
      'Of deliveries, usage reports and reconciliations: mend the cause first, for what is put back is tried again at once. ' +
        'And the events of the two schedules that came to nothing (usage-dropped, reconcile-dropped): they are only looked ' +
        'at and thrown away, since the next run does the same work.',
    );
  withTarget(dlq.command('list'))
    .summary('what is in them')
    .addOption(queueOption([...QUEUE_NAMES, ...DROPPED_QUEUE_NAMES]))
    .option('--limit <number>', 'at most so many of each', wholeNumber, 50)
    .description('Ids, types and times; never a body. A message that is looked at is hidden from others for a moment.')
    .addHelpText('after', '\nExample\n  opentrain-connector dlq list --stage prod')
    .action(
      running(async (options: DlqOptions) => {
        const { dlqListCommand } = await import('./commands/dlq.ts');
        return dlqListCommand(options);
      }),
    );
  withTarget(dlq.command('show'))
    .summary('one message; never its body')
    .argument('<id>', 'of the message, or of the delivery in it')
    .addOption(queueOption([...QUEUE_NAMES, ...DROPPED_QUEUE_NAMES]))
    .description('Ids, type and times of one message; of a dropped event, who gave it up and why.')
    .addHelpText('after', '\nExample\n  opentrain-connector dlq show 5a1f… --stage prod')
    .action(
      running(async (options: ShowOptions, _terminal, id) => {
        const { dlqShowCommand } = await import('./commands/dlq.ts');
        return dlqShowCommand(id, options);
      }),
    );
  withTarget(dlq.command('redrive'))
    .summary('put them back on their queue')
    .addOption(queueOption(QUEUE_NAMES))
    .option('--connection <id>', 'only this connection’s')
    .option('--message <id>', 'only this message, or the one with this delivery')
    .option('--dry-run', 'only say what would be done')
    .option('-y, --yes', 'do not ask')
    .description('Each is put back before it is deleted: interrupted, it comes twice, which does no harm.')
    .addHelpText('after', '\nExample\n  opentrain-connector dlq redrive --connection acme --stage prod')
    .action(
      running(async (options: RedriveOptions, terminal) => {
        const { dlqRedriveCommand } = await import('./commands/dlq.ts');
        return dlqRedriveCommand(options, terminal);
      }),
    );
  withTarget(dlq.command('purge'))
    .summary('throw away what needs no redrive')
    .requiredOption('--queue <name>', `which one: ${PURGED_QUEUE_NAMES.join(', ')}; deliveries with --unreadable`)
    .option('--unreadable', 'only what the connector never wrote and nobody can put back')
    .option('--dry-run', 'only say what would be thrown away')
    .option('-y, --yes', 'do not ask')
    .description(
      'Events of a schedule that were dropped, or runs that were given up: a later run does the same work. Deliveries are ' +
        'never thrown away; see redrive. What is unreadable was none.',
    )
    .addHelpText('after', '\nExample\n  opentrain-connector dlq purge --queue usage-dropped --stage prod')
    .action(
      running(async (options: PurgeOptions, terminal) => {
        const { dlqPurgeCommand } = await import('./commands/dlq.ts');
        return dlqPurgeCommand(options, terminal);
      }),
    );
}

function addUsage(program: Command): void {
  const usage = program.command('usage').summary('the work that is reported to OpenTrain');
  withTarget(usage.command('push'))
    .summary('report the work of some days again')
    .argument('[connection]', 'of one only (default: all)')
    .requiredOption('--from <day>', 'the first, YYYY-MM-DD in UTC')
    .requiredOption('--to <day>', 'the last, included')
    .option('--dry-run', 'only show what would be sent')
    .option('-y, --yes', 'do not ask')
    .description(
      'Reads the daily totals from the workspace and sends those that OpenTrain does not have. Totals replace each ' +
        'other, so it may be run as often as one likes; interrupted, it is run again.',
    )
    .addHelpText(
      'after',
      '\nExample\n  opentrain-connector usage push acme --from 2026-11-01 --to 2026-11-20 --stage prod',
    )
    .action(
      running(async (options: UsagePushOptions, terminal, connection) => {
        const { usagePushCommand } = await import('./commands/usage.ts');
        return usagePushCommand(connection, options, terminal);
      }),
    );
}

function addReconcile(program: Command): void {
  withTarget(program.command('reconcile'))
    .summary('set right at once what OpenTrain, the table and the workspace say differently')
    .argument('[connection]', 'one only (default: all)')
    .option('--project <id>', 'only what concerns this project')
    .option('--trainer <id>', 'only what concerns this trainer (opentrainUserId)')
    .option('--approve <run>', 'let the removals through that this run has held')
    .option('--dry-run', 'only show what would be done')
    .option('-y, --yes', 'do not ask')
    .description(
      'Does what the schedule does every half hour: lets in whom no delivery told of, takes out whose contract has ended, ' +
        'puts right what was changed by hand, and looks after the webhook endpoint. Where a run would remove many at ' +
        'once, the removals are held until you approve that run.',
    )
    .addHelpText(
      'after',
      '\nExample\n  opentrain-connector reconcile --dry-run --stage prod\n' +
        '  opentrain-connector reconcile acme --approve reconcile-2026-11-20T10:30:00Z --stage prod',
    )
    .action(
      running(async (options: ReconcileOptions, terminal, connection) => {
        const { reconcileCommand } = await import('./commands/reconcile.ts');
        return reconcileCommand(connection, options, terminal);
      }),
    );
}

const queueOption = (names: readonly string[]) => new Option('--queue <name>', 'only this one').choices([...names]);

/** The options of a command that works on a deployment. */
function withTarget(command: Command): Command {
  return withJson(command)
    .option('--stage <stage>', `the deployment, as in cdk deploy -c stage=… (default: ${STAGE_VARIABLE})`)
    .option('--local [url]', `local mode instead, by default at ${LOCAL_URL}`)
    .option('--region <region>', 'where the stage is (default: as the AWS SDK finds it)')
    .option('--opentrain-url <url>', 'another Partner API (default: the deployment’s)', baseUrl('--opentrain-url'))
    .option(
      '--webhook-base-url <url>',
      'where OpenTrain reaches the deployment, if that is a domain of your own',
      baseUrl('--webhook-base-url'),
    );
}

const withJson = (command: Command): Command =>
  command.option('--json', 'one JSON document on standard output instead of text');

type Run<Options> = (options: Options, terminal: Terminal, first: string, second: string) => Promise<Answer>;

/**
 * Runs a command and prints what it has to say. An argument in square brackets that is not given is undefined, which the
 * commands that have one take.
 */
function running<Options extends object>(run: Run<Options>) {
  return async function action(this: Command, ...given: unknown[]): Promise<void> {
    const options = this.opts<Options & { readonly json?: boolean; readonly yes?: boolean }>();
    const [first, second] = given as [string, string];
    const terminal = createTerminal({ json: options.json === true, yes: options.yes === true });
    const answer = await run(options, terminal, first, second);
    terminal.print(answer);
    process.exitCode = answer.exitCode ?? EXIT.fine;
  };
}

const baseUrl = (name: string) => (text: string) => parseBaseUrl(text, name);

function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= 10_000) return number;
  throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
}
