import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/**
 * Where tokens and webhook secrets are found: SSM parameters that operators and the admin function create, below one
 * path a stage. The stack knows their names only, so no secret is in the template, in an environment variable or in
 * CloudFormation's history.
 *
 * A role that may read or write a SecureString under the key `aws/ssm` needs no right to that key: its policy lets SSM
 * encrypt and decrypt for everyone in the account whom SSM lets through.
 */
export class Credentials extends Construct {
  /** `/opentrain/<stage>` */
  readonly path: string;

  constructor(scope: Construct, id: string, { stage }: { readonly stage: string }) {
    super(scope, id);
    this.path = `/opentrain/${stage}`;
  }

  grantReadWebhookSecrets(grantee: IGrantable): void {
    this.grant(grantee, ['ssm:GetParameter'], ['connections/*/webhook-secrets']);
  }

  grantReadTokens(grantee: IGrantable): void {
    this.grant(
      grantee,
      ['ssm:GetParameter'],
      ['connections/*/token', 'workspaces/*/token', 'workspaces/*/usage-token'],
    );
  }

  /** For whoever connects and disconnects customers. A workspace's token is no business of theirs. */
  grantKeepConnections(grantee: IGrantable): void {
    this.grant(
      grantee,
      ['ssm:GetParameter', 'ssm:PutParameter', 'ssm:DeleteParameter'],
      ['connections/*/token', 'connections/*/webhook-secrets'],
    );
  }

  /** The wildcards in names stand for ids: connections come and go without a deployment. */
  private grant(grantee: IGrantable, actions: string[], names: readonly string[]): void {
    const arnOf = (name: string) =>
      Stack.of(this).formatArn({
        service: 'ssm',
        resource: 'parameter',
        resourceName: `${this.path.slice(1)}/${name}`,
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      });
    grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources: names.map(arnOf) }));
  }
}
