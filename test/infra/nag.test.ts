import { type App, Validations } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { checkWithNag } from '../../infra/nag.ts';
import { createStack, EVERY_OPTION } from './synthesize.ts';

interface Finding {
  /** The resource, or what the acknowledgment counts for. */
  readonly path: string;
  /** `<pack>::<rule>`, with what was found in brackets where a rule tells several apart. */
  readonly id: string;
}

interface Acknowledgment extends Finding {
  readonly reason: string;
}

/** All that the rules find, acknowledged or not, warnings among it. */
function findingsIn(app: App): readonly Finding[] {
  return [new AwsSolutionsChecks(app), new ServerlessChecks(app)].flatMap((pack) =>
    pack.validateScope(app).violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath = '' }) => ({
        path: constructPath,
        id: `${pack.readPackName}::${ruleName}`,
      })),
    ),
  );
}

function acknowledgmentsIn(app: App): readonly Acknowledgment[] {
  return app.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries(data as Record<string, string>))
      .map(([id, reason]) => ({ path: node.path, id, reason })),
  );
}

const covers = (acknowledged: Finding, found: Finding): boolean =>
  acknowledged.id === found.id && `${found.path}/`.startsWith(`${acknowledged.path}/`);

describe.each([
  { name: 'dev', context: {} },
  { name: 'prod', context: { stage: 'prod' } },
  { name: 'prod with every option', context: EVERY_OPTION },
])("AWS's rules on $name", ({ context }) => {
  const { app } = createStack(context);
  const found = findingsIn(app);
  const acknowledged = acknowledgmentsIn(app);

  test('find nothing that nobody has answered for', () => {
    expect(found.filter((finding) => !acknowledged.some((one) => covers(one, finding)))).toEqual([]);
  });

  test('still find all that somebody has answered for', () => {
    expect(acknowledged.filter((one) => !found.some((finding) => covers(one, finding)))).toEqual([]);
  });

  test('let the synthesis pass', () => {
    checkWithNag(app);
    expect(() => app.synth()).not.toThrow();
  });
});

describe('a queue that takes requests without TLS', () => {
  test.each([{}, EVERY_OPTION])('fails the synthesis', (context) => {
    const { app, stack } = createStack(context);
    checkWithNag(app);
    new Queue(stack, 'Another');
    expect(() => app.synth()).toThrow('AwsSolutions-SQS4');
  });
});

test('every answer says why, in words', () => {
  const reasons = acknowledgmentsIn(createStack(EVERY_OPTION).app).map(({ reason }) => reason);
  expect(reasons.length).toBeGreaterThan(0);
  for (const reason of reasons) expect(reason).toMatch(/^[A-Z].{40,}\.$/);
});
