/**
 * What `run.ts` hands over to the tests: where things are, and which ports the workspace and OpenTrain are expected
 * on.
 */
export interface Deployment {
  readonly outputs: Readonly<Record<string, string>>;
  readonly endpoint: string;
  readonly emulatorLog: string;
  readonly workspacePort: number;
  readonly openTrainPort: number;
}

const VARIABLE = 'DEPLOYMENT';

export const handOver = (deployment: Deployment): Record<string, string> => ({
  [VARIABLE]: JSON.stringify(deployment),
});

export function takeOver(): Deployment {
  const text = process.env[VARIABLE];
  if (text === undefined) throw new Error('These tests need a deployed stack: start them with npm run test:deploy.');
  return JSON.parse(text) as Deployment;
}

/** @throws when the stack has no such output */
export function output({ outputs }: Deployment, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new Error(`The stack has no output ${name}, only ${Object.keys(outputs).join(', ')}.`);
  return value;
}

/** In AWS the output WebhookUrlTemplate says it; the emulator serves an API below its own address. */
export function webhookUrl(deployment: Deployment, connectionId: string): string {
  const template = new URL(output(deployment, 'WebhookUrlTemplate'));
  const [apiId] = template.hostname.split('.');
  const path = decodeURI(template.pathname).replace('{connectionId}', connectionId);
  return `${deployment.endpoint}/_aws/execute-api/${apiId}/$default${path}`;
}
