import { ArnFormat } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { objectsIn } from './assets-bucket';
import { arnOf, buildLogsName } from './names';
import { networkStatements } from './network';
import { mayUseEcrPublic } from './project';
import { repositoryName } from './repository';
import { ofProject, serviceRole } from './role';
import { CodeBuildOptions } from '../../code-build-options';
import { allow } from '../statements';

export interface BuildRoleProps {
  readonly name: string;
  /** The bucket to which the CDK uploads assets. */
  readonly bucketName: string;
  /** The key of that bucket, if the app defines it. */
  readonly bucketKey?: kms.IKey;
  readonly repository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
  readonly network?: codebuild.CfnProject.VpcConfigProperty;
  readonly options: CodeBuildOptions;
}

/**
 * The role of the build. No statement names a source, so a code change does not change any permission.
 *
 * Access to resources of the app is granted in the role's default policy, because they may in turn depend on the role.
 */
export function buildRole(scope: Construct, { name, bucketName, bucketKey, repository, logGroup, network, options }: BuildRoleProps): iam.Role {
  const statements = [
    allow(objectsIn(scope, bucketName), ['s3:GetObject', 's3:GetObjectVersion']),
    allow('*', ['ecr:GetAuthorizationToken']),
  ];
  if (bucketKey) {
    statements.push(allow(bucketKey.keyArn, ['kms:Decrypt']));
  }
  if (mayUseEcrPublic(scope)) {
    statements.push(allow('*', ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken']));
  }
  if (!options.repository) {
    statements.push(allow(arnOf(scope, 'ecr', 'repository', repositoryName(scope, name, options)), [
      'ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:CompleteLayerUpload', 'ecr:GetDownloadUrlForLayer',
      'ecr:InitiateLayerUpload', 'ecr:PutImage', 'ecr:UploadLayerPart',
    ]));
  }
  if (!options.logGroup) {
    statements.push(allow(arnOf(scope, 'logs', 'log-group', `${buildLogsName(name)}:*`, ArnFormat.COLON_RESOURCE_NAME),
      ['logs:CreateLogStream', 'logs:PutLogEvents']));
  }
  if (network) {
    statements.push(...networkStatements(scope, network.subnets!));
  }

  const role = serviceRole(scope, 'Role', 'codebuild.amazonaws.com', 'Builds an agent image in CodeBuild',
    new iam.PolicyDocument({ statements }), ofProject(scope, name));
  if (options.repository) {
    repository.grantPullPush(role);
  }
  if (options.logGroup) {
    logGroup.grantWrite(role);
  }
  options.buildImage?.repository?.grantPull(role);
  options.buildImage?.secretsManagerCredentials?.grantRead(role);
  return role;
}
