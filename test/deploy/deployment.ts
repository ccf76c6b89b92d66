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

export const webhookUrl = (deployment: Deployment, connectionId: string): string =>
  fill(output(deployment, 'WebhookUrlTemplate'), { connectionId });

export const budgetUrl = (deployment: Deployment, connectionId: string, externalProjectId: string): string =>
  apiUrl(deployment, 'BudgetUrlTemplate', { connectionId, externalProjectId });

export const connectionUrl = (deployment: Deployment, connectionId: string): string =>
  apiUrl(deployment, 'ConnectionUrlTemplate', { connectionId });

/** As in the policies of those who may call it. */
export const apiIdOf = (deployment: Deployment): string =>
  new URL(output(deployment, 'ApiUrl')).hostname.split('.')[0] ?? '';

/** In AWS the output says it; the emulator also serves an API below its own address, as `run.ts` has told the stack. */
function apiUrl(deployment: Deployment, outputName: string, ids: Readonly<Record<string, string>>): string {
  const template = output(deployment, outputName).replace(output(deployment, 'ApiUrl'), '');
  return `${output(deployment, 'WebhookBaseUrl')}${fill(template, ids)}`;
}

function fill(template: string, ids: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? '');
}
