import { CfnResource, Stack, Stage, Token, TokenComparison } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, Dependable, IConstruct, IDependable } from 'constructs';
import { executionRole } from './execution-role';
import { Image } from './image';
import { failure } from './validation';

const RUNTIME_TYPE = 'AWS::BedrockAgentCore::Runtime';

/** Binds while the app is being defined. */
export function bindRuntime(scope: Construct, image: Image, runtime: IConstruct): void {
  for (const resource of runtimeResources(scope, runtime)) {
    refuseForeign(scope, image, resource);
    const grant = image.repository.grantPull(executionRole(resource));
    resource.node.addDependency(...image.dependencies, grant);
  }
}

/**
 * Binds while the CDK resolves the Runtime during synthesis, when construct dependencies and cross-stack references
 * are no longer processed: only resources of stacks that are already connected can be ordered and granted then.
 */
export function bindRuntimeLate(scope: Construct, image: Image, runtime: IConstruct): void {
  for (const resource of runtimeResources(scope, runtime)) {
    refuseForeign(scope, image, resource);
    const role = executionRole(resource);
    const stacks = [Stack.of(resource), Stack.of(scope)];
    if (iam.Role.isRole(role) && !stacks.includes(Stack.of(role))) {
      throw failure(scope, `the execution role of ${runtime.node.path} is in the stack '${Stack.of(role).node.path}', where `
        + 'pull permission cannot be added this late; call bindRuntime(runtime) on the image after the Runtime is defined');
    }
    const grant = image.repository.grantPull(role);
    for (const dependency of [...image.dependencies, grant]) {
      resourcesOf(dependency).forEach((target) => dependOn(resource, target));
    }
  }
}

function runtimeResources(scope: Construct, runtime: IConstruct): CfnResource[] {
  const resources = runtime.node.findAll()
    .filter(CfnResource.isCfnResource)
    .filter((resource) => resource.cfnResourceType === RUNTIME_TYPE);
  if (resources.length > 0) {
    return resources;
  }
  if ('agentRuntimeArn' in runtime) {
    throw failure(scope, `'runtime' is an imported Runtime (${runtime.node.path}), which this app cannot update; `
      + 'pass the Runtime that this app defines, or set the image in the app that defines it');
  }
  throw failure(scope, `'runtime' must be or contain an ${RUNTIME_TYPE}, got ${runtime.constructor.name} (${runtime.node.path}); `
    + 'pass the Runtime construct that uses this image');
}

function refuseForeign(scope: Construct, image: Image, resource: CfnResource): void {
  if (Stage.of(resource) !== Stage.of(scope)) {
    throw failure(scope, `'runtime' (${resource.node.path}) belongs to another Stage than the image; `
      + 'define the image in the same Stage as the Runtime');
  }
  const home = Stack.of(resource);
  for (const [what, mine, theirs] of [
    ['region', image.repository.env.region, home.region],
    ['account', image.repository.env.account, home.account],
  ]) {
    if (Token.compareStrings(mine, theirs) === TokenComparison.DIFFERENT) {
      throw failure(scope, `'runtime' (${resource.node.path}) is in ${what} ${theirs}, but the image's repository is in ${what} ${mine}; `
        + `define the image in a stack of ${what} ${theirs}`);
    }
  }
}

function resourcesOf(dependency: IDependable): CfnResource[] {
  return Dependable.of(dependency).dependencyRoots
    .flatMap((root) => root.node.findAll())
    .filter(CfnResource.isCfnResource);
}

interface OrderedResource {
  addResourceDependency?(target: CfnResource): void;
  addDependency(target: CfnResource): void;
}

function dependOn(resource: OrderedResource, target: CfnResource): void {
  if (resource.addResourceDependency) {
    resource.addResourceDependency(target);
  } else {
    resource.addDependency(target);
  }
}
