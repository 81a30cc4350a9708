import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { IDependable } from 'constructs';
import { BuildSecret, RegistryCredentials } from './build-credentials';

/**
 * Options of a build by the local Docker.
 */
export interface LocalBuildOptions {
  /**
   * Build secrets by id, each as `docker build --secret` takes it without the id, for example
   * `{ npmrc: 'src=.npmrc' }`.
   *
   * @default - none
   */
  readonly buildSecrets?: { [id: string]: string };
}

/**
 * Options of a build in AWS CodeBuild.
 */
export interface CodeBuildOptions {
  /**
   * The repository to push to. It may have immutable tags.
   *
   * @default - a repository of the construct's own, with immutable tags, emptied and deleted with the stack
   */
  readonly repository?: ecr.IRepository;

  /**
   * What happens to the construct's own repository when it leaves the stack. `DESTROY` deletes its images too: they
   * can be built again from their source.
   *
   * @default RemovalPolicy.DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;

  /**
   * The compute type of the build.
   *
   * @default ComputeType.SMALL
   */
  readonly computeType?: codebuild.ComputeType;

  /**
   * The image that the build runs in: an ARM image with Docker and buildx, the AWS CLI, and Python 3.11
   * or newer as `python3`.
   *
   * CodeBuild caches the latest major version of its own images on its hosts; any other image is downloaded first.
   *
   * @see https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
   * @default - aws/codebuild/amazonlinux-aarch64-standard:4.0 (Amazon Linux 2023)
   */
  readonly buildImage?: codebuild.IBuildImage;

  /**
   * How long the build may take, in whole minutes from 5 to 40. CloudFormation gives the deployment of the image one
   * hour, which also covers waiting for a build slot and in CodeBuild's queue.
   *
   * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
   * @default Duration.minutes(30)
   */
  readonly timeout?: Duration;

  /**
   * The VPC to run the build in. It needs a way to Amazon ECR, Amazon S3 and CloudWatch Logs, and to whatever the
   * Dockerfile downloads.
   *
   * @default - not in a VPC
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets of the VPC, which must be private: CodeBuild gives its network interfaces no public address.
   *
   * @default - private subnets
   */
  readonly subnetSelection?: ec2.SubnetSelection;

  /**
   * The security groups of the build in the VPC.
   *
   * @default - a security group of the construct's own that allows all outbound traffic
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * The log group of the build.
   *
   * @default - a log group of the construct's own, deleted with the stack
   */
  readonly logGroup?: logs.ILogGroup;

  /**
   * How long the construct's own log group keeps the logs of builds.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;

  /**
   * The key that encrypts the construct's own repository. Amazon ECR cannot change the key of a repository: another key
   * gives the image a new repository, which it is built into once more, and deletes the old one.
   *
   * @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
   * @default - encryption with a key that Amazon S3 manages
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * Whether the layers of a build are kept in the repository, under `cache-<tag>`, for the next build to start from.
   * It is best effort: a missing or broken cache slows a build and never fails it, and no deployment waits for it.
   *
   * @default - true in the construct's own repository, which keeps the newest two caches; false in `repository`
   */
  readonly layerCache?: boolean;

  /**
   * Build secrets by id, for `RUN --mount=type=secret,id=...`. They are in no template, log or image. Their values
   * are not part of the content tag: use `extraHash` to build again after one has changed.
   *
   * @default - none
   */
  readonly buildSecrets?: { [id: string]: BuildSecret };

  /**
   * Credentials of registries that base images are pulled from: Docker Hub, private registries, repositories of
   * Amazon ECR in other accounts or regions.
   *
   * @default - none
   */
  readonly registryCredentials?: RegistryCredentials[];
}

/**
 * Options of the automatic choice.
 */
export interface AutoBuildOptions {
  /**
   * Options for when AWS CodeBuild is chosen.
   *
   * @default - the defaults of every option
   */
  readonly codeBuild?: CodeBuildOptions;

  /**
   * Options for when the local Docker is chosen.
   *
   * @default - the defaults of every option
   */
  readonly local?: LocalBuildOptions;
}

/**
 * A prebuilt image in Amazon ECR.
 */
export interface EcrImageOptions {
  /**
   * The repository that holds the image.
   */
  readonly repository: ecr.IRepository;

  /**
   * The image's tag. A Runtime is only updated when its image URI changes: a tag that moves, such as `latest`,
   * deploys nothing.
   *
   * @default - `digest` is given
   */
  readonly tag?: string;

  /**
   * The image's digest, `sha256:...`.
   *
   * @default - `tag` is given
   */
  readonly digest?: string;

  /**
   * What must be deployed before the image can be used, for example the construct that builds it.
   *
   * @default - none
   */
  readonly dependencies?: IDependable[];
}
