import { startUsageWorld } from '../support/usage-world.ts';
import { type Measurements, onStages, runAll, type ScheduledEffort } from './scheduled-stage.ts';

/** What one execution environment of the function did, from its start on. */
export interface UsageRun {
  readonly contracts: number;
  /** Reports that OpenTrain got in the first run. */
  readonly posts: number;
  /** And in the second, with nothing new. */
  readonly secondRunPosts: number;
  /** The function's own time, all of its calls together. */
  readonly seconds: number;
  readonly secondRunSeconds: number;
  readonly peakRssMb: number;
  /** Of the first run. */
  readonly requestsPerContract: Readonly<Record<'workspace' | 'dynamodb' | 'opentrain', number>>;
}

/** The numbers of the large run, and how it compares with the small one. */
export interface UsageReport extends UsageRun {
  readonly bundleBytes: number;
  /** How many times as long the large run took. */
  readonly scalingRatio: number;
  readonly small: UsageRun;
}

/** Lets the usage function report few contracts and many, and once more with nothing new. */
export async function benchUsage(
  { connections, small, large }: ScheduledEffort,
  progress: (step: string) => void,
): Promise<UsageReport> {
  const startWorld = (contracts: number) => {
    progress(`seeding ${contracts} contracts`);
    return startUsageWorld({ connections, contracts });
  };
  return onStages({ name: 'usage', sizes: [small, large], startWorld }, async (stages, bundleBytes) => {
    await runAll(stages, connections, (done) => progress(`reporting connection ${done} of ${connections}`));
    const first = stages.map((stage) => stage.takeMeasurements());
    await runAll(stages, connections, (done) => progress(`and again connection ${done} of ${connections}`));
    const [few, many] = stages.map((stage, index) => runOf(stage.contracts, first[index], stage.takeMeasurements()));
    if (few === undefined || many === undefined) throw new Error('Nothing was measured.');
    return { bundleBytes, ...many, scalingRatio: many.seconds / few.seconds, small: few };
  });
}

function runOf(contracts: number, first: Measurements | undefined, second: Measurements): UsageRun {
  if (first === undefined) throw new Error('There was no first run.');
  const { workspace, dynamodb, opentrain } = first;
  return {
    contracts,
    posts: postsOf(first),
    secondRunPosts: postsOf(second),
    seconds: first.seconds,
    secondRunSeconds: second.seconds,
    peakRssMb: second.peakRssBytes / 1e6,
    requestsPerContract: {
      workspace: workspace.length / contracts,
      dynamodb: dynamodb / contracts,
      opentrain: opentrain.length / contracts,
    },
  };
}

const postsOf = ({ opentrain }: Measurements): number =>
  opentrain.filter((operation) => operation === 'reportContractUsage').length;
