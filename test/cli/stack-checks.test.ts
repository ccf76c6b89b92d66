import { expect, test } from 'vitest';
import { adviceOnRaised } from '../../cli/stack-checks.ts';
import { synthesize } from '../infra/synthesize.ts';

/** What `check` says of an alarm that is raised. Against a stack, it is tested in test/deploy. */

const ALARMS = Object.values(synthesize({ stage: 'prod' }).findResources('AWS::CloudWatch::Alarm'))
  .map(({ Properties }) => Properties)
  .map(({ AlarmName, AlarmDescription }) => ({ name: String(AlarmName), description: String(AlarmDescription) }))
  .map((alarm) => ({ short: alarm.name.replace('OpenTrain connector (prod): ', ''), alarm }));

test.each(ALARMS)('"$short" is told with its entry in the runbook', ({ alarm }) => {
  expect(adviceOnRaised(alarm)).toMatch(/^Raised: OpenTrain connector \(prod\): .* docs\/runbook\.md#[\w-]+$/);
  expect(adviceOnRaised(alarm)).toContain(alarm.name);
});

test('an alarm of an earlier version, which has none, is told with where to look', () => {
  const advice = adviceOnRaised({ name: 'prod: deliveries are waiting', description: 'A delivery has waited.' });
  expect(advice).toContain('Raised: prod: deliveries are waiting. Its description in CloudWatch');
});
