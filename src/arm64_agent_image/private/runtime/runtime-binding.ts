import { CfnResource, Stack, Stage } from 'aws-cdk-lib';
import { Construct, IConstruct } from 'constructs';
import { BuildMode } from '../../build-mode';
import { acknowledgeRules } from '../acknowledgements';
import { artifactOf, containerUri, resolveText } from './container-uri';
import { requireSameEnvironment } from './environment';
import { hasPullPolicy, pullPolicy } from './pull-policy';
import { OrderedRepository } from '../codebuild/ordered-repository';
import { Image } from '../image';
import { inAppLanguage, property } from '../names-in-app';
import { validationError } from '../validation';

const RUNTIME_TYPE = 'AWS::BedrockAgentCore::Runtime';
const ENDPOINT_TYPE = 'AWS::BedrockAgentCore::RuntimeEndpoint';

/** Makes Runtimes wait for an image, and allows them to pull it. */
export class RuntimeBinding {
  private readonly bound = new Set<CfnResource>();
  private closed = false;

  constructor(private readonly scope: Construct, private readonly image: Image) {}

  /** Binds a Runtime, or every Runtime that a construct contains. */
  public bind(runtime: IConstruct): void {
    const { dependencies, repository, idleRepository } = this.image;
    for (const resource of this.runtimeResources(runtime)) {
      if (!this.bound.has(resource)) {
        this.bound.add(resource);
        resource.node.addDependency(...dependencies, pullPolicy(resource, idleRepository ? [repository, idleRepository] : [repository]));
        if (dependencies.length > 0) {
          acknowledgeRules(resource);
        }
      }
    }
  }

  /**
   * Binds the Runtimes that use the image, by its artifact or by its URI, and that the app has not bound. Aspects are the
   * last phase of synthesis in which the CDK still processes new dependencies and cross-stack references.
   */
  public bindUnbound(): void {
    this.unbound().forEach((runtime) => this.bind(runtime));
    this.closed = true;
  }

  /** Fails if a Runtime was defined too late to be bound. */
  public requireBound(runtime: IConstruct): void {
    const unbound = this.runtimeResources(runtime).find((resource) => imageOf(resource) === this && !this.bound.has(resource));
    if (this.closed && unbound) {
      throw validationError(this.scope, tooLate(runtime));
    }
  }

  /** The errors about Runtimes that use the image, but did not yet when it was time to bind them. */
  public validate(): string[] {
    return this.unbound().map(tooLate);
  }

  private unbound(): CfnResource[] {
    return Stage.of(this.scope)!.node.findAll().filter(isOfType(RUNTIME_TYPE))
      .filter((runtime) => !this.bound.has(runtime) && this.isUsedBy(runtime));
  }

  private isUsedBy(runtime: CfnResource): boolean {
    const owner = imageOf(runtime);
    if (owner) {
      return owner === this;
    }
    if (hasPullPolicy(runtime) || Stage.of(runtime) !== Stage.of(this.scope) || !this.hasUriOf(runtime)) {
      return false;
    }
    return this.image.buildMode !== BuildMode.PREBUILT || !imagesBeside(runtime).some((other) => other !== this && other.hasUriOf(runtime));
  }

  private hasUriOf(runtime: CfnResource): boolean {
    const { imageUri, imageTag, repository } = this.image;
    const repositories = [repository, OrderedRepository.unordered(repository)];
    const uri = containerUri(runtime);
    return [imageUri, ...repositories.map((each) => each.repositoryUriForTag(imageTag))].some((mine) => resolveText(runtime, mine) === uri);
  }

  private runtimeResources(runtime: IConstruct): CfnResource[] {
    const resources = runtime.node.findAll().filter(isOfType(RUNTIME_TYPE));
    if (resources.length > 0) {
      resources.forEach((resource) => this.requireBindable(resource));
      return resources;
    }
    if ('agentRuntimeEndpointArn' in runtime || runtime.node.findAll().some(isOfType(ENDPOINT_TYPE))) {
      throw validationError(this.scope, `${property('runtime')} is an endpoint (${runtime.node.path}); pass the Runtime that the endpoint belongs to`);
    }
    if ('agentRuntimeArn' in runtime) {
      throw validationError(this.scope, `${property('runtime')} is an imported Runtime (${runtime.node.path}), which this app cannot update; `
        + 'pass a Runtime that this app defines, or set the image in the app that defines the Runtime');
    }
    throw validationError(this.scope, `${property('runtime')} must be or contain an ${RUNTIME_TYPE}, got ${runtime.node.path}; `
      + 'pass the Runtime construct that uses this image');
  }

  private requireBindable(resource: CfnResource): void {
    const owner = imageOf(resource);
    if (owner && owner !== this) {
      throw validationError(this.scope, `${property('runtime')} (${resource.node.path}) uses the image ${owner.scope.node.path}; `
        + `call ${inAppLanguage('bindRuntime')}(runtime) on that image, or pass ${inAppLanguage('agentRuntimeArtifact')} of this one to the Runtime`);
    }
    requireSameEnvironment(this.scope, this.image, resource);
  }
}

/** The image whose artifact a Runtime uses. */
function imageOf(runtime: CfnResource): RuntimeBinding | undefined {
  return bindingOf(artifactOf(runtime));
}

/** The images in the stack of a Runtime. */
function imagesBeside(runtime: CfnResource): RuntimeBinding[] {
  return Stack.of(runtime).node.findAll().map(bindingOf).filter((binding) => binding !== undefined);
}

/** The binding of an image or of its artifact. */
function bindingOf(holder: unknown): RuntimeBinding | undefined {
  const { binding } = (holder ?? {}) as { binding?: unknown };
  return binding instanceof RuntimeBinding ? binding : undefined;
}

function tooLate(runtime: IConstruct): string {
  return `${property('runtime')} (${runtime.node.path}) was defined or changed during synthesis, too late to be bound to the image `
    + `automatically; call ${inAppLanguage('bindRuntime')}(runtime) on the image where the Runtime is defined`;
}

function isOfType(type: string): (construct: IConstruct) => construct is CfnResource {
  return (construct): construct is CfnResource => CfnResource.isCfnResource(construct) && construct.cfnResourceType === type;
}
