import { createHmac } from 'node:crypto';

/**
 * `X-OpenTrain-Signature`, made from the documentation alone and not with the connector's own code, so that a mistake
 * there cannot hide here.
 *
 * @param now - milliseconds since the epoch
 */
export function signDelivery(secret: string, rawBody: string, now: number): string {
  const seconds = Math.floor(now / 1000);
  const signature = createHmac('sha256', secret).update(`${seconds}.${rawBody}`, 'utf8').digest('hex');
  return `t=${seconds},v1=${signature}`;
}
