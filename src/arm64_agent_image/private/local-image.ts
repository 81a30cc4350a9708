import { Annotations, AssetStaging, IgnoreMode, Names, Stack, SymlinkFollowMode } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import { Construct } from 'constructs';
import { BuildMode } from '../build-mode';
import { LocalBuildOptions } from '../build-options';
import { containerCommand, Environment } from './container-command';
import { contentTag } from './content-tag';
import { Image, ImageSource, undefinedIfEmpty } from './image';
import { inAppLanguage } from './names-in-app';
import { NoOpPrincipal } from './no-op-principal';
import { displayName } from './uploads';

const PLATFORM = 'linux/arm64';

/**
 * The image as a Docker asset of the CDK. No custom resource is involved, so hotswap keeps working.
 *
 * `DockerImageAsset` would read all files a second time, for a hash that omits empty directories and executable bits.
 */
export function localImage(scope: Construct, source: ImageSource, options: LocalBuildOptions, reason: string): Image {
  const { context: { directory, file, exclude }, target, buildArgs, buildContexts } = source;
  const buildSecrets = options.buildSecrets ?? {};
  warnOfMissingTools(scope, process.env, process.arch);
  const staging = new AssetStaging(scope, 'Asset', {
    sourcePath: directory,
    exclude,
    ignoreMode: IgnoreMode.DOCKER,
    follow: SymlinkFollowMode.NEVER,
    assetHash: contentTag(source, { file, target, buildArgs, buildContexts, buildSecrets, platform: PLATFORM }),
  });
  const stack = Stack.of(scope);
  const { repositoryName, imageUri, imageTag = staging.assetHash } = stack.synthesizer.addDockerImageAsset({
    assetName: Names.uniqueResourceName(scope, { maxLength: 80, separator: '-' }).toLowerCase(),
    displayName: displayName(staging),
    directoryName: staging.relativeStagedPath(stack),
    sourceHash: staging.assetHash,
    dockerFile: file,
    platform: PLATFORM,
    dockerBuildTarget: target,
    dockerBuildArgs: undefinedIfEmpty(buildArgs),
    dockerBuildContexts: undefinedIfEmpty(buildContexts),
    dockerBuildSecrets: undefinedIfEmpty(buildSecrets),
  });
  return {
    buildMode: BuildMode.LOCAL,
    buildModeReason: reason,
    imageUri,
    imageTag,
    repository: ecr.Repository.fromRepositoryName(scope, 'Repository', repositoryName),
    builder: new NoOpPrincipal(stack.account),
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
