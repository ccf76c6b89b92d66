/** What a person does about a delivery or a contract that waits, by its reason. */
const ADVICE: Readonly<Record<string, string>> = {
  waiting_for_consent:
    'OpenTrain withholds the Work Email until the customer consents to personal data and the token holds participants:email. ' +
    'If they reconnect for it, connect with the new token. Then redeliver, or wait for the next reconcile run.',
  trainer_unclear: 'OpenTrain names nobody, or several, for the contract. Ask OpenTrain’s support, then redeliver.',
  action_required: 'The workspace needs a person: do its steps, then redeliver.',
  connection_disconnected: 'The customer has disconnected. Connect with a new token if they are back, then redeliver.',
  provisioning_mode_unknown: 'OpenTrain does not say who gives access on this link. Unlink and link the project anew.',
  project_unknown: 'OpenTrain does not say which project is linked. Unlink and link the project anew.',
  trainer_changed:
    'A contract names another trainer than before. Look at both with trainer, and ask OpenTrain’s support.',
  not_json: 'It was no event of OpenTrain’s. Nothing is to be done.',
  not_an_event: 'It was no event of OpenTrain’s. Nothing is to be done.',
  no_contract: 'The event names no contract. Ask OpenTrain’s support with its id.',
  no_link: 'The event names no link. Ask OpenTrain’s support with its id.',
  no_install: 'The event names no install. Ask OpenTrain’s support with its id.',
  workspace_unavailable: 'The workspace is away or in a hurry. It is tried again by itself.',
  workspace_forbidden: 'The workspace refuses the connector’s token. Store a better one; it is tried again by itself.',
  opentrain_unavailable: 'OpenTrain is away or in a hurry. It is tried again by itself.',
  opentrain_forbidden: 'OpenTrain refuses the connection’s token. The customer reconnects; connect with the new token.',
  out_of_time: 'The worker ran out of time. It is tried again by itself.',
  unforeseen: 'Look for the delivery’s id in the log of the worker. It is tried again by itself.',
};

/** @returns undefined for a reason that needs no advice, or is not known */
export const adviceFor = (reason: string | undefined): string | undefined =>
  reason !== undefined && Object.hasOwn(ADVICE, reason) ? ADVICE[reason] : undefined;
