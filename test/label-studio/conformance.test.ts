import { describeConformance } from '../conformance/kit.ts';
import { createHarness } from './harness.ts';
import { takeOver } from './installation.ts';

describeConformance('Label Studio', async () => createHarness(takeOver()), {
  accessScope: 'workspace',
  rehireByPerson: true,
});
