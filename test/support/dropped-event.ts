/** Events of a schedule that came to nothing, as AWS leaves them on a queue: the input of SQS's SendMessage. */

const DUE = { source: 'schedule', scheduledTime: '2026-11-20T08:00:00Z' } as const;

/** By EventBridge Scheduler, which could not call the function: the event as it was, the reason in the attributes. */
export function droppedByScheduler(message = 'The role may not call lambda:InvokeFunction.') {
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  return {
    MessageBody: JSON.stringify(DUE),
    MessageAttributes: { ERROR_CODE: text('AWS.Scheduler.AccessDenied'), ERROR_MESSAGE: text(message) },
  };
}

/** By Lambda, since the function failed each time: a record of the invocation. */
export function droppedByLambda(message = 'SQS answered 503.') {
  return {
    MessageBody: JSON.stringify({
      version: '1.0',
      timestamp: '2026-11-20T08:03:10.000Z',
      requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: DUE,
      responseContext: { statusCode: 200, functionError: 'Unhandled' },
      responsePayload: { errorType: 'AwsError', errorMessage: message },
    }),
  };
}
