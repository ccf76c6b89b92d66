import type { ContractId, TrainerId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import type { TrainerFacts } from '../opentrain/events.ts';
import type { Trainer } from '../workspace/port.ts';

export type FoundTrainer =
  | { readonly kind: 'found'; readonly trainer: Trainer }
  /** Nobody to provision by: no Work Email, or none that is one (rule 5). */
  | { readonly kind: 'waiting_for_consent'; readonly trainerId: TrainerId; readonly displayName: string | undefined }
  /** OpenTrain names no participant, or several and none of them is the one meant. */
  | { readonly kind: 'trainer_unclear' };

/** Completes what an event told of its trainer; asks for the contract's participants only if something is missing. */
export async function findTrainer(
  told: TrainerFacts,
  contract: ContractId,
  opentrain: () => OpenTrainClient,
  signal: AbortSignal,
): Promise<FoundTrainer> {
  const complete = trainerFrom(told);
  if (complete !== undefined) return { kind: 'found', trainer: complete };

  const participants = await opentrain().listContractParticipants(contract, signal);
  const named = participants.filter((one) => one.opentrainUserId === told.opentrainUserId);
  const candidates = told.opentrainUserId === undefined ? participants : named;
  const [one, ...others] = candidates;
  if (one === undefined || others.length > 0) {
    if (told.opentrainUserId === undefined) return { kind: 'trainer_unclear' };
    return { kind: 'waiting_for_consent', trainerId: told.opentrainUserId, displayName: told.displayName };
  }
  const trainerId = one.opentrainUserId;
  const displayName = one.displayName || told.displayName;
  const trainer = trainerFrom({ opentrainUserId: trainerId, displayName, workEmail: one.workEmail ?? undefined });
  return trainer === undefined ? { kind: 'waiting_for_consent', trainerId, displayName } : { kind: 'found', trainer };
}

function trainerFrom({ opentrainUserId, displayName, workEmail }: TrainerFacts): Trainer | undefined {
  if (opentrainUserId === undefined || workEmail === undefined) return undefined;
  return { opentrainUserId, workEmail, displayName: displayName ?? 'AI trainer' };
}
