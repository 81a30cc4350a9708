import { Annotations, AspectPriority, Aspects } from 'aws-cdk-lib';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct, IConstruct } from 'constructs';
import { Arm64AgentRuntimeArtifactProps } from './arm64-agent-runtime-artifact-props';
import { BuildMode } from './build-mode';
import { EcrImageDigestOptions, EcrImageTagOptions } from './build-options';
import { ImageBuild } from './image-build';
import { Image } from './private/image';
import { imageByDigest, imageByTag } from './private/prebuilt-image';
import { ImageArtifact } from './private/runtime/image-artifact';
import { RuntimeBinding } from './private/runtime/runtime-binding';

/**
 * Builds a linux/arm64 container image for Amazon Bedrock AgentCore Runtime: with your local Docker on ARM machines, with
 * AWS CodeBuild at deploy time everywhere else.
 *
 * AgentCore Runtime's default (microVM) compute runs linux/arm64 images only.
 *
 * @example
 * import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
 * import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';
 *
 * const image = new Arm64AgentRuntimeArtifact(this, 'AgentImage', { directory: 'agent' });
 * const runtime = new agentcore.Runtime(this, 'Runtime', { agentRuntimeArtifact: image.agentRuntimeArtifact });
 * image.bindRuntime(runtime);
 */
export class Arm64AgentRuntimeArtifact extends Construct implements iam.IGrantable {
  /**
   * Use an existing image, identified by its tag, through the same interface. Nothing is built.
   *
   * @param scope the parent construct
   * @param id the id of the construct
   * @param options the image
   *
   * @example
   * import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';
   *
   * const image = Arm64AgentRuntimeArtifact.fromImageTag(this, 'AgentImage', { repository, tag: '1.4.2' });
   */
  public static fromImageTag(scope: Construct, id: string, options: EcrImageTagOptions): Arm64AgentRuntimeArtifact {
    return this.fromExistingImage(scope, id, (image) => imageByTag(image, options));
  }

  /**
   * Use an existing image, identified by its digest, through the same interface. Nothing is built.
   *
   * @param scope the parent construct
   * @param id the id of the construct
   * @param options the image
   *
   * @example
   * import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';
   *
   * const digest = 'sha256:3b1d5b2f9a7c4e6d8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60';
   * const image = Arm64AgentRuntimeArtifact.fromImageDigest(this, 'AgentImage', { repository, digest });
   */
  public static fromImageDigest(scope: Construct, id: string, options: EcrImageDigestOptions): Arm64AgentRuntimeArtifact {
    return this.fromExistingImage(scope, id, (image) => imageByDigest(image, options));
  }

  private static fromExistingImage(scope: Construct, id: string, image: (scope: Construct) => Image): Arm64AgentRuntimeArtifact {
    return new Arm64AgentRuntimeArtifact(scope, id, { directory: '', imageBuild: ImageBuild._existing(image) });
  }

  /**
   * The artifact to pass to a `Runtime`.
   *
   * A Runtime that uses it waits for the image and is allowed to pull it, even if it is not bound to the image.
   */
  public readonly agentRuntimeArtifact: agentcore.AgentRuntimeArtifact;

  /**
   * The URI of the image, with a tag or digest that identifies exactly this content.
   *
   * A resource that uses the URI of an image built by CodeBuild is created after the image. A Runtime that uses the URI is
   * also allowed to pull the image, even if it is not bound to it.
   */
  public readonly imageUri: string;

  /**
   * The content tag of the image. For an existing image, the tag or digest that identifies it.
   */
  public readonly imageTag: string;

  /**
   * The repository that holds the image.
   *
   * A resource that uses the URI of the repository, such as an AWS Lambda function or an Amazon ECS task definition, is
   * created after an image built by CodeBuild. Permissions on the repository do not wait for the image.
   */
  public readonly repository: ecr.IRepository;

  /**
   * Where the image is built.
   */
  public readonly buildMode: BuildMode;

  /**
   * Why the image is built there, in one sentence.
   */
  public readonly buildModeReason: string;

  /**
   * The role of the CodeBuild build. Grant it access to whatever the build needs, for example permission
   * to pull a base image.
   *
   * Grants have no effect on an image that CodeBuild does not build: the machine that builds it uses its own credentials.
   */
  public readonly grantPrincipal: iam.IPrincipal;

  /**
   * The project that builds the image, for example for alarms on failed builds.
   *
   * Undefined unless CodeBuild builds the image.
   */
  public readonly buildProject?: codebuild.IProject;

  /**
   * The log group of the builds, for example for metric filters or permission to read it.
   *
   * Undefined unless CodeBuild builds the image.
   */
  public readonly buildLogGroup?: logs.ILogGroup;

  private readonly binding: RuntimeBinding;

  constructor(scope: Construct, id: string, props: Arm64AgentRuntimeArtifactProps) {
    super(scope, id);

    const build = props.imageBuild ?? ImageBuild.auto();
    const image = build._bind(this, props);
    this.binding = new RuntimeBinding(this, image);

    this.imageUri = image.imageUri;
    this.imageTag = image.imageTag;
    this.repository = image.repository;
    this.buildMode = image.buildMode;
    this.buildModeReason = image.buildModeReason;
    this.buildProject = image.buildProject;
    this.buildLogGroup = image.buildLogGroup;
    this.grantPrincipal = image.builder;
    this.agentRuntimeArtifact = new ImageArtifact(image.imageUri, this.binding);

    Aspects.of(this).add({ visit: (node) => this.bindUnboundRuntimes(node) }, { priority: AspectPriority.MUTATING });
    this.node.addValidation({ validate: () => this.binding.validate() });
    Annotations.of(this).addInfoV2('arm64-agent-image:build', `image build: ${this.buildMode}; ${this.buildModeReason}`);
  }

  /**
   * Make a Runtime wait for the image, and allow its execution role to pull it.
   *
   * Only the `AWS::BedrockAgentCore::Runtime` resource depends on the image, not its role or policies. Call this method
   * once for each Runtime; calling it again for the same Runtime has no effect.
   *
   * Fails if `runtime` neither is nor contains a Runtime of this app, if it belongs to another `Stage`, or if the
   * image's repository is in another region, because AgentCore pulls from its own region only. If the repository belongs
   * to another account, its repository policy must allow the Runtime's account to pull.
   *
   * @param runtime an L1 or L2 Runtime, of the stable or the alpha module, or a construct that contains one
   */
  public bindRuntime(runtime: IConstruct): void {
    this.binding.bind(runtime);
  }

  /**
   * Allow a principal to pull the image.
   *
   * @param grantee the principal
   */
  public grantPull(grantee: iam.IGrantable): iam.Grant {
    return this.repository.grantPull(grantee);
  }

  private bindUnboundRuntimes(node: IConstruct): void {
    if (node === this) {
      this.binding.bindUnbound();
    }
  }
}
