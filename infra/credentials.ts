import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledge } from './nag.ts';

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

  grantReadWebhookSecrets(role: Role): void {
    this.grant(role, ['ssm:GetParameter'], ['connections/*/webhook-secrets']);
  }

  grantReadTokens(role: Role): void {
    this.grant(role, ['ssm:GetParameter'], ['connections/*/token', 'workspaces/*/token', 'workspaces/*/usage-token']);
  }

  /** For whoever connects and disconnects customers. A workspace's token is no business of theirs. */
  grantKeepConnections(role: Role): void {
    this.grant(
      role,
      ['ssm:GetParameter', 'ssm:PutParameter', 'ssm:DeleteParameter'],
      ['connections/*/token', 'connections/*/webhook-secrets'],
    );
  }

  /** The wildcards in names stand for ids: connections come and go without a deployment. */
  private grant(role: Role, actions: string[], names: readonly string[]): void {
    const arnOf = (name: string) =>
      Stack.of(this).formatArn({
        service: 'ssm',
        resource: 'parameter',
        resourceName: `${this.path.slice(1)}/${name}`,
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      });
    role.addToPolicy(new PolicyStatement({ actions, resources: names.map(arnOf) }));
    for (const name of names) {
      const arn = `arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter${this.path}/${name}`;
      acknowledge(
        role,
        `AwsSolutions-IAM5[Resource::${arn}]`,
        'The wildcard stands for the id of a connection or a workspace, and for nothing else: they come and go without a ' +
          'deployment, and the name of the credential after it is exact.',
      );
    }
  }
}
