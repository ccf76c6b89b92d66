import { App } from 'aws-cdk-lib';
import { bundleFunctions } from './bundle.ts';
import { ConnectorStack } from './connector-stack.ts';
import { checkWithNag } from './nag.ts';
import { readStageSettings, StageSettingsError } from './stages.ts';

/** What `cdk` runs (see cdk.json). No account and no region are asked for: they are those of whoever deploys. */
function main(): void {
  const app = new App();
  checkWithNag(app);
  const settings = readStageSettings(app.node.getAllContext());
  // Here rather than in a step before, so that a template never goes out with the bundles of yesterday.
  bundleFunctions();
  new ConnectorStack(app, `OpenTrainConnector-${settings.stage}`, { settings });
}

try {
  main();
} catch (error) {
  if (!(error instanceof StageSettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
