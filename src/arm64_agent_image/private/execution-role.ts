import { CfnResource, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, IConstruct } from 'constructs';

/** The role that AgentCore pulls the image with, found for L2 and L1 Runtimes alike. */
export function executionRole(runtime: CfnResource): iam.IRole {
  const { roleArn } = runtime as unknown as { readonly roleArn: string };
  const { role } = runtime.node.scope as IConstruct & { readonly role?: iam.IRole };
  if (role?.grantPrincipal && role.roleArn === roleArn) {
    return role;
  }
  for (const candidate of runtime.node.root.node.findAll()) {
    if (iam.Role.isRole(candidate) && candidate.roleArn === roleArn) {
      return candidate;
    }
    if (isCfnRole(candidate) && candidate.attrArn === roleArn) {
      return imported(runtime, (scope, id) => iam.Role.fromRoleName(scope, id, candidate.ref));
    }
  }
  return imported(runtime, (scope, id) => iam.Role.fromRoleArn(scope, id, Token.asString(roleArn)));
}

function isCfnRole(candidate: IConstruct): candidate is iam.CfnRole {
  return CfnResource.isCfnResource(candidate) && candidate.cfnResourceType === iam.CfnRole.CFN_RESOURCE_TYPE_NAME;
}

function imported(runtime: CfnResource, make: (scope: Construct, id: string) => iam.IRole): iam.IRole {
  const scope = runtime.node.scope as Construct;
  const id = `${runtime.node.id}ExecutionRole`;
  return scope.node.tryFindChild(id) as iam.IRole | undefined ?? make(scope, id);
}
