import { parseArgs } from 'node:util';
import { judge, LIMITS } from './limits.ts';
import { showProgress } from './progress.ts';
import { renderTable } from './table.ts';
import { benchUsage, FULL_USAGE, QUICK_USAGE } from './usage-bench.ts';
import { benchWebhook, FULL_EFFORT, QUICK_EFFORT, type WebhookReport } from './webhook-bench.ts';
import { benchWorker } from './worker-bench.ts';

const HELP = `npm run bench [-- options]

Measures what the functions cost:
  webhook    the deployed bundle beside a reference handler that does the same with @aws-sdk/client-sqs, and beside an
             empty one, in turns within one run. Cold is a fresh process: import and first accepted call. Warm is one
             call of 2,000. Both call local services; what counts are the ratios, the times depend on the machine.
  worker     what it asks of DynamoDB, of the workspace and of OpenTrain for one event, counted.
  usage      the deployed bundle, alone in a process with the memory that Lambda gives it, reports ${FULL_USAGE.large} contracts of
             ${FULL_USAGE.connections} connections, in turns with ${FULL_USAGE.small}: its peak memory, the ratio of the two times, what it asks of
             others for a contract, and that a second run with nothing new reports nothing.

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
  const usage = await benchUsage(flags.quick ? QUICK_USAGE : FULL_USAGE, (step) => progress.show(`usage: ${step}`));
  progress.end();

  const report = { webhook, worker, usage };
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
