import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/**
 * Where tokens and webhook secrets are found: SSM parameters that operators create, below one path a stage. The stack
 * knows their names only, so no secret is in the template, in an environment variable or in CloudFormation's history.
 *
 * A role that may read a SecureString under the key `aws/ssm` needs no right to that key: its policy lets SSM decrypt
 * for everyone in the account whom SSM lets through.
 */
export class Credentials extends Construct {
  /** `/opentrain/<stage>` */
  readonly path: string;

  constructor(scope: Construct, id: string, { stage }: { readonly stage: string }) {
    super(scope, id);
    this.path = `/opentrain/${stage}`;
  }

  grantReadWebhookSecrets(grantee: IGrantable): void {
    this.grantRead(grantee, 'connections/*/webhook-secrets');
  }

  grantReadTokens(grantee: IGrantable): void {
    this.grantRead(grantee, 'connections/*/token', 'workspaces/*/token', 'workspaces/*/usage-token');
  }

  /** The wildcards stand for ids: connections come and go without a deployment. */
  private grantRead(grantee: IGrantable, ...names: readonly string[]): void {
    const arnOf = (name: string) =>
      Stack.of(this).formatArn({
        service: 'ssm',
        resource: 'parameter',
        resourceName: `${this.path.slice(1)}/${name}`,
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      });
    grantee.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['ssm:GetParameter'], resources: names.map(arnOf) }),
    );
  }
}
