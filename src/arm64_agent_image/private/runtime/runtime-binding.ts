import { Annotations, CfnResource, Stack, Stage, Token, TokenComparison } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, IConstruct } from 'constructs';
import { acknowledgeRules } from '../acknowledgements';
import { executionRole } from './execution-role';
import { Image } from '../image';
import { inAppLanguage, property } from '../names-in-app';
import { allow } from '../statements';
import { validationError } from '../validation';

const RUNTIME_TYPE = 'AWS::BedrockAgentCore::Runtime';

/** Makes Runtimes wait for an image, and allows them to pull it. */
export class RuntimeBinding {
  private readonly bound = new Set<CfnResource>();
  private closed = false;

  constructor(private readonly scope: Construct, private readonly image: Image) {}

  /** Binds a Runtime, or every Runtime that a construct contains. */
  public bind(runtime: IConstruct): void {
    for (const resource of this.runtimeResources(runtime)) {
      if (!this.bound.has(resource)) {
        this.bound.add(resource);
        resource.node.addDependency(...this.image.dependencies, this.pullPolicy(resource));
        if (this.image.dependencies.length > 0) {
          acknowledgeRules(resource);
        }
      }
    }
  }

  /**
   * Binds the Runtimes that use `artifact` and that the app has not bound. Aspects are the last phase of synthesis in which
   * the CDK still processes new dependencies and cross-stack references.
   */
  public bindUsersOf(artifact: unknown): void {
    Stage.of(this.scope)!.node.findAll().filter(isRuntime)
      .filter(({ node }) => (node.scope as { agentRuntimeArtifact?: unknown }).agentRuntimeArtifact === artifact)
      .forEach((runtime) => this.bind(runtime));
    this.closed = true;
  }

  /** Fails if a Runtime was defined too late to be bound. */
  public requireBound(runtime: IConstruct): void {
    const unbound = this.runtimeResources(runtime).find((resource) => !this.bound.has(resource));
    if (this.closed && unbound) {
      throw validationError(this.scope, `${property('runtime')} (${runtime.node.path}) was defined during synthesis, too late to be bound to the image automatically; `
        + `call ${inAppLanguage('bindRuntime')}(runtime) on the image where the Runtime is defined`);
    }
  }

  private runtimeResources(runtime: IConstruct): CfnResource[] {
    const resources = runtime.node.findAll().filter(isRuntime);
    if (resources.length > 0) {
      resources.forEach((resource) => this.requireSameEnvironment(resource));
      return resources;
    }
    if ('agentRuntimeArn' in runtime) {
      throw validationError(this.scope, `${property('runtime')} is an imported Runtime (${runtime.node.path}), which this app cannot update; `
        + 'pass a Runtime that this app defines, or set the image in the app that defines the Runtime');
    }
    throw validationError(this.scope, `${property('runtime')} must be or contain an ${RUNTIME_TYPE}, got ${runtime.node.path}; `
      + 'pass the Runtime construct that uses this image');
  }

  private requireSameEnvironment(resource: CfnResource): void {
    if (Stage.of(resource) !== Stage.of(this.scope)) {
      throw validationError(this.scope, `${property('runtime')} (${resource.node.path}) belongs to another Stage than the image; `
        + 'define the image in the same Stage as the Runtime');
    }
    const [mine, theirs] = [this.image.repository.env, Stack.of(resource)];
    if (Token.compareStrings(mine.region, theirs.region) === TokenComparison.DIFFERENT) {
      throw validationError(this.scope, `${property('runtime')} (${resource.node.path}) is in region ${theirs.region}, but the image's repository is in region `
        + `${mine.region}; define the image in a stack in region ${theirs.region}`);
    }
    if (Token.compareStrings(mine.account, theirs.account) === TokenComparison.DIFFERENT) {
      Annotations.of(this.scope).addWarningV2('arm64-agent-image:otherAccount',
        `${property('runtime')} (${resource.node.path}) is in account ${theirs.account}, but the image's repository is in account ${mine.account}; `
        + `the repository policy must allow account ${theirs.account} to pull`);
    }
  }

  /** The permission to pull, in a separate policy, so that the other permissions of the role do not delay the Runtime. */
  private pullPolicy(resource: CfnResource): iam.Policy {
    const scope = resource.node.scope as Construct;
    const id = `${resource.node.id}ImagePull`;
    const policy = scope.node.tryFindChild(id) as iam.Policy | undefined ?? new iam.Policy(scope, id);
    policy.addStatements(
      allow(this.image.repository.repositoryArn, ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage']),
      allow('*', ['ecr:GetAuthorizationToken']),
    );
    executionRole(resource).attachInlinePolicy(policy);
    acknowledgeRules(policy);
    return policy;
  }
}

function isRuntime(construct: IConstruct): construct is CfnResource {
  return CfnResource.isCfnResource(construct) && construct.cfnResourceType === RUNTIME_TYPE;
}
