import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

export interface ConnectorTableProps {
  /**
   * Keeps the table when the stack is deleted, and has DynamoDB refuse its deletion.
   *
   * @default true
   */
  readonly retain?: boolean;
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

  constructor(scope: Construct, id: string, { retain = true }: ConnectorTableProps = {}) {
    super(scope, id);
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
  }

  /** The four operations of the store: no scan, no delete (records end or expire), no transaction. */
  grantReadWrite(grantee: IGrantable): void {
    this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:UpdateItem', 'dynamodb:Query');
  }

  /** The store's operations for whoever only looks. */
  grantRead(grantee: IGrantable): void {
    this.table.grant(grantee, 'dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query');
  }
}
