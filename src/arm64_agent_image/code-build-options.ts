import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { BuildSecret, RegistryCredentials } from './build-credentials';

/**
 * Options for a build in AWS CodeBuild.
 */
export interface CodeBuildOptions {
  /**
   * The repository to push to. Its tags may be immutable.
   *
   * With `ImageBuild.auto()`, Runtimes may pull from it even while the local Docker builds, so that versions whose image
   * CodeBuild has built keep working.
   *
   * @default - a new repository with immutable tags, deleted together with the stack
   */
  readonly repository?: ecr.IRepository;

  /**
   * What happens to the repository that the construct creates when it is removed from the stack. `DESTROY` also deletes
   * its images, which can be built again from their source.
   *
   * Not allowed together with `repository`.
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
   * The image that the build runs in: an ARM image with Docker and buildx, the AWS CLI, and Python 3.11 or newer as
   * `python3`.
   *
   * CodeBuild hosts cache the latest major version of CodeBuild's own images. Any other image is downloaded first.
   *
   * @see https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html
   * @default - aws/codebuild/amazonlinux-aarch64-standard:4.0 (Amazon Linux 2023)
   */
  readonly buildImage?: codebuild.IBuildImage;

  /**
   * How long the build may take, in whole minutes from 5 to 40. CloudFormation allows one hour for the image, including
   * the wait for a build slot and the time in CodeBuild's queue.
   *
   * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
   * @default Duration.minutes(30)
   */
  readonly timeout?: Duration;

  /**
   * The VPC to run the build in. It needs access to Amazon ECR, Amazon S3, CloudWatch Logs and everything that the
   * Dockerfile downloads.
   *
   * @default - the build does not run in a VPC
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets of the VPC, which requires `vpc`: at most 16. They must be private, because CodeBuild gives its network
   * interfaces no public address.
   *
   * @default - the private subnets
   */
  readonly subnetSelection?: ec2.SubnetSelection;

  /**
   * The security groups of the build in the VPC, which require `vpc`: 1 to 5.
   *
   * @default - a new security group that allows all outbound traffic
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * The log group of the build.
   *
   * @default - a new log group that keeps logs for one month, deleted together with the stack
   */
  readonly logGroup?: logs.ILogGroup;

  /**
   * The KMS key that encrypts the repository that the construct creates. Amazon ECR cannot change the key of a
   * repository: with another key, the image is built into a new repository and the old one is deleted.
   *
   * Not allowed together with `repository`.
   *
   * @see https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html
   * @default - server-side encryption with keys that Amazon S3 manages
   */
  readonly encryptionKey?: kms.IKey;

  /**
   * Whether to keep the layers of a build in the repository, under the tag `cache-<tag>`, for the next build.
   *
   * The cache is best effort: without it a build is slower but does not fail, and no deployment waits for its export.
   *
   * @default - true for the repository that the construct creates, which keeps the newest two caches; false for `repository`
   */
  readonly layerCache?: boolean;

  /**
   * For how long after a build an image is assembled instead of built when only files that the trailing `COPY`
   * instructions of the Dockerfile copy have changed. The next build looks up base images again. From 0, which builds every
   * change, to 30 days, in whole minutes.
   *
   * Each build then keeps a small image tagged `plan-<digest>` in the repository.
   *
   * @default - one day in the construct's own repository; 0 in `repository`, because its lifecycle rules may count plans
   */
  readonly baseImageMaxAge?: Duration;

  /**
   * Build secrets by id, for `RUN --mount=type=secret,id=...`. They appear in no template, log or image.
   *
   * Their values are not part of the content tag: to rebuild after a secret has changed, pass another extra hash.
   *
   * @default - none
   */
  readonly buildSecrets?: { [id: string]: BuildSecret };

  /**
   * Credentials for the registries that base images are pulled from: Docker Hub, private registries, and Amazon ECR
   * repositories in other accounts or regions. Each registry has one login.
   *
   * @default - none
   */
  readonly registryCredentials?: RegistryCredentials[];
}
