import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';

/** An error that tells which construct it is about. */
export function failure(scope: IConstruct, message: string): Error {
  return new Error(`${scope.node.path}: ${message}`);
}

/** A property that is part of the content hash, hence must be known at synthesis. */
export function requireLiteral(scope: IConstruct, property: string, value: string): void {
  if (Token.isUnresolved(value)) {
    throw failure(scope, `'${property}' must be known at synthesis because it is part of the image's content tag, got a token; `
      + 'pass a literal value, or read the value when the agent starts');
  }
}

/** A string that can be an argument of a process. */
export function requireArgument(scope: IConstruct, property: string, value: string): void {
  requireLiteral(scope, property, value);
  if (/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
    throw failure(scope, `'${property}' must not contain NUL characters or unpaired surrogates, got ${JSON.stringify(value)}; `
      + 'remove them, or encode the value');
  }
}

/** Whole minutes within bounds. */
export function requireMinutes(scope: IConstruct, property: string, value: Duration, min: number, max: number, why: string): number {
  const minutes = value.isUnresolved() ? NaN : value.toMinutes({ integral: false });
  if (!Number.isInteger(minutes) || minutes < min || minutes > max) {
    throw failure(scope, `'${property}' must be ${min} to ${max} whole minutes, got ${value.isUnresolved() ? 'a token' : value.toHumanString()}; ${why}`);
  }
  return minutes;
}

/** What all inline policies of a role may take, without white space. */
const MAX_POLICY = 10_240;
const PSEUDO_PARAMETERS: Record<string, number> = { 'AWS::AccountId': 12, 'AWS::Partition': 10, 'AWS::Region': 14, 'AWS::StackId': 36 };

/**
 * Errors when a policy is too long for a role.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
export function requirePolicySize(scope: IConstruct, property: string, policy: iam.PolicyDocument): string[] {
  const length = deployedLength(Stack.of(scope).resolve(policy));
  return length <= MAX_POLICY ? [] : [
    `the images of stack ${Stack.of(scope).stackName} use so many different '${property}' that the policy of their function would take `
    + `${length} characters, but IAM allows ${MAX_POLICY}; share a repository, or put the images into several stacks`,
  ];
}

/** How long a resolved value is as JSON once it is deployed; what is not known yet counts as a long ARN. */
function deployedLength(value: any): number {
  if (typeof value !== 'object') {
    return JSON.stringify(value).length;
  }
  if (Array.isArray(value)) {
    return value.reduce((sum, item) => sum + deployedLength(item) + 1, 2);
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'];
    return parts.reduce((sum: number, part: any) => sum + deployedLength(part) - 2 + separator.length, 2);
  }
  if ('Ref' in value) {
    return (PSEUDO_PARAMETERS[value.Ref] ?? 128) + 2;
  }
  const [key] = Object.keys(value);
  if (key.startsWith('Fn::')) {
    return (key === 'Fn::Select' ? PSEUDO_PARAMETERS['AWS::StackId'] : 128) + 2;
  }
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + 4 + deployedLength(item), 2);
}
