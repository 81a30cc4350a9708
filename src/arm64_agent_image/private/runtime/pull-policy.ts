import { Annotations, CfnResource, Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeRules } from '../acknowledgements';
import { property } from '../names-in-app';
import { allow } from '../statements';
import { executionRole } from './execution-role';

const PULL = ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'];
const LOGIN = 'ecr:GetAuthorizationToken';

/** Whether a Runtime has a policy to pull an image of this library. */
export function hasPullPolicy(runtime: CfnResource): boolean {
  return runtime.node.scope!.node.tryFindChild(policyId(runtime)) !== undefined;
}

/** The permission to pull from repositories, in a separate policy, so that the other permissions of the role do not delay the Runtime. */
export function pullPolicy(runtime: CfnResource, repositories: ecr.IRepository[]): iam.Policy {
  const scope = runtime.node.scope as Construct;
  const policy = scope.node.tryFindChild(policyId(runtime)) as iam.Policy | undefined ?? new iam.Policy(scope, policyId(runtime));
  policy.addStatements(...repositories.map(({ repositoryArn }) => allow(repositoryArn, PULL)), allow('*', [LOGIN]));
  executionRole(runtime).attachInlinePolicy(policy);
  if (Stack.of(policy).resolve((policy.node.defaultChild as iam.CfnPolicy).roles) === undefined) {
    Annotations.of(runtime).addWarningV2('arm64-agent-image:immutableRole',
      `this app cannot change the execution role of ${property('runtime')} (${runtime.node.path}); `
      + `allow the role to use ${[...PULL, LOGIN].join(', ')} where it is defined`);
  }
  acknowledgeRules(policy);
  return policy;
}

function policyId(runtime: CfnResource): string {
  return `${runtime.node.id}ImagePull`;
}
