import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';
import { asText, isIntrinsic } from '../references';

/** The total size of the inline policies of a role, without white space. */
const MAX_POLICY = 10_240;
const STACK_UUID = 36;
const LONG_ARN = 128;
const PSEUDO_PARAMETERS: Record<string, number> = { 'AWS::AccountId': 12, 'AWS::Partition': 10, 'AWS::Region': 14 };

/**
 * The error, if any, that IAM would raise because an inline policy is too long.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
export function policySizeErrors(scope: IConstruct, subject: string, policy: iam.PolicyDocument): string[] {
  const length = deployedLength(Stack.of(scope).resolve(policy));
  return length <= MAX_POLICY ? [] : [
    `the images of stack ${Stack.of(scope).stackName} use so many different values of ${subject} that the policy of their function would have `
    + `${length} characters, but IAM allows ${MAX_POLICY}; share a repository, or define the images in several stacks`,
  ];
}

function deployedLength(policy: any): number {
  return JSON.stringify(policy, (_, value) => (isIntrinsic(value) ? asText(value, placeholder) : value)).length;
}

/** As long as the deployed value. The stack's UUID is the only part of a value that a policy selects. */
function placeholder(reference: string | undefined, intrinsic: object): string {
  return 'x'.repeat('Fn::Select' in intrinsic ? STACK_UUID : PSEUDO_PARAMETERS[reference ?? ''] ?? LONG_ARN);
}
