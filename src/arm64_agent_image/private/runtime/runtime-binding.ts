import { Annotations, CfnResource, Stack, Stage, Token, TokenComparison } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, IConstruct } from 'constructs';
import { acknowledgeRules } from '../acknowledgements';
import { executionRole } from './execution-role';
import { Image } from '../image';
import { failure } from '../validation';

const RUNTIME_TYPE = 'AWS::BedrockAgentCore::Runtime';

/** The Runtimes that wait for an image and may pull it. */
export class RuntimeBinding {
  private readonly bound = new Set<CfnResource>();
  private closed = false;

  constructor(private readonly scope: Construct, private readonly image: Image) {}

  /** Binds what is, or contains, a Runtime. */
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
   * Binds the Runtimes that use `artifact` and that the app did not bind: the last moment at which the CDK still
   * processes dependencies and cross-stack references is when it invokes Aspects.
   */
  public bindUsersOf(artifact: unknown): void {
    Stage.of(this.scope)!.node.findAll().filter(isRuntime)
      .filter(({ node }) => (node.scope as { agentRuntimeArtifact?: unknown }).agentRuntimeArtifact === artifact)
      .forEach((runtime) => this.bind(runtime));
    this.closed = true;
  }

  /** Refuses a Runtime that could not be bound any more. */
  public requireBound(runtime: IConstruct): void {
    const unbound = this.runtimeResources(runtime).find((resource) => !this.bound.has(resource));
    if (this.closed && unbound) {
      throw failure(this.scope, `'runtime' (${runtime.node.path}) was defined during synthesis, too late to wait for the image by itself; `
        + 'call bindRuntime(runtime) on the image where the Runtime is defined');
    }
  }

  private runtimeResources(runtime: IConstruct): CfnResource[] {
    const resources = runtime.node.findAll().filter(isRuntime);
    if (resources.length > 0) {
      resources.forEach((resource) => this.refuseForeign(resource));
      return resources;
    }
    if ('agentRuntimeArn' in runtime) {
      throw failure(this.scope, `'runtime' is an imported Runtime (${runtime.node.path}), which this app cannot update; `
        + 'pass the Runtime that this app defines, or set the image in the app that defines it');
    }
    throw failure(this.scope, `'runtime' must be or contain an ${RUNTIME_TYPE}, got ${runtime.constructor.name} (${runtime.node.path}); `
      + 'pass the Runtime construct that uses this image');
  }

  private refuseForeign(resource: CfnResource): void {
    if (Stage.of(resource) !== Stage.of(this.scope)) {
      throw failure(this.scope, `'runtime' (${resource.node.path}) belongs to another Stage than the image; `
        + 'define the image in the same Stage as the Runtime');
    }
    const [mine, theirs] = [this.image.repository.env, Stack.of(resource)];
    if (Token.compareStrings(mine.region, theirs.region) === TokenComparison.DIFFERENT) {
      throw failure(this.scope, `'runtime' (${resource.node.path}) is in region ${theirs.region}, but the image's repository is in region `
        + `${mine.region}; define the image in a stack of region ${theirs.region}`);
    }
    if (Token.compareStrings(mine.account, theirs.account) === TokenComparison.DIFFERENT) {
      Annotations.of(this.scope).addWarningV2('arm64-agent-image:otherAccount',
        `'runtime' (${resource.node.path}) is in account ${theirs.account}, but the image's repository is in account ${mine.account}; `
        + `the policy of the repository must let account ${theirs.account} pull from it`);
    }
  }

  /** A policy of its own, beside the Runtime: whatever else the role may do does not delay the Runtime. */
  private pullPolicy(resource: CfnResource): iam.Policy {
    const scope = resource.node.scope as Construct;
    const id = `${resource.node.id}ImagePull`;
    const policy = scope.node.tryFindChild(id) as iam.Policy | undefined ?? new iam.Policy(scope, id);
    policy.addStatements(
      new iam.PolicyStatement({
        actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        resources: [this.image.repository.repositoryArn],
      }),
      new iam.PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
    );
    executionRole(resource).attachInlinePolicy(policy);
    acknowledgeRules(policy);
    return policy;
  }
}

function isRuntime(construct: IConstruct): construct is CfnResource {
  return CfnResource.isCfnResource(construct) && construct.cfnResourceType === RUNTIME_TYPE;
}
