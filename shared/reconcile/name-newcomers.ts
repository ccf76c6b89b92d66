import pMap from 'p-map';
import type { TrainerId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import type { Admission, Repair } from './repairs.ts';

/** Questions at once. */
const LANES = 4;

/** Asks whose contracts those are that the connector never heard of: for a plan that is shown, or for one trainer's. */
export function nameNewcomers(
  repairs: readonly Repair[],
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<Repair[]> {
  const name = async (repair: Repair): Promise<Repair> => {
    if (repair.kind !== 'admit' || repair.grant?.trainerId !== undefined) return repair;
    const trainerId = await trainerOf(repair, opentrain, signal);
    return trainerId === undefined ? repair : { ...repair, trainerId };
  };
  return pMap(repairs, name, { concurrency: LANES });
}

/** @returns undefined when OpenTrain does not tell, or when there is not exactly one */
async function trainerOf(
  { contract }: Admission,
  opentrain: OpenTrainClient,
  signal: AbortSignal,
): Promise<TrainerId | undefined> {
  try {
    const [first, ...others] = await opentrain.listContractParticipants(contract.id, signal);
    return others.length === 0 ? first?.opentrainUserId : undefined;
  } catch (error) {
    // Away, it would fail the run anyway; and a plan is worth more with a name missing than not at all.
    if (error instanceof OpenTrainError && (error.kind === 'forbidden' || error.kind === 'rejected')) return undefined;
    throw error;
  }
}
