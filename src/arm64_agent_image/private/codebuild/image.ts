import { CustomResource, IgnoreMode, SymlinkFollowMode } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { BuildMode } from '../../build-mode';
import { CodeBuildOptions } from '../../code-build-options';
import { acknowledgeRules } from '../acknowledgements';
import { contentTag, sha256 } from '../content-tag';
import { literalPattern } from '../context/ignore-file';
import { Image, ImageSource, undefinedIfEmpty } from '../image';
import { uploadedFile, UploadedFile, uploadedJson } from '../uploads';
import { buildRole } from './build-role';
import { buildEnvironment } from './environment';
import { imageName } from './names';
import { buildNetwork } from './network';
import { OrderedRepository } from './ordered-repository';
import { baseImageMaxAge, buildLogs, buildProject } from './project';
import { ImageProvider } from './provider';
import { imageRepository } from './repository';
import { TIMEOUTS } from './timeouts';

/** The image as a custom resource that builds it in AWS CodeBuild. */
export function codeBuildImage(scope: Construct, source: ImageSource, options: CodeBuildOptions, reason: string): Image {
  const name = imageName(scope);
  const network = buildNetwork(scope, options);
  const repository = imageRepository(scope, name, options);
  const logGroup = buildLogs(scope, name, options);
  const assembledFor = baseImageMaxAge(scope, options);
  const provider = ImageProvider.of(scope);
  const role = buildRole(scope, { name, bucketName: provider.code.bucketName, bucketKey: provider.codeKey, repository, logGroup, network, options });
  const { secrets, variables } = buildEnvironment(scope, role, options);
  const project = buildProject(scope, { name, code: provider.code, role, repository, logGroup, network, variables, options });
  if (options.repository) {
    provider.allowRepository(repository, assembledFor.toSeconds() > 0);
  }
  if (options.logGroup) {
    provider.allowLogGroup(logGroup);
  }

  const parameters = buildParameters(source, secrets);
  const imageTag = contentTag(source, parameters);
  const resource = new CustomResource(scope, 'Resource', {
    resourceType: 'Custom::Arm64AgentImage',
    serviceToken: provider.serviceToken,
    serviceTimeout: TIMEOUTS.service,
    properties: {
      ProjectName: project.projectName,
      RepositoryName: repository.repositoryName,
      RegistryId: repository.env.account,
      RepositoryUri: repository.repositoryUri,
      OwnsRepository: String(!options.repository),
      ImageTag: imageTag,
      Source: location(uploadedSource(scope, source)),
      Parameters: location(uploadedJson(scope, 'Parameters', parameters)),
      RecipeHash: sha256({ parameters, extraHash: source.extraHash }),
      BaseImageMaxAge: assembledFor.toSeconds().toString(),
    },
  });
  resource.node.addDependency(role, logGroup, ...provider.dependencies);
  acknowledgeRules(scope);

  const repositoryUri = resource.getAttString('RepositoryUri');
  return {
    buildMode: BuildMode.CODE_BUILD,
    buildModeReason: reason,
    imageUri: `${repositoryUri}:${imageTag}`,
    imageTag,
    repository: new OrderedRepository(scope, 'OrderedRepository', repository, repositoryUri),
    builder: role,
    buildProject: project,
    buildLogGroup: logGroup,
    dependencies: [resource],
  };
}

function uploadedSource(scope: Construct, { context }: ImageSource): UploadedFile {
  return uploadedFile(scope, 'Source', {
    sourcePath: context.directory,
    // the archive would contain the targets of links, wherever they are, so the build recreates the links
    exclude: [...context.exclude, ...Object.keys(context.symbolicLinks).map(literalPattern)],
    ignoreMode: IgnoreMode.DOCKER,
    follow: SymlinkFollowMode.NEVER,
    assetHash: context.contentHash,
  });
}

function location({ bucketName, objectKey }: UploadedFile): string {
  return `${bucketName}/${objectKey}`;
}

/**
 * Everything that the build needs besides its source, as ASCII. It is uploaded because it may exceed the limits of templates,
 * environment variables and inline buildspecs.
 */
function buildParameters({ context, target, buildArgs, buildContexts }: ImageSource, secrets: Record<string, string>): string {
  return JSON.stringify({
    file: context.file,
    target,
    buildArgs: undefinedIfEmpty(buildArgs),
    buildContexts: undefinedIfEmpty(buildContexts),
    secrets: undefinedIfEmpty(secrets),
    symbolicLinks: undefinedIfEmpty(context.symbolicLinks),
    emptyDirectories: context.emptyDirectories.length > 0 ? context.emptyDirectories : undefined,
  }).replace(/[\u007f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
