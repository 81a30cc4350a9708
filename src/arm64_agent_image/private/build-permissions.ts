import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ImageProvider } from './image-provider';

export interface Build {
  readonly project: codebuild.IProject;
  readonly repository: ecr.IRepository;
  readonly logGroup: logs.ILogGroup;
}

/** Lets the provider's two functions build this image, in policies of the image's own. */
export function allowBuild(scope: Construct, provider: ImageProvider, { project, repository, logGroup }: Build): iam.Policy[] {
  return [
    new iam.Policy(scope, 'OnEventPolicy', {
      roles: [provider.onEvent.role!],
      statements: [
        allow(project.projectArn, 'codebuild:StartBuild', 'codebuild:BatchGetBuilds', 'codebuild:ListBuildsForProject', 'codebuild:StopBuild'),
        allow(repository.repositoryArn, 'ecr:BatchGetImage'),
      ],
    }),
    new iam.Policy(scope, 'IsCompletePolicy', {
      roles: [provider.isComplete.role!],
      statements: [
        allow(project.projectArn, 'codebuild:BatchGetBuilds', 'codebuild:StopBuild'),
        allow(repository.repositoryArn, 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'),
        allow(logGroup.logGroupArn, 'logs:GetLogEvents'),
      ],
    }),
  ];
}

function allow(resource: string, ...actions: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources: [resource] });
}
