import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IDependable } from 'constructs';
import { DockerContext } from './context/docker-context';

/** What a build needs to know; checked, and free of tokens. */
export interface ImageSource {
  readonly context: DockerContext;
  readonly target?: string;
  readonly buildArgs: Record<string, string>;
  readonly buildContexts: Record<string, string>;
  readonly extraHash?: string;
}

/** What every way of getting an image delivers. */
export interface Image {
  readonly buildMode: 'local' | 'codebuild' | 'prebuilt';
  readonly buildModeReason: string;
  readonly imageUri: string;
  readonly imageTag: string;
  readonly repository: ecr.IRepository;
  readonly builder: iam.IPrincipal;
  /** What must exist before anything uses the image. */
  readonly dependencies: IDependable[];
}

export function ifAny(values: Record<string, string>): Record<string, string> | undefined {
  return Object.keys(values).length > 0 ? values : undefined;
}
