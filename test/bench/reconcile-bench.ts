import { startReconcileWorld } from './reconcile-world.ts';
import { type Measurements, onStages, runAll, type ScheduledEffort } from './scheduled-stage.ts';

type Calls = Readonly<Record<'dynamodb' | 'opentrain' | 'workspace', number>>;

/** What one run over all connections did that found nothing to do. */
export interface ReconcileRun {
  readonly contracts: number;
  /** The function's own time, all of its calls together. */
  readonly seconds: number;
  readonly peakRssMb: number;
  readonly perContract: Calls;
  /** In the workspace all together; in the table for each connection, where the run leaves its summary. */
  readonly quietWrites: { readonly workspace: number; readonly dynamodb: number };
}

/** The numbers of the large run, how it compares with the small one, and what repairs cost. */
export interface ReconcileReport extends ReconcileRun {
  readonly bundleBytes: number;
  readonly connections: number;
  /** By how much the large run's peak is above the small one's. */
  readonly rssGrowthMb: number;
  /** How many times as long the large run took. */
  readonly scalingRatio: number;
  readonly small: ReconcileRun;
  readonly repairs: {
    /** Hires that no delivery had told of. */
    readonly lost: number;
    /** Those that were let in. */
    readonly made: number;
    /** What the run asked for beyond a quiet one, for each. */
    readonly perRepair: Calls;
  };
}

/** One of so many hires is lost. */
export const LOST_ONE_IN = 100;

/**
 * Lets the reconcile function compare few contracts and many that are all in order, twice, of which the second time counts;
 * then, beside the many, some hires are lost.
 */
export async function benchReconcile(
  { connections, small, large }: ScheduledEffort,
  progress: (step: string) => void,
): Promise<ReconcileReport> {
  const startWorld = (contracts: number) => {
    progress(`seeding ${contracts} contracts`);
    return startReconcileWorld({ connections, contracts });
  };
  return onStages({ name: 'reconcile', sizes: [small, large], startWorld }, async (stages, bundleBytes) => {
    // A process that has done little grows with whatever it does, until it has collected its garbage for the first time.
    await runAll(stages, connections, (done) => progress(`warming up with connection ${done} of ${connections}`));
    for (const stage of stages) stage.takeMeasurements();
    await runAll(stages, connections, (done) => progress(`comparing connection ${done} of ${connections}`));
    const [ofFew, ofMany] = stages.map((stage) => stage.takeMeasurements());
    const stage = stages.at(-1);
    if (ofFew === undefined || ofMany === undefined || stage === undefined) throw new Error('Nothing was measured.');

    const lost = Math.ceil(large / LOST_ONE_IN);
    stage.world.loseHires(lost);
    await runAll([stage], connections, (done) => progress(`repairing connection ${done} of ${connections}`));
    const repairing = stage.takeMeasurements();

    const [few, many] = [runOf(small, connections, ofFew), runOf(large, connections, ofMany)];
    return {
      ...many,
      bundleBytes,
      connections,
      rssGrowthMb: many.peakRssMb - few.peakRssMb,
      scalingRatio: many.seconds / few.seconds,
      small: few,
      repairs: {
        lost,
        made: repairing.workspace.filter((operation) => operation === 'putMember').length,
        perRepair: shareOf(lost, repairing, ofMany),
      },
    };
  });
}

function runOf(contracts: number, connections: number, measured: Measurements): ReconcileRun {
  const { seconds, peakRssBytes, workspace, dynamodbWrites } = measured;
  return {
    contracts,
    seconds,
    peakRssMb: peakRssBytes / 1e6,
    perContract: shareOf(contracts, measured),
    quietWrites: {
      workspace: workspace.filter((operation) => !READS.includes(operation)).length,
      dynamodb: dynamodbWrites / connections,
    },
  };
}

/** Of the workspace contract. */
const READS: readonly string[] = ['getWorkspace', 'listMembers', 'listDailyTotals'];

/** How many calls there are for each of so many, beyond those of another run. */
function shareOf(count: number, run: Measurements, other?: Measurements): Calls {
  const calls = (kind: 'opentrain' | 'workspace') => run[kind].length - (other?.[kind].length ?? 0);
  return {
    dynamodb: (run.dynamodb - (other?.dynamodb ?? 0)) / count,
    opentrain: calls('opentrain') / count,
    workspace: calls('workspace') / count,
  };
}
