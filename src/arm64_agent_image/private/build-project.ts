import { Annotations, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as assets from 'aws-cdk-lib/aws-s3-assets';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';
import { CodeBuildOptions } from '../image-build';
import { codeBuildPrincipal, joinNetwork } from './build-network';
import { failure, requireMinutes } from './validation';

const QUEUED_TIMEOUT = Duration.minutes(5);

/** How long a build may take, such that it ends before CloudFormation's hour does. */
export function buildTimeout(scope: Construct, { timeout = Duration.minutes(30) }: CodeBuildOptions): Duration {
  return Duration.minutes(requireMinutes(scope, 'timeout', timeout, 5, 40,
    'CloudFormation waits one hour for the image, including the wait for a build slot and in the queue'));
}

/** The log group of the builds. */
export function buildLogs(scope: Construct, { logGroup, logRetention }: CodeBuildOptions): logs.ILogGroup {
  if (logGroup && logRetention !== undefined) {
    throw failure(scope, `'logRetention' is about the construct's own log group, got ${logRetention} and a 'logGroup'; `
      + 'set the retention of that log group instead');
  }
  return logGroup ?? new logs.LogGroup(scope, 'Logs', {
    retention: logRetention ?? logs.RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

export interface BuildRoleProps {
  readonly asset: assets.Asset;
  readonly repository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
  readonly buildImage?: codebuild.IBuildImage;
}

/** The role of the build, which reads its one source object and writes its one repository and log group. */
export function buildRole(scope: Construct, { asset, repository, logGroup, buildImage }: BuildRoleProps): iam.Role {
  const role = new iam.Role(scope, 'Role', {
    description: 'Builds an agent image in CodeBuild',
    assumedBy: codeBuildPrincipal(scope),
  });
  role.addToPolicy(new iam.PolicyStatement({
    actions: ['s3:GetObject', 's3:GetObjectVersion'],
    resources: [asset.bucket.arnForObjects(asset.s3ObjectKey)],
  }));
  repository.grantPullPush(role);
  logGroup.grantWrite(role);
  buildImage?.repository?.grantPull(role);
  buildImage?.secretsManagerCredentials?.grantRead(role);
  if (mayUseEcrPublic(scope)) {
    role.addToPolicy(new iam.PolicyStatement({
      actions: ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'],
      resources: ['*'],
    }));
  }
  return role;
}

/** The project, which holds no source: a change of the source must not touch it. */
export function buildProject(
  scope: Construct, role: iam.Role, logGroup: logs.ILogGroup, timeout: Duration, options: CodeBuildOptions,
): codebuild.Project {
  const buildImage = options.buildImage ?? codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0;
  if (!['ARM_CONTAINER', 'ARM_EC2'].includes(buildImage.type)) {
    throw failure(scope, `'buildImage' must be an ARM image that can run Docker, got ${buildImage.imageId} of type ${buildImage.type}; `
      + 'use a LinuxArmBuildImage');
  }
  warnOfOtherPartitions(scope);
  const project = new codebuild.Project(scope, 'Project', {
    description: 'Builds an agent image; started by the deployment of its stack',
    role: role.withoutPolicyUpdates(),
    environment: {
      buildImage,
      computeType: options.computeType ?? codebuild.ComputeType.SMALL,
      privileged: true,
      dockerServer: options.dockerServer,
    },
    buildSpec: codebuild.BuildSpec.fromObject({
      version: '0.2',
      phases: { build: { commands: ['echo "this project is started by the deployment of its stack, deploy the stack instead" && false'] } },
    }),
    timeout,
    queuedTimeout: QUEUED_TIMEOUT,
    logging: { cloudWatch: { logGroup } },
    encryptionKey: options.encryptionKey,
    grantReportGroupPermissions: false,
  });
  joinNetwork(scope, project, role, options);
  return project;
}

/** Amazon ECR Public exists in the partition aws only. */
function mayUseEcrPublic(scope: Construct): boolean {
  return (knownPartition(scope) ?? 'aws') === 'aws';
}

/**
 * Says what to use instead where CodeBuild may have no ARM machines: CloudFormation only fails to make the project.
 *
 * @see https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-acb.html
 */
function warnOfOtherPartitions(scope: Construct): void {
  const partition = knownPartition(scope);
  if (partition !== undefined && partition !== 'aws') {
    Annotations.of(scope).addWarningV2('arm64-agent-image:armEnvironment',
      `AWS CodeBuild may have no ARM environment in ${Stack.of(scope).region} (partition ${partition}): if the deployment says that `
      + '\'ARM_CONTAINER\' is not supported there, use ImageBuild.local() on a machine with Docker, '
      + 'or a prebuilt image with Arm64AgentRuntimeArtifact.fromEcrRepository()');
  }
}

/** The partition of the stack's region; undefined when the region is not known before the deployment, or not to the CDK. */
function knownPartition(scope: Construct): string | undefined {
  const { region } = Stack.of(scope);
  return Token.isUnresolved(region) ? undefined : RegionInfo.get(region).partition;
}
