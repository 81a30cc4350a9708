import { Construct } from 'constructs';
import { AutoBuildOptions, LocalBuildOptions } from './build-options';
import { CodeBuildOptions } from './code-build-options';
import { chooseBuild } from './private/automatic-choice';
import { imageSource, ImageSourceProps } from './private/context/image-source';
import { Image } from './private/image';
import { localImage } from './private/local-image';
import { inAppLanguage } from './private/names-in-app';

/**
 * Where the image is built.
 */
export class ImageBuild {
  /**
   * With the local Docker on ARM machines, with AWS CodeBuild everywhere else.
   *
   * The first rule that matches decides:
   *
   * 1. The context value `arm64-agent-image:build` is `local` or `codebuild`.
   * 2. The environment variable `ARM64_AGENT_IMAGE_BUILD` is `local` or `codebuild`.
   * 3. The context value `amplify-backend-type` is `branch`: CodeBuild. If it is `sandbox`, rules 7 to 9 decide.
   * 4. `AWS_BRANCH` is set, in Amplify Console: CodeBuild.
   * 5. `CODEBUILD_BUILD_ID` is set, in AWS CodeBuild: CodeBuild.
   * 6. The image is in a `Stage` within a stack, as in CDK Pipelines: CodeBuild.
   * 7. The machine is not ARM: CodeBuild.
   * 8. The machine has no container command (`CDK_DOCKER`, or else docker, finch or podman): CodeBuild.
   * 9. Otherwise: the local container command.
   *
   * @param options options for either choice
   *
   * @example
   * import * as codebuild from 'aws-cdk-lib/aws-codebuild';
   * import { Arm64AgentRuntimeArtifact, ImageBuild } from 'arm64-agent-image';
   *
   * new Arm64AgentRuntimeArtifact(this, 'AgentImage', {
   *   directory: 'agent',
   *   imageBuild: ImageBuild.auto({ codeBuild: { computeType: codebuild.ComputeType.LARGE } }),
   * });
   */
  public static auto(options: AutoBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => {
      const source = imageSource(scope, props);
      const { mode, reason } = chooseBuild(scope);
      return mode === 'local'
        ? { ...localImage(scope, source, options.local ?? {}, reason), idleRepository: options.codeBuild?.repository }
        : inCodeBuild().codeBuildImage(scope, source, options.codeBuild ?? {}, reason);
    });
  }

  /**
   * With the Docker of the machine that deploys. A machine that is not ARM must be set up to emulate ARM.
   *
   * @param options options for the build
   *
   * @example
   * import { Arm64AgentRuntimeArtifact, ImageBuild } from 'arm64-agent-image';
   *
   * new Arm64AgentRuntimeArtifact(this, 'AgentImage', {
   *   directory: 'agent',
   *   imageBuild: ImageBuild.local({ buildSecrets: { npmrc: 'src=.npmrc' } }),
   * });
   */
  public static local(options: LocalBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => (
      localImage(scope, imageSource(scope, props), options, `the app uses ${inAppLanguage('ImageBuild.local')}()`)));
  }

  /**
   * With AWS CodeBuild, on ARM, at deploy time.
   *
   * @param options options for the build
   *
   * @example
   * import { Duration } from 'aws-cdk-lib';
   * import { Arm64AgentRuntimeArtifact, ImageBuild } from 'arm64-agent-image';
   *
   * new Arm64AgentRuntimeArtifact(this, 'AgentImage', {
   *   directory: 'agent',
   *   imageBuild: ImageBuild.codeBuild({ timeout: Duration.minutes(15) }),
   * });
   */
  public static codeBuild(options: CodeBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => (
      inCodeBuild().codeBuildImage(scope, imageSource(scope, props), options, `the app uses ${inAppLanguage('ImageBuild.codeBuild')}()`)));
  }

  /** @internal */
  public static _existing(image: (scope: Construct) => Image): ImageBuild {
    return new ImageBuild(image);
  }

  private constructor(private readonly make: (scope: Construct, props: ImageSourceProps) => Image) {}

  /** @internal */
  public _bind(scope: Construct, props: ImageSourceProps): Image {
    return this.make(scope, props);
  }
}

/** Loads the modules of CodeBuild mode, which an image that is built locally does not need. */
function inCodeBuild(): typeof import('./private/codebuild/image') {
  return require('./private/codebuild/image'); // eslint-disable-line @typescript-eslint/no-require-imports
}
