import { Annotations, AspectPriority, Aspects, IgnoreMode } from 'aws-cdk-lib';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct, IConstruct } from 'constructs';
import { EcrImageOptions } from './build-options';
import { ImageBuild } from './image-build';
import { ImageArtifact } from './private/runtime/image-artifact';
import { RuntimeBinding } from './private/runtime/runtime-binding';

/**
 * Properties of `Arm64AgentRuntimeArtifact`.
 */
export interface Arm64AgentRuntimeArtifactProps {
  /**
   * The build context: the directory that `docker build` would be given.
   *
   * What the directory's `.dockerignore` (or `<file>.dockerignore`, which is preferred) excludes is neither uploaded
   * nor part of the content tag; nor are the CDK output directory and, unless the ignore file mentions it,
   * `__pycache__`.
   */
  readonly directory: string;

  /**
   * Path of the Dockerfile, relative to `directory` and inside it.
   *
   * @default 'Dockerfile'
   */
  readonly file?: string;

  /**
   * The stage of the Dockerfile to build, as in `docker build --target`.
   *
   * @default - the last stage
   */
  readonly target?: string;

  /**
   * Build arguments, as in `docker build --build-arg`. They are part of the content tag and visible in the uploaded
   * assets and the image's history: pass secrets as build secrets instead. Tokens are refused, and so are more than
   * 100,000 bytes for one argument or 500,000 for all, which Linux does not take.
   *
   * @default - none
   */
  readonly buildArgs?: { [name: string]: string };

  /**
   * Additional named build contexts, as in `docker build --build-context`, for example
   * `{ base: 'docker-image://public.ecr.aws/docker/library/python:3.13-slim' }`. Local directories are refused: they
   * would not reach CodeBuild.
   *
   * @default - none
   */
  readonly buildContexts?: { [name: string]: string };

  /**
   * Patterns to exclude from the build context, in addition to the ignore file and after it.
   *
   * @default - none
   */
  readonly exclude?: string[];

  /**
   * How `exclude` and the ignore file are read.
   *
   * @default IgnoreMode.DOCKER
   */
  readonly ignoreMode?: IgnoreMode;

  /**
   * Anything else that should make this a new image, for example the digest of a base image whose tag has moved.
   *
   * @default - the image is new when its build context or the arguments of its build change
   */
  readonly extraHash?: string;

  /**
   * Who builds the image.
   *
   * @default ImageBuild.auto()
   */
  readonly imageBuild?: ImageBuild;
}

/**
 * A linux/arm64 image for Amazon Bedrock AgentCore Runtime, built from a directory: by the local Docker where that is
 * an ARM machine's, else by AWS CodeBuild on ARM during the deployment.
 *
 * AgentCore Runtime's default (microVM) compute runs linux/arm64 images only.
 */
export class Arm64AgentRuntimeArtifact extends Construct implements iam.IGrantable {
  /**
   * Use an image that something else builds: the same face, and nothing is built.
   *
   * Fails unless exactly one of `tag` and `digest` is given.
   *
   * @param scope the parent construct
   * @param id the id of the construct
   * @param options the image
   */
  public static fromEcrRepository(scope: Construct, id: string, options: EcrImageOptions): Arm64AgentRuntimeArtifact {
    return new Arm64AgentRuntimeArtifact(scope, id, { directory: '', imageBuild: ImageBuild._prebuilt(options) });
  }

  /**
   * The artifact to pass to the `agentRuntimeArtifact` property of a `Runtime`.
   *
   * A Runtime that uses it waits for the image and may pull it, whether or not `bindRuntime` is called.
   */
  public readonly agentRuntimeArtifact: agentcore.AgentRuntimeArtifact;

  /**
   * The image's URI, with a tag or a digest that names exactly this content.
   *
   * Whatever uses the URI of an image that CodeBuild builds is created after the image.
   */
  public readonly imageUri: string;

  /**
   * The content tag of the image (the digest, for a prebuilt image named by digest).
   */
  public readonly imageTag: string;

  /**
   * The repository that holds the image.
   */
  public readonly repository: ecr.IRepository;

  /**
   * Who builds the image: `local`, `codebuild` or `prebuilt`.
   */
  public readonly buildMode: string;

  /**
   * Why `buildMode` was chosen, in one sentence.
   */
  public readonly buildModeReason: string;

  /**
   * The role of the build in CodeBuild, so that `baseImageRepository.grantPull(image)` works.
   *
   * Where nothing is built in AWS, grants to it do nothing: the machine that builds brings its own credentials.
   */
  public readonly grantPrincipal: iam.IPrincipal;

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
    this.grantPrincipal = image.builder;
    this.agentRuntimeArtifact = new ImageArtifact(image.imageUri, this.binding);

    Aspects.of(this).add({ visit: (node) => this.bindForgotten(node) }, { priority: AspectPriority.MUTATING });
    Annotations.of(this).addInfoV2('arm64-agent-image:build', `image build: ${this.buildMode}; ${this.buildModeReason}`);
  }

  /**
   * Make a Runtime wait for the image and let its execution role pull it.
   *
   * Only the `AWS::BedrockAgentCore::Runtime` resource depends on the image, not its role or policies. Call it as
   * often as there are Runtimes; calling it twice for one Runtime changes nothing.
   *
   * Fails when `runtime` is not, and does not contain, a Runtime of this app; when it belongs to another `Stage`; and
   * when the image's repository is in another region, because AgentCore pulls from its own region only. A repository of
   * another account must allow the Runtime's account to pull in its own policy.
   *
   * @param runtime an L2 or L1 Runtime, of the stable or the alpha module, or a construct that contains one
   */
  public bindRuntime(runtime: IConstruct): void {
    this.binding.bind(runtime);
  }

  /**
   * Let `grantee` pull the image.
   *
   * @param grantee the principal
   */
  public grantPull(grantee: iam.IGrantable): iam.Grant {
    return this.repository.grantPull(grantee);
  }

  private bindForgotten(node: IConstruct): void {
    if (node === this) {
      this.binding.bindUsersOf(this.agentRuntimeArtifact);
    }
  }
}
