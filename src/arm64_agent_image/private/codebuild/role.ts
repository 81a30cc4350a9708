import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { arnOf } from './names';

/** A statement that allows actions on a resource. */
export function allow(resource: string, ...actions: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources: [resource] });
}

/**
 * A role for one service, acting for this account only, with its policy inline: whatever uses the role waits for one
 * resource instead of two.
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

/** Only the image's own project may use the role of its build. */
export function ofProject(scope: Construct, projectName: string): object {
  return { ArnLike: { 'aws:SourceArn': arnOf(scope, 'codebuild', 'project', projectName, ArnFormat.SLASH_RESOURCE_NAME) } };
}
