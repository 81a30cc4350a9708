import { Annotations, IgnoreMode, Names, Stack, SymlinkFollowMode } from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-ecr-assets';
import { Construct } from 'constructs';
import { BuildMode } from '../build-mode';
import { LocalBuildOptions } from '../build-options';
import { containerCommand, Environment } from './container-command';
import { Image, ImageSource, undefinedIfEmpty } from './image';
import { inAppLanguage } from './names-in-app';
import { NoOpPrincipal } from './no-op-principal';

/** The image as a Docker asset of the CDK. No custom resource is involved, so hotswap keeps working. */
export function localImage(scope: Construct, source: ImageSource, options: LocalBuildOptions, reason: string): Image {
  const { context, target, buildArgs, buildContexts, extraHash } = source;
  warnOfMissingTools(scope, process.env, process.arch);
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
    buildArgs: undefinedIfEmpty(buildArgs),
    buildContexts: undefinedIfEmpty(buildContexts),
    buildSecrets: undefinedIfEmpty(options.buildSecrets ?? {}),
    extraHash: `${context.contentHash}${extraHash ?? ''}`,
  });
  return {
    buildMode: BuildMode.LOCAL,
    buildModeReason: reason,
    imageUri: asset.imageUri,
    imageTag: asset.imageTag,
    repository: asset.repository,
    builder: new NoOpPrincipal(Stack.of(scope).account),
    dependencies: [],
  };
}

/** Warns of what this machine lacks, because it is usually the one that deploys too. */
function warnOfMissingTools(scope: Construct, env: Environment, architecture: string): void {
  const { expected, found } = containerCommand(env);
  if (found !== expected) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:containerCommand',
      `the CDK CLI builds the image with '${expected}', which is not an executable on this machine; `
      + (found ? `set the environment variable CDK_DOCKER to '${found}'` : 'install Docker, or set the environment variable CDK_DOCKER to a compatible command'));
  }
  if (architecture !== 'arm64') {
    Annotations.of(scope).addWarningV2('arm64-agent-image:emulation',
      `this machine is ${architecture}, so it builds a linux/arm64 image with emulation, which is slow; Docker Desktop includes the emulator, `
      + 'other engines need \'docker run --privileged --rm tonistiigi/binfmt --install arm64\'; '
      + `${inAppLanguage('ImageBuild.codeBuild')}() needs no emulation`);
  }
}
