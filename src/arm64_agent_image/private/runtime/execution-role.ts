import { CfnResource, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, IConstruct } from 'constructs';
import { given, overridden } from './runtime-properties';

const ROLE_ARN = 'RoleArn';

/** The role with which AgentCore pulls the image of a Runtime. */
export function executionRole(runtime: CfnResource): iam.IRole {
  const roleArn = overridden(runtime, ROLE_ARN) ?? given(runtime, ROLE_ARN);
  const { role } = runtime.node.scope as IConstruct & { readonly role?: iam.IRole };
  if (role?.grantPrincipal && role.roleArn === roleArn) {
    return role;
  }
  const scope = runtime.node.scope as Construct;
  const id = `${runtime.node.id}ExecutionRole`;
  for (const candidate of runtime.node.root.node.findAll()) {
    if (isRole(candidate) && candidate.roleArn === roleArn) {
      return candidate;
    }
    if (isCfnRole(candidate) && candidate.attrArn === roleArn) {
      return iam.Role.fromRoleName(scope, id, candidate.ref);
    }
  }
  return iam.Role.fromRoleArn(scope, id, Token.asString(roleArn));
}

function isRole(candidate: IConstruct): candidate is iam.IRole {
  return 'roleArn' in candidate && 'attachInlinePolicy' in candidate;
}

function isCfnRole(candidate: IConstruct): candidate is iam.CfnRole {
  return CfnResource.isCfnResource(candidate) && candidate.cfnResourceType === iam.CfnRole.CFN_RESOURCE_TYPE_NAME;
}
