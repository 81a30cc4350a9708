import { IgnoreMode, Stack, SymlinkFollowMode } from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-ecr-assets';
import { Construct } from 'constructs';
import { LocalBuildOptions } from '../image-build';
import { ifAny, Image, ImageSource } from './image';
import { NoBuilder } from './no-builder';

/** The image as a Docker asset of the CDK, with no custom resource near it: hotswap keeps working. */
export function localImage(scope: Construct, source: ImageSource, options: LocalBuildOptions, reason: string): Image {
  const { context, target, buildArgs, buildContexts, extraHash } = source;
  const asset = new assets.DockerImageAsset(scope, 'Asset', {
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
