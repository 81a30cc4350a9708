import { Annotations, IgnoreMode, Names, Stack, SymlinkFollowMode } from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-ecr-assets';
import { Construct } from 'constructs';
import { LocalBuildOptions } from '../build-options';
import { containerCommand, Environment } from './container-command';
import { ifAny, Image, ImageSource } from './image';
import { NoBuilder } from './no-builder';

/** The image as a Docker asset of the CDK, with no custom resource near it: hotswap keeps working. */
export function localImage(scope: Construct, source: ImageSource, options: LocalBuildOptions, reason: string): Image {
  const { context, target, buildArgs, buildContexts, extraHash } = source;
  warnOfThisMachine(scope, process.env, process.arch);
  const asset = new assets.DockerImageAsset(scope, 'Asset', {
    assetName: Names.uniqueResourceName(scope, { maxLength: 80, separator: '-' }).toLowerCase(),
    displayName: `${Names.stackRelativeConstructPath(scope)}/Asset`,
    directory: context.directory,
    file: context.file,
    exclude: context.exclude,
    ignoreMode: IgnoreMode.DOCKER,
    followSymlinks: SymlinkFollowMode.NEVER,
    platform: assets.Platform.LINUX_ARM64,
    target,
    buildArgs: ifAny(buildArgs),
    buildContexts: ifAny(buildContexts),
    buildSecrets: ifAny(options.buildSecrets ?? {}),
    extraHash: `${context.contentHash}${extraHash ?? ''}`,
  });
  return {
    buildMode: 'local',
    buildModeReason: reason,
    imageUri: asset.imageUri,
    imageTag: asset.imageTag,
    repository: asset.repository,
    builder: new NoBuilder(Stack.of(scope).account),
    dependencies: [],
  };
}

/** Says what the machine that synthesizes lacks, in case it is also the one that deploys. */
function warnOfThisMachine(scope: Construct, env: Environment, architecture: string): void {
  const { expected, found } = containerCommand(env);
  if (found !== expected) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:containerCommand',
      `the CDK CLI builds the image with '${expected}', which is not an executable on this machine; `
      + (found ? `set the environment variable CDK_DOCKER to '${found}'` : 'install Docker, or set the environment variable CDK_DOCKER to a command like it'));
  }
  if (architecture !== 'arm64') {
    Annotations.of(scope).addWarningV2('arm64-agent-image:emulation',
      `this machine is ${architecture}, so it builds a linux/arm64 image only with emulation, which is slow; Docker Desktop includes it, `
      + 'other engines need \'docker run --privileged --rm tonistiigi/binfmt --install arm64\'; ImageBuild.codeBuild() needs none');
  }
}
