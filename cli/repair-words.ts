import type { Why } from '../shared/reconcile/repairs.ts';

const WORDS: Readonly<Record<Why, string>> = {
  contract_unheard_of: 'runs at OpenTrain, and was never heard of here',
  was_parked: 'waited for consent or for a person',
  reconnected: 'the customer is back',
  claim_lost: 'an earlier attempt stopped half-way',
  claim_left_behind: 'an earlier attempt stopped half-way',
  contract_ended: 'the contract has ended',
  contract_untold: 'OpenTrain lists it neither as running nor as ended',
  link_removed: 'the project link was removed',
  disconnected: 'disconnected for longer than the grace period',
  missing_in_workspace: 'should be in the project, and is not',
  still_in_workspace: 'should be out of the project, and is in',
  unsettled: 'an earlier attempt stopped half-way',
  still_listed: 'was taken for removed, and OpenTrain lists it',
};

/** Why something was repaired, for people; a word that is not known stays as it is. */
export const wordsOf = (why: string): string => (Object.hasOwn(WORDS, why) ? WORDS[why as Why] : why);
