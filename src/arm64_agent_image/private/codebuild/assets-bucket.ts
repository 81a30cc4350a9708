import { CfnResource, Stack, Stage } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, IConstruct } from 'constructs';
import { asText } from '../references';

/** The ARN of all objects in the assets bucket. */
export function objectsIn(scope: Construct, bucketName: string): string {
  return Stack.of(scope).formatArn({ service: 's3', region: '', account: '', resource: bucketName, resourceName: '*' });
}

/**
 * The KMS key of the assets bucket, if the app itself defines that bucket. AppStagingSynthesizer does, and its key leaves
 * all permissions to IAM. The key of the bootstrap stack lets the whole account decrypt through Amazon S3.
 *
 * @see https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml
 */
export function bucketKey(scope: Construct, bucketName: string): kms.IKey | undefined {
  const name = asText(Stack.of(scope).resolve(bucketName));
  const found = Stage.of(scope)!.node.findAll().find((construct) => (
    isBucket(construct) && asText(Stack.of(construct).resolve(construct.bucketName)) === name));
  return (found?.node.scope as s3.Bucket | undefined)?.encryptionKey;
}

/** By its type, because `instanceof` would load all L1 constructs of Amazon S3, which apps without a bucket do not need. */
function isBucket(construct: IConstruct): construct is s3.CfnBucket {
  return CfnResource.isCfnResource(construct) && construct.cfnResourceType === 'AWS::S3::Bucket';
}
