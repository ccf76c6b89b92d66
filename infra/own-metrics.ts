/** Where CloudWatch keeps the metrics of a stage's functions, since two stages may share an account. */
export const ownNamespace = (stage: string): string => `OpenTrainConnector/${stage}`;
