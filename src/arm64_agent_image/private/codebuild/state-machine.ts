import { TIMEOUTS } from './timeouts';

const INFRASTRUCTURE_ERRORS = [
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.TooManyRequestsException',
];

/**
 * The state machine that provides an image: it calls the function, waits as long as the function says, and calls it again
 * until CloudFormation has a response.
 *
 * An update first assembles the image from the previous one where it can. Whatever becomes of it, running out of memory or
 * time included, the next state finds the image or starts a build.
 *
 * If the function fails, another state reports the error to CloudFormation. What cannot be caught, such as the timeout of
 * the execution, the function avoids by responding earlier.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function stateMachineDefinition(functionArn: string): object {
  const retry = [
    { ErrorEquals: INFRASTRUCTURE_ERRORS, IntervalSeconds: 2, MaxAttempts: 20, BackoffRate: 2, MaxDelaySeconds: 30, JitterStrategy: 'FULL' },
    { ErrorEquals: ['States.ALL'], IntervalSeconds: 5, MaxAttempts: 3, BackoffRate: 2 },
  ];
  const input = { 'Request.$': '$.Request', 'Progress.$': '$.Progress', 'Started.$': '$$.Execution.StartTime' };
  return {
    StartAt: 'Is update',
    TimeoutSeconds: TIMEOUTS.execution.toSeconds(),
    States: {
      'Is update': {
        Type: 'Choice',
        Choices: [{ Variable: '$.Request.RequestType', StringEquals: 'Update', Next: 'Assemble' }],
        Default: 'Proceed',
      },
      'Assemble': {
        Type: 'Task',
        Resource: functionArn,
        Parameters: { ...input, Assemble: true },
        ResultPath: null,
        TimeoutSeconds: TIMEOUTS.assembly.toSeconds(),
        Retry: [{ ErrorEquals: INFRASTRUCTURE_ERRORS, IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2, JitterStrategy: 'FULL' }],
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: null, Next: 'Proceed' }],
        Next: 'Proceed',
      },
      'Proceed': {
        Type: 'Task',
        Resource: functionArn,
        Parameters: input,
        ResultPath: '$.Progress',
        Retry: retry,
        Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.Error', Next: 'Report failure' }],
        Next: 'Has responded',
      },
      'Has responded': {
        Type: 'Choice',
        Choices: [{ Variable: '$.Progress.responded', BooleanEquals: true, Next: 'Done' }],
        Default: 'Wait',
      },
      'Wait': { Type: 'Wait', SecondsPath: '$.Progress.wait_seconds', Next: 'Proceed' },
      'Report failure': {
        Type: 'Task',
        Resource: functionArn,
        Parameters: { ...input, 'Error.$': '$.Error' },
        Retry: retry,
        Next: 'Done',
      },
      'Done': { Type: 'Succeed' },
    },
  };
}
