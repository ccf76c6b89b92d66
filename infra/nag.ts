import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

/** Has `cdk synth` fail on what AWS's rules for solutions and for serverless applications find. */
export function checkWithNag(app: App): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
}

/**
 * Says why a finding is none here. It counts for the construct and what is below it.
 *
 * @param finding - the rule's name, and what it found in brackets where it tells several apart: `AwsSolutions-IAM5[Resource::*]`
 */
export function acknowledge(scope: IConstruct, finding: string, reason: string): void {
  const [pack] = finding.split('-');
  Validations.of(scope).acknowledge({ id: `${pack}::${finding}`, reason });
}
