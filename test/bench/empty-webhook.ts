import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

/** What any handler costs: the floor of the comparison. */
export async function handler(): Promise<APIGatewayProxyStructuredResultV2> {
  return { statusCode: 202 };
}
