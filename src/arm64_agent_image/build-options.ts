import * as ecr from 'aws-cdk-lib/aws-ecr';
import { IDependable } from 'constructs';
import { CodeBuildOptions } from './code-build-options';

/**
 * Options for a build with the local Docker.
 */
export interface LocalBuildOptions {
  /**
   * Build secrets by id. Each value is the argument of `docker build --secret` without the id, for example
   * `{ npmrc: 'src=.npmrc' }`.
   *
   * @default - none
   */
  readonly buildSecrets?: { [id: string]: string };
}

/**
 * Options for the automatic choice.
 */
export interface AutoBuildOptions {
  /**
   * Options that apply if AWS CodeBuild is chosen.
   *
   * @default - the default of each option
   */
  readonly codeBuild?: CodeBuildOptions;

  /**
   * Options that apply if the local Docker is chosen.
   *
   * @default - the default of each option
   */
  readonly local?: LocalBuildOptions;
}

/**
 * Options for an existing image in Amazon ECR.
 */
export interface EcrImageOptions {
  /**
   * The repository that holds the image.
   */
  readonly repository: ecr.IRepository;

  /**
   * What must be deployed before the image can be used, for example the construct that builds it.
   *
   * @default - none
   */
  readonly dependencies?: IDependable[];
}

/**
 * An existing image in Amazon ECR, identified by its tag.
 */
export interface EcrImageTagOptions extends EcrImageOptions {
  /**
   * The tag of the image. A Runtime is updated only if its image URI changes, so a tag that moves, such as `latest`,
   * deploys nothing.
   */
  readonly tag: string;
}

/**
 * An existing image in Amazon ECR, identified by its digest.
 */
export interface EcrImageDigestOptions extends EcrImageOptions {
  /**
   * The digest of the image, `sha256:...`.
   */
  readonly digest: string;
}
