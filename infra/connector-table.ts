import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, type CfnGlobalTable, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

export interface ConnectorTableProps {
  /**
   * Keeps the table when the stack is deleted, and has DynamoDB refuse its deletion.
   *
   * @default true
   */
  readonly retain?: boolean;

  /**
   * Encrypts the table and its backups.
   *
   * @default - AWS's own key for DynamoDB in the account, `aws/dynamodb`
   */
  readonly encryptionKey?: IKey | undefined;
}

/**
 * What the connector knows: connections, links, grants, seats, deliveries, budgets and usage in one table, told apart
 * by the prefixes of `pk` and `sk`.
 *
 * On demand, because hiring comes in bursts with silence between; point-in-time recovery over 35 days, because who may
 * work where is nowhere else on record; records of finished deliveries go by themselves at `expiresAt`.
 */
export class ConnectorTable extends Construct {
  readonly table: TableV2;

  private readonly encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, { retain = true, encryptionKey }: ConnectorTableProps = {}) {
    super(scope, id);
    this.encryptionKey = encryptionKey;
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: retain,
      removalPolicy: retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    if (encryptionKey) {
      // Not by `TableEncryptionV2`, which for the sake of replicas asks in which region the stack will be.
      const resource = this.table.node.defaultChild as CfnGlobalTable;
      resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', encryptionKey.keyArn);
    }
  }

  /** The four operations of the store: no scan, no delete (records end or expire), no transaction. */
  grantReadWrite(grantee: IGrantable): void {
    this.grantRead(grantee);
    this.table.grant(grantee, 'dynamodb:UpdateItem');
    this.encryptionKey?.grant(grantee, ...KEY_ACTIONS_TO_WRITE);
  }

  /** The store's operations for whoever only looks. */
  grantRead(grantee: IGrantable): void {
    this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query');
    this.encryptionKey?.grant(grantee, ...KEY_ACTIONS_TO_READ);
  }
}

/** DynamoDB uses the key in the name of whoever reads or writes. Source: what the CDK grants together with a table. */
const KEY_ACTIONS_TO_READ = ['kms:Decrypt', 'kms:DescribeKey'];
const KEY_ACTIONS_TO_WRITE = ['kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
