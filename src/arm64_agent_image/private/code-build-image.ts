import * as crypto from 'crypto';
import { AssetHashType, CustomResource, IgnoreMode, SymlinkFollowMode } from 'aws-cdk-lib';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import { CodeBuildOptions } from '../image-build';
import { acknowledgeRules } from './acknowledgements';
import { BuildEnvironment, buildEnvironment } from './build-environment';
import { allowBuild } from './build-permissions';
import { buildLogs, buildProject, buildRole, buildTimeout } from './build-project';
import { literalPattern } from './ignore-file';
import { ifAny, Image, ImageSource } from './image';
import { ImageProvider } from './image-provider';
import { imageRepository } from './image-repository';
import { failure } from './validation';

/** The most that a build's arguments may take: they travel through AWS Step Functions and one command line. */
const MAX_DOCKER_BUILD = 60_000;

/** The image as a custom resource that builds it in AWS CodeBuild. */
export function codeBuildImage(scope: Construct, source: ImageSource, options: CodeBuildOptions, reason: string): Image {
  const timeout = buildTimeout(scope, options);
  const asset = sourceAsset(scope, source);
  const repository = imageRepository(scope, options);
  const logGroup = buildLogs(scope, options);
  const role = buildRole(scope, { asset, repository, logGroup, buildImage: options.buildImage });
  const environment = buildEnvironment(scope, role, options);
  const project = buildProject(scope, role, logGroup, timeout, options);
  const provider = ImageProvider.of(scope);
  const permissions = allowBuild(scope, provider, { project, repository, logGroup });

  const dockerBuild = dockerBuildText(scope, source, environment);
  const imageTag = contentTag(source, dockerBuild);
  const resource = new CustomResource(scope, 'Resource', {
    resourceType: 'Custom::Arm64AgentImage',
    serviceToken: provider.serviceToken,
    properties: {
      ProjectName: project.projectName,
      RepositoryName: repository.repositoryName,
      RegistryId: repository.env.account,
      RepositoryUri: repository.repositoryUri,
      ImageTag: imageTag,
      SourceLocation: `${asset.s3BucketName}/${asset.s3ObjectKey}`,
      TimeoutInMinutes: String(timeout.toMinutes()),
      LayerCache: String(options.layerCache ?? !options.repository),
      DockerBuild: dockerBuild,
      EnvironmentVariables: environment.variables.length > 0 ? environment.variables : undefined,
      Registries: environment.registries.length > 0 ? environment.registries : undefined,
    },
  });
  resource.node.addDependency(role, ...permissions);
  acknowledgeRules(scope);

  return {
    buildMode: 'codebuild',
    buildModeReason: reason,
    imageUri: `${resource.getAttString('RepositoryUri')}:${imageTag}`,
    imageTag,
    repository,
    builder: role,
    dependencies: [resource],
  };
}

function sourceAsset(scope: Construct, { context }: ImageSource): assets.Asset {
  return new assets.Asset(scope, 'Source', {
    path: context.directory,
    // the archive would hold what links point to, wherever that is; the build makes the links again
    exclude: [...context.exclude, ...Object.keys(context.symbolicLinks).map(literalPattern)],
    ignoreMode: IgnoreMode.DOCKER,
    followSymlinks: SymlinkFollowMode.NEVER,
    assetHashType: AssetHashType.CUSTOM,
    assetHash: context.contentHash,
  });
}

/** What the build is to do besides its source, as ASCII whatever it contains. */
function dockerBuildText(scope: Construct, source: ImageSource, environment: BuildEnvironment): string {
  const { context } = source;
  const text = JSON.stringify({
    file: context.file,
    target: source.target,
    buildArgs: ifAny(source.buildArgs),
    buildContexts: ifAny(source.buildContexts),
    secrets: ifAny(environment.secrets),
    symbolicLinks: ifAny(context.symbolicLinks),
    emptyDirectories: context.emptyDirectories.length > 0 ? context.emptyDirectories : undefined,
  }).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  if (text.length > MAX_DOCKER_BUILD) {
    throw failure(scope, `'buildArgs', symbolic links and empty directories must not take more than ${MAX_DOCKER_BUILD} characters together, `
      + `got ${text.length}; move long values into files of 'directory', or exclude what the image does not need`);
  }
  return text;
}

function contentTag({ context, extraHash }: ImageSource, dockerBuild: string): string {
  const content = JSON.stringify({ source: context.contentHash, dockerBuild, extraHash });
  return crypto.createHash('sha256').update(content).digest('hex');
}
