import { parseArgs } from 'node:util';
import { judge, LIMITS } from './limits.ts';
import { showProgress } from './progress.ts';
import { benchReconcile, LOST_ONE_IN } from './reconcile-bench.ts';
import { FULL_SCHEDULED, QUICK_SCHEDULED } from './scheduled-stage.ts';
import { renderTable } from './table.ts';
import { benchUsage } from './usage-bench.ts';
import { benchWebhook, FULL_EFFORT, QUICK_EFFORT, type WebhookReport } from './webhook-bench.ts';
import { benchWorker } from './worker-bench.ts';

const HELP = `npm run bench [-- options]

Measures what the functions cost:
  webhook    the deployed bundle beside a reference handler that does the same with @aws-sdk/client-sqs, and beside an
             empty one, in turns within one run. Cold is a fresh process: import and first accepted call. Warm is one
             call of 2,000. Both call local services; what counts are the ratios, the times depend on the machine.
  worker     what it asks of DynamoDB, of the workspace and of OpenTrain for one event, counted.
  usage      the deployed bundle, alone in a process with the memory that Lambda gives it, reports ${FULL_SCHEDULED.large} contracts of
             ${FULL_SCHEDULED.connections} connections, in turns with ${FULL_SCHEDULED.small}: its peak memory, the ratio of the two times, what it asks of
             others for a contract, and that a second run with nothing new reports nothing.
  reconcile  the same with contracts that are all in order: it writes nothing but a summary for each connection, and its
             memory does not grow with the contracts of all of them; then, what it costs to let in one of
             ${FULL_SCHEDULED.large / LOST_ONE_IN} hires that no delivery told of.

Options:
  --json     prints one JSON object and nothing else on standard output
  --check    ends with 1 when a limit is exceeded; a ratio that is over is measured again first, up to two times
  --quick    a few rounds, to see that everything runs: its times and ratios mean nothing
  --help     prints this

It takes some minutes, most of them for what plays DynamoDB; --quick takes half a minute.`;

async function main(): Promise<number> {
  const { values: flags } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (flags.help) {
    console.log(HELP);
    return 0;
  }

  const progress = showProgress(process.stderr);
  const measure = () =>
    benchWebhook(flags.quick ? QUICK_EFFORT : FULL_EFFORT, (step) => progress.show(`webhook: ${step}`));
  let webhook = await measure();
  // What else keeps the machine busy adds to both sides of a ratio, and so mostly brings it nearer to 1.
  for (let again = 0; flags.check && isSlow(webhook) && again < 2; again += 1) webhook = await measure();
  progress.show('worker: counting requests');
  const worker = await benchWorker();
  const effort = flags.quick ? QUICK_SCHEDULED : FULL_SCHEDULED;
  const usage = await benchUsage(effort, (step) => progress.show(`usage: ${step}`));
  const reconcile = await benchReconcile(effort, (step) => progress.show(`reconcile: ${step}`));
  progress.end();

  const report = { webhook, worker, usage, reconcile };
  const findings = judge(report);
  console.log(flags.json ? JSON.stringify(report, null, 2) : renderTable(findings));
  if (!flags.check) return 0;

  const over = findings.filter(({ isOver }) => isOver);
  for (const { name, value, limit } of over) console.error(`Over its limit: ${name} is ${value}, allowed is ${limit}.`);
  return over.length === 0 ? 0 : 1;
}

const isSlow = ({ coldRatio, warmRatio }: WebhookReport): boolean =>
  coldRatio > LIMITS.coldRatio || warmRatio > LIMITS.warmRatio;

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
