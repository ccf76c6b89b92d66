/**
 * What is logged as an error and has an alarm of its own. Reconciliation finds most of it again in each run: counted among
 * all other errors, it would hide what is new there.
 */
const WITH_AN_ALARM_OF_THEIR_OWN = [
  'connection.disconnected',
  'connection.needs-attention',
  'endpoint.disabled',
  'endpoint.elsewhere',
  'endpoint.given-up',
  'endpoint.gone',
  'links.missing-after-reconnect',
  'reconcile.held',
  // Of a connection that needs attention, and says so in the same run.
  'reconcile.refused',
];

/** All other lines of level error, in CloudWatch's syntax for JSON lines, which takes 1,024 characters. */
export const OTHER_ERRORS = `{ ($.level = "error") && ${WITH_AN_ALARM_OF_THEIR_OWN.map((event) => `($.event != "${event}")`).join(' && ')} }`;
