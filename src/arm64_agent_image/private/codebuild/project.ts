import { Annotations, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';
import { CodeBuildOptions } from '../../code-build-options';
import { inAppLanguage, property } from '../names-in-app';
import { UploadedFile } from '../uploads';
import { requireMinutes, validationError } from '../validation';
import { BuildVariables } from './environment';
import { buildLogsName } from './names';
import { TIMEOUTS } from './timeouts';

const BUILDSPEC = 'image_builder/build_program/buildspec.yml';

/**
 * The latest major version, which CodeBuild hosts cache. The minimum supported CDK has no constant for it.
 *
 * @see https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
 */
const DEFAULT_BUILD_IMAGE = 'aws/codebuild/amazonlinux-aarch64-standard:4.0';

/** The timeout of a build, which ends before CloudFormation's hour does. */
export function buildTimeout(scope: Construct, { timeout = Duration.minutes(30) }: CodeBuildOptions): Duration {
  return Duration.minutes(requireMinutes(scope, property('timeout'), timeout, TIMEOUTS.minBuild.toMinutes(), TIMEOUTS.maxBuild.toMinutes(),
    'CloudFormation allows one hour for the image, including the wait for a build slot and in the queue'));
}

/** For how long after a build changes of code are assembled; in a repository of the app, its owner has to ask for it. */
export function baseImageMaxAge(scope: Construct, { repository, baseImageMaxAge: age }: CodeBuildOptions): Duration {
  const limit = age ?? (repository ? Duration.minutes(0) : Duration.days(1));
  return Duration.minutes(requireMinutes(scope, property('baseImageMaxAge'), limit, 0, Duration.days(30).toMinutes(),
    'it limits for how long changes of code are assembled without a build, and 0 builds every change'));
}

/** The log group of the builds. */
export function buildLogs(scope: Construct, name: string, { logGroup }: CodeBuildOptions): logs.ILogGroup {
  return logGroup ?? new logs.LogGroup(scope, 'Logs', {
    logGroupName: buildLogsName(name),
    retention: logs.RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

export interface BuildProjectProps {
  readonly name: string;
  readonly code: UploadedFile;
  readonly role: iam.Role;
  readonly repository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
  readonly network?: codebuild.CfnProject.VpcConfigProperty;
  readonly variables: BuildVariables;
  readonly options: CodeBuildOptions;
}

/**
 * The project. Its source is the build program, so a code change of the user does not affect it.
 */
export function buildProject(scope: Construct, props: BuildProjectProps): codebuild.Project {
  const { code, role, repository, logGroup, options } = props;
  const timeout = buildTimeout(scope, options);
  const buildImage = options.buildImage ?? codebuild.LinuxArmBuildImage.fromCodeBuildImageId(DEFAULT_BUILD_IMAGE);
  if (!['ARM_CONTAINER', 'ARM_EC2'].includes(buildImage.type)) {
    throw validationError(scope, `${property('buildImage')} must be an ARM image that can run Docker, got ${buildImage.imageId} of type ${buildImage.type}; `
      + 'use a LinuxArmBuildImage');
  }
  warnOfOtherPartitions(scope);
  const project = new codebuild.Project(scope, 'Project', {
    projectName: props.name,
    description: 'Builds an agent image; started by the deployment of its stack',
    role: role.withoutPolicyUpdates(),
    environment: {
      buildImage,
      computeType: options.computeType ?? codebuild.ComputeType.SMALL,
      privileged: true,
    },
    environmentVariables: {
      IMAGE_REPOSITORY: { value: repository.repositoryUri },
      LAYER_CACHE: { value: String(options.layerCache ?? !options.repository) },
      KEEP_PLAN: { value: String(baseImageMaxAge(scope, options).toSeconds() > 0) },
      ...props.variables,
    },
    source: sourceIn(code),
    buildSpec: codebuild.BuildSpec.fromSourceFilename(BUILDSPEC),
    timeout,
    queuedTimeout: TIMEOUTS.queue,
    logging: { cloudWatch: { logGroup } },
    grantReportGroupPermissions: false,
  });
  (project.node.defaultChild as codebuild.CfnProject).vpcConfig = props.network;
  // the project gets the role without policy updates, because it would add permissions that the role has already
  (project as { grantPrincipal: iam.IPrincipal }).grantPrincipal = role;
  return project;
}

function sourceIn({ bucketName, objectKey }: UploadedFile): codebuild.ISource {
  const type = 'S3';
  return { type, badgeSupported: false, bind: () => ({ sourceProperty: { type, location: `${bucketName}/${objectKey}` } }) };
}

/** Whether Amazon ECR Public may be available: it exists in the partition aws only. */
export function mayUseEcrPublic(scope: Construct): boolean {
  return (knownPartition(scope) ?? 'aws') === 'aws';
}

/**
 * Warns where CodeBuild may have no ARM machines, because CloudFormation's error does not say what to use instead.
 *
 * @see https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-acb.html
 */
function warnOfOtherPartitions(scope: Construct): void {
  const partition = knownPartition(scope);
  if (partition !== undefined && partition !== 'aws') {
    Annotations.of(scope).addWarningV2('arm64-agent-image:armEnvironment',
      `AWS CodeBuild may have no ARM environment in ${Stack.of(scope).region} (partition ${partition}); if the deployment reports that `
      + `'ARM_CONTAINER' is not supported, use ${inAppLanguage('ImageBuild.local')}() on a machine with Docker, `
      + `or an existing image with ${inAppLanguage('Arm64AgentRuntimeArtifact.fromImageTag')}()`);
  }
}

/** The partition of the stack; undefined if the region is a token, or if the CDK does not know it. */
function knownPartition(scope: Construct): string | undefined {
  const { region } = Stack.of(scope);
  return Token.isUnresolved(region) ? undefined : RegionInfo.get(region).partition;
}
