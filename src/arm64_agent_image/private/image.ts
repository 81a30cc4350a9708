import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { IDependable } from 'constructs';
import { BuildMode } from '../build-mode';
import { DockerContext } from './context/docker-context';

/** The validated input of a build, free of tokens. */
export interface ImageSource {
  readonly context: DockerContext;
  readonly target?: string;
  readonly buildArgs: Record<string, string>;
  readonly buildContexts: Record<string, string>;
  readonly extraHash?: string;
}

/** The result of each kind of build. */
export interface Image {
  readonly buildMode: BuildMode;
  readonly buildModeReason: string;
  readonly imageUri: string;
  readonly imageTag: string;
  readonly repository: ecr.IRepository;
  /** The repository of the app, if other deployments of the stack use it and this one does not. */
  readonly idleRepository?: ecr.IRepository;
  readonly builder: iam.IPrincipal;
  readonly buildProject?: codebuild.IProject;
  readonly buildLogGroup?: logs.ILogGroup;
  /** What must be deployed before the image can be used. */
  readonly dependencies: IDependable[];
}

export function undefinedIfEmpty(values: Record<string, string>): Record<string, string> | undefined {
  return Object.keys(values).length > 0 ? values : undefined;
}
