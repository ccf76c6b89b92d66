import type { ContractId, TrainerId } from '../ids.ts';
import type { OpenTrainClient } from '../opentrain/client.ts';
import { OpenTrainError } from '../opentrain/errors.ts';
import type { TrainerFacts } from '../opentrain/events.ts';
import { OPERATIONS } from '../opentrain/relied-on.ts';
import type { Trainer } from '../workspace/port.ts';

export type FoundTrainer =
  | { readonly kind: 'found'; readonly trainer: Trainer }
  /** Nobody to provision by: no Work Email, or none that is one (rule 5), or the token may not ask for it. */
  | { readonly kind: 'waiting_for_consent'; readonly trainerId: TrainerId; readonly displayName: string | undefined }
  /** OpenTrain names no participant, or several and none of them is the one meant; or the token may not ask for them. */
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

  const participants = await participantsOf(contract, opentrain(), signal);
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

/**
 * A refusal may be of the whole connection, and then of every call; or of a token that never had this scope, which no later
 * try changes, so its trainers wait for consent like those whose Work Email is withheld.
 *
 * @returns nobody where the token has no right to ask
 */
async function participantsOf(contract: ContractId, opentrain: OpenTrainClient, signal: AbortSignal) {
  try {
    return await opentrain.listContractParticipants(contract, signal);
  } catch (error) {
    if (!(error instanceof OpenTrainError && error.kind === 'forbidden' && error.status === 403)) throw error;
    const { scopes } = await opentrain.getCurrentInstall(signal);
    if (scopes.includes(OPERATIONS.listContractParticipants.scope)) throw error;
    return [];
  }
}

function trainerFrom({ opentrainUserId, displayName, workEmail }: TrainerFacts): Trainer | undefined {
  if (opentrainUserId === undefined || workEmail === undefined) return undefined;
  return { opentrainUserId, workEmail, displayName: displayName ?? 'AI trainer' };
}
