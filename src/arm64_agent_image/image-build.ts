import { Construct } from 'constructs';
import { AutoBuildOptions, CodeBuildOptions, EcrImageOptions, LocalBuildOptions } from './build-options';
import { chooseBuild } from './private/automatic-choice';
import { codeBuildImage } from './private/codebuild/image';
import { imageSource, ImageSourceProps } from './private/context/image-source';
import { Image } from './private/image';
import { localImage } from './private/local-image';
import { prebuiltImage } from './private/prebuilt-image';

/**
 * Who builds the image.
 */
export class ImageBuild {
  /**
   * The local Docker on an ARM developer machine, AWS CodeBuild elsewhere.
   *
   * The first rule that matches wins: the context value `arm64-agent-image:build` (`local` or `codebuild`); the
   * environment variable `ARM64_AGENT_IMAGE_BUILD`, likewise; the context value `amplify-backend-type` (`branch`:
   * CodeBuild; `sandbox`: as on a developer's machine); `AWS_BRANCH` is set (Amplify Console): CodeBuild;
   * `CODEBUILD_BUILD_ID` is set (AWS CodeBuild): CodeBuild; the image is in a `Stage` within a stack (CDK Pipelines):
   * CodeBuild; a machine that is not ARM: CodeBuild; a machine without a container command (`CDK_DOCKER`, else docker,
   * finch or podman): CodeBuild; any other machine: its container command.
   *
   * @param options options of either choice
   */
  public static auto(options: AutoBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => {
      const source = imageSource(scope, props);
      const { mode, reason } = chooseBuild(scope);
      return mode === 'local'
        ? localImage(scope, source, options.local ?? {}, reason)
        : codeBuildImage(scope, source, options.codeBuild ?? {}, reason);
    });
  }

  /**
   * The Docker of the machine that deploys. On a machine that is not ARM it must be set up to emulate ARM.
   *
   * @param options options of the build
   */
  public static local(options: LocalBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => (
      localImage(scope, imageSource(scope, props), options, 'the app asks for ImageBuild.local()')));
  }

  /**
   * AWS CodeBuild, on ARM, during the deployment.
   *
   * @param options options of the build
   */
  public static codeBuild(options: CodeBuildOptions = {}): ImageBuild {
    return new ImageBuild((scope, props) => (
      codeBuildImage(scope, imageSource(scope, props), options, 'the app asks for ImageBuild.codeBuild()')));
  }

  /** @internal */
  public static _prebuilt(options: EcrImageOptions): ImageBuild {
    return new ImageBuild((scope) => prebuiltImage(scope, options));
  }

  private constructor(private readonly make: (scope: Construct, props: ImageSourceProps) => Image) {}

  /** @internal */
  public _bind(scope: Construct, props: ImageSourceProps): Image {
    return this.make(scope, props);
  }
}
