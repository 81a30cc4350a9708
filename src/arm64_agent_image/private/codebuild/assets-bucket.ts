import { Stack, Stage } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/**
 * The key of a bucket of this name that the app itself defines. AppStagingSynthesizer does, and its key leaves all
 * permissions to IAM; the key of the bootstrap stack lets the whole account decrypt through Amazon S3.
 *
 * @see https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml
 */
export function bucketKey(scope: Construct, bucketName: string): kms.IKey | undefined {
  const name = template(Stack.of(scope).resolve(bucketName));
  const found = Stage.of(scope)!.node.findAll().find((construct) => (
    construct instanceof s3.CfnBucket && template(Stack.of(construct).resolve(construct.bucketName)) === name));
  return (found?.node.scope as s3.Bucket | undefined)?.encryptionKey;
}

/** A resolved name as the text of an `Fn::Sub`: the same name can be written as `Fn::Join` or `Fn::Sub`. */
function template(value: any): string | undefined {
  if (typeof value !== 'object') {
    return value;
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'];
    return parts.map(template).join(separator);
  }
  return 'Ref' in value ? `\${${value.Ref}}` : value['Fn::Sub'];
}
