import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { arnOf } from './names';

/**
 * A role for one service, which may assume it for this account only. Its policy is inline, so that what uses the role
 * waits for one resource instead of two.
 */
export function serviceRole(
  scope: Construct, id: string, service: string, description: string, policy: iam.PolicyDocument, conditions: object = {},
): iam.Role {
  return new iam.Role(scope, id, {
    description,
    assumedBy: new iam.ServicePrincipal(service, {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account }, ...conditions },
    }),
    inlinePolicies: { Policy: policy },
  });
}

/** A condition that lets only the image's own project assume the role of its build. */
export function ofProject(scope: Construct, projectName: string): object {
  return { ArnLike: { 'aws:SourceArn': arnOf(scope, 'codebuild', 'project', projectName) } };
}
