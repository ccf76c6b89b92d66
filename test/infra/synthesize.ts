import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import cdk from '../../cdk.json' with { type: 'json' };
import { FUNCTION_NAMES } from '../../infra/bundle.ts';
import { ConnectorStack } from '../../infra/connector-stack.ts';
import { readStageSettings } from '../../infra/stages.ts';

const EMPTY_BUNDLES = emptyBundles();

export const WORKSPACE_URL = 'https://workspace.example.com/api';

export const KEY_ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';

/** What a customer may add to prod: everything that adds resources or permissions. */
export const EVERY_OPTION = {
  stage: 'prod',
  alarmEmail: 'ops@example.com',
  webhookBaseUrl: 'https://hooks.example.com',
  encryptionKeyArn: KEY_ARN,
  traceDeliveries: 'true',
} as const;

/** The template of a stage, made as `cdk synth -c name=value …` makes it, around empty bundles. */
export function synthesize(context: Readonly<Record<string, string>> = {}): Template {
  return Template.fromStack(createStack(context).stack);
}

/** The same, before it is synthesized. */
export function createStack(context: Readonly<Record<string, string>> = {}): { app: App; stack: ConnectorStack } {
  const app = new App({ context: { ...cdk.context, workspaceUrl: WORKSPACE_URL, ...context } });
  const settings = readStageSettings(app.node.getAllContext());
  const stack = new ConnectorStack(app, `OpenTrainConnector-${settings.stage}`, {
    settings,
    bundleDirectory: EMPTY_BUNDLES,
  });
  return { app, stack };
}

function emptyBundles(): string {
  const directory = mkdtempSync(join(tmpdir(), 'connector-bundles-'));
  for (const name of FUNCTION_NAMES) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'index.js'), 'exports.handler = async () => {};\n');
  }
  return directory;
}

/** The one resource of a type whose logical id begins so. */
export function resource(template: Template, type: string, idPrefix: string): Record<string, unknown> {
  const found = Object.entries(template.findResources(type)).filter(([id]) => id.startsWith(idPrefix));
  const [only, ...others] = found;
  if (only === undefined || others.length > 0)
    throw new Error(`Expected one ${type} ${idPrefix}…, found ${found.length}.`);
  return only[1];
}

export function properties(template: Template, type: string, idPrefix: string): Record<string, unknown> {
  return resource(template, type, idPrefix).Properties as Record<string, unknown>;
}

/** The environment of the one function whose logical id begins so. */
export function environmentIn(template: Template, idPrefix: string): Record<string, unknown> {
  const { Environment } = properties(template, 'AWS::Lambda::Function', idPrefix);
  return (Environment as { Variables: Record<string, unknown> }).Variables;
}

/**
 * Writes a value of a template as text, references as `<Name>` or `<Name.Attribute>`, and logical ids without the hash
 * at their end.
 */
export function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join, ...others } = value as Record<string, unknown>;
  if (typeof Ref === 'string') return `<${withoutHash(Ref)}>`;
  if (Array.isArray(attribute)) return `<${withoutHash(String(attribute[0]))}.${attribute[1]}>`;
  if (Array.isArray(join)) return (join[1] as unknown[]).map(asText).join(join[0]);
  return JSON.stringify(others);
}

const withoutHash = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

/** What a role may do: each action with the resources that it is allowed on. Statements that deny are left out. */
export function permissions(template: Template, rolePrefix: string): Record<string, string[]> {
  interface Statement {
    readonly Effect: string;
    readonly Action: string | string[];
    readonly Resource: unknown;
    readonly Condition?: unknown;
  }
  const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
    (Properties.Roles as unknown[]).some((role) => asText(role) === `<${rolePrefix}>`),
  );
  const statements = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[]);
  const allowed: Record<string, string[]> = {};
  for (const { Action, Resource } of statements.filter(({ Effect }) => Effect === 'Allow')) {
    for (const action of [Action].flat()) {
      allowed[action] = [...(allowed[action] ?? []), ...[Resource].flat().map(asText)];
    }
  }
  return allowed;
}
