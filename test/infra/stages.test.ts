import { describe, expect, test } from 'vitest';
import {
  attemptAfter,
  certainRetrySeconds,
  readStageSettings,
  StageSettingsError,
  WORKSPACE_ADAPTERS,
} from '../../infra/stages.ts';
import { ADAPTER_NAMES, adapterNamed } from '../../shared/workspace/adapters.ts';

function mistakesIn(context: Record<string, unknown>): readonly string[] {
  try {
    readStageSettings(context);
    return [];
  } catch (error) {
    if (error instanceof StageSettingsError) return error.mistakes;
    throw error;
  }
}

describe('stage settings', () => {
  test('without any context are those of dev, so that cdk synth needs nothing', () => {
    expect(readStageSettings({})).toMatchObject({ stage: 'dev', retainData: false, workspace: 'http' });
  });

  test('keep the data of prod, and ask for its workspace', () => {
    expect(mistakesIn({ stage: 'prod' })).toEqual([
      'workspaceUrl: must be stated, for example with -c workspaceUrl=https://…',
    ]);
    expect(readStageSettings({ stage: 'prod', workspaceUrl: 'https://workspace.example.com' }).retainData).toBe(true);
  });

  test('take text from the command line and values from cdk.json alike', () => {
    const text = readStageSettings({ workerConcurrency: '20', retainData: 'true' });
    expect(text).toEqual(readStageSettings({ workerConcurrency: 20, retainData: true }));
    expect(text).toMatchObject({ workerConcurrency: 20, retainData: true });
  });

  test('leave alone the context that is of others', () => {
    expect(mistakesIn({ '@aws-cdk/core:checkSecretUsage': true, 'aws:cdk:bundling-stacks': ['**'] })).toEqual([]);
  });

  test.each([
    'http://localhost:8787',
    'http://127.0.0.1:8787/api',
    'http://[::1]:8787',
    'https://workspace.example.com/api',
  ])('let the workspace be at %s', (workspaceUrl) => expect(mistakesIn({ workspaceUrl })).toEqual([]));

  test.each([
    'http://workspace.example.com',
    'http://localhost.example.com',
    'https://user:word@workspace.example.com',
    'https://workspace.example.com/?token=1',
    'ftp://workspace.example.com',
    'workspace.example.com',
  ])('do not let the workspace be at %s, nor repeat it', (workspaceUrl) => {
    expect(mistakesIn({ workspaceUrl })).toEqual([
      'workspaceUrl: must be an https URL (http only on this machine) without a user, a query or a fragment',
    ]);
  });

  test.each([
    ['alarmEmail', 'nobody', 'must be an e-mail address, not "nobody"'],
    [
      'workspace',
      'csv',
      'must be one of http, label-studio, label-studio-by-hand, scim, scim-label-studio-enterprise, not "csv"',
    ],
    ['usageWorkspace', 'http', 'goes together with usageWorkspaceUrl: state both or neither'],
    ['retainData', 'yes', 'must be true or false, not "yes"'],
    ['workerConcurrency', '1', 'must be a whole number from 2 to 1000, not "1"'],
    ['requestBurst', '1.5', 'must be a whole number from 1 to 5000, not "1.5"'],
    ['logRetentionDays', '15', 'must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150'],
    ['maxReceiveCount', '20', '20 attempts may be over after 0.6 h, but an outage of 6 h has to be outlasted'],
    ['usageMinutes', '0', 'must be a whole number from 1 to 1440, not "0"'],
    ['usageMinutes', '1441', 'must be a whole number from 1 to 1440, not "1441"'],
    ['usageLookBackDays', '31', 'must be a whole number from 1 to 30, not "31"'],
    ['usageConcurrency', '1', 'must be a whole number from 2 to 1000, not "1"'],
    ['reconcileMinutes', '0', 'must be a whole number from 1 to 1440, not "0"'],
    ['reconcileMinutes', '1441', 'must be a whole number from 1 to 1440, not "1441"'],
    ['reconcileConcurrency', '1', 'must be a whole number from 2 to 1000, not "1"'],
    ['graceHours', '721', 'must be a whole number from 0 to 720, not "721"'],
    ['graceHours', '-1', 'must be a whole number from 0 to 720, not "-1"'],
    ['keepAccessAfterUnlink', 'maybe', 'must be true or false, not "maybe"'],
    ['webhookBaseUrl', 'http://hooks.example.com', 'must be an https URL (http only on this machine) without a user'],
    ['topUpUrl', 'http://pay.example.com', 'must be an https URL (http only on this machine) without a user'],
    ['topUpUrl', 'https://me@pay.example.com', 'must be an https URL (http only on this machine) without a user'],
    ['encryptionKeyArn', 'alias/ours', "must be a KMS key's ARN, arn:aws:kms:<region>:<account>:key/<id> (no alias)"],
    ['encryptionKeyArn', 'arn:aws:kms:eu-west-1:111122223333:alias/ours', "must be a KMS key's ARN"],
    ['encryptionKeyArn', 'arn:aws:s3:::bucket', "must be a KMS key's ARN"],
    ['encryptionKeyArn', '1234abcd-12ab-34cd-56ef-1234567890ab', "must be a KMS key's ARN"],
    ['traceDeliveries', 'sometimes', 'must be true or false, not "sometimes"'],
    ['workspaceURL', 'https://workspace.example.com', 'there is no such setting; did you mean workspaceUrl?'],
  ])('%s: %s is told', (name, value, mistake) => {
    expect(mistakesIn({ [name]: value })).toEqual([expect.stringContaining(`${name}: ${mistake}`)]);
  });

  test.each([
    'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    'arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab',
    'arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  ])('let everything be encrypted with %s', (encryptionKeyArn) => {
    expect(readStageSettings({ encryptionKeyArn })).toMatchObject({ encryptionKeyArn });
  });

  test("leave encryption to AWS's keys, and deliveries untraced", () => {
    const settings = readStageSettings({});
    expect(settings).not.toHaveProperty('encryptionKeyArn');
    expect(settings.traceDeliveries).toBe(false);
  });

  test('have usage reported every hour, with the three days before', () => {
    expect(readStageSettings({})).toMatchObject({ usageMinutes: 60, usageLookBackDays: 3, usageConcurrency: 5 });
  });

  test('have everything reconciled every half hour; access lasts a day longer than a connection, and no longer than a link', () => {
    expect(readStageSettings({})).toMatchObject({
      reconcileMinutes: 30,
      reconcileConcurrency: 5,
      graceHours: 24,
      keepAccessAfterUnlink: false,
    });
  });

  test('take a domain in front of the API with or without a slash at its end', () => {
    expect(readStageSettings({ webhookBaseUrl: 'https://hooks.example.com/a//' })).toMatchObject({
      webhookBaseUrl: 'https://hooks.example.com/a',
    });
    expect(readStageSettings({})).not.toHaveProperty('webhookBaseUrl');
  });

  test('send who tops up to the OpenTrain that is called, unless told otherwise', () => {
    const topUpUrlOf = (context: Record<string, string>) => readStageSettings(context).topUpUrl;
    expect(topUpUrlOf({})).toBe('https://app.opentrain.ai');
    expect(topUpUrlOf({ openTrainBaseUrl: 'http://127.0.0.1:8788/api/partner/v1' })).toBe('http://127.0.0.1:8788');
    const topUpUrl = 'https://pay.example.com/funds?contract={contractId}';
    expect(topUpUrlOf({ topUpUrl })).toBe(topUpUrl);
  });

  test('tell a wrong URL of OpenTrain once', () => {
    expect(mistakesIn({ openTrainBaseUrl: 'opentrain' })).toEqual([
      expect.stringContaining('openTrainBaseUrl: must be an https URL'),
    ]);
  });

  test('let access be by one adapter and the usage by another', () => {
    const usage = { usageWorkspace: 'http', usageWorkspaceUrl: 'https://totals.example.com' };
    expect(readStageSettings({ workspace: 'scim', ...usage })).toMatchObject({ workspace: 'scim', ...usage });
  });

  test('do not let the usage be by an adapter that has none', () => {
    const usage = { usageWorkspace: 'scim', usageWorkspaceUrl: 'https://scim.example.com' };
    expect(mistakesIn(usage)).toEqual(['usageWorkspace: must be an adapter that tells totals, and "scim" does not']);
  });

  test('hold the URL of the usage to the same rules', () => {
    const usage = { usageWorkspace: 'http', usageWorkspaceUrl: 'http://totals.example.com' };
    expect(mistakesIn(usage)).toEqual([expect.stringContaining('usageWorkspaceUrl: must be an https URL')]);
  });

  test('know the adapters that the functions know, and what these can do', () => {
    const known = ADAPTER_NAMES.map((name) => [name, { hasTotals: adapterNamed(name).hasTotals }]);
    expect(WORKSPACE_ADAPTERS).toEqual(Object.fromEntries(known));
  });

  test('tell every mistake at once', () => {
    const context = {
      stage: 'qa',
      workspaceUrl: 'http://workspace.example.com',
      alarmEmail: 'nobody',
      requestBurst: '0',
    };
    expect(() => readStageSettings({ ...context, maxReceiveCount: 5 })).toThrowErrorMatchingInlineSnapshot(`
      [StageSettingsError: The stage settings cannot be used:
        - stage: "qa" is none of dev, prod; infra/stages.ts says how to add one
        - workspaceUrl: must be an https URL (http only on this machine) without a user, a query or a fragment
        - alarmEmail: must be an e-mail address, not "nobody"
        - requestBurst: must be a whole number from 1 to 5000, not "0"
        - maxReceiveCount: 5 attempts may be over after 0.0 h, but an outage of 6 h has to be outlasted (outageToOutlastHours)]
    `);
  });
});

describe('patience', () => {
  test('the default settings outlast a six-hour outage of the workspace', () => {
    const settings = readStageSettings({});
    expect(certainRetrySeconds(settings)).toBeGreaterThan(6 * 3600);
  });

  test('is what full jitter adds up to, less four standard deviations', () => {
    // Twelve waits between 0 and 100 s: mean 12 × 50 = 600 s, variance 12 × 100² / 12, so a standard deviation of 100
    // s.
    expect(certainRetrySeconds({ retryBaseSeconds: 100, retryCapSeconds: 100, maxReceiveCount: 12 })).toBeCloseTo(200);
  });

  test('says at which attempt a delivery has waited for a quarter of an hour', () => {
    // In the mean 2 + 4 + 8 + … + 256 = 510 s before the ninth attempt, and 450 s more before the tenth.
    expect(attemptAfter(15 * 60, readStageSettings({}))).toBe(10);
  });
});
