import * as crypto from 'crypto';
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { OrderedRepository } from './ordered-repository';
import { requireRepositoryName } from '../image-reference';
import { property } from '../names-in-app';
import { validationError } from '../validation';

export interface ImageRepositoryProps {
  readonly repository?: ecr.IRepository;
  readonly removalPolicy?: RemovalPolicy;
  readonly encryptionKey?: kms.IKey;
}

/**
 * The name of the repository that the construct creates. Amazon ECR cannot change the key of a repository, so
 * CloudFormation replaces it; a name for each key lets the new repository exist beside the old one.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
 */
export function repositoryName(scope: Construct, name: string, { encryptionKey }: ImageRepositoryProps): string {
  if (!encryptionKey) {
    return name;
  }
  const key = JSON.stringify([Stack.of(encryptionKey).node.path, Stack.of(scope).resolve(encryptionKey.keyArn)]);
  return `${name}-${crypto.createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
}

/** The repository of the app, or a new one. */
export function imageRepository(scope: Construct, name: string, props: ImageRepositoryProps): ecr.IRepository {
  const { repository, removalPolicy = RemovalPolicy.DESTROY, encryptionKey } = props;
  if (repository) {
    if (props.removalPolicy) {
      throw validationError(scope, `${property('removalPolicy')} must not be given together with ${property('repository')}, got '${removalPolicy}'; `
        + 'set the removal policy of that repository instead');
    }
    if (encryptionKey) {
      throw validationError(scope, `${property('encryptionKey')} must not be given together with ${property('repository')}, got ${encryptionKey.node.path}; `
        + 'set the encryption key of that repository instead');
    }
    requireRepositoryName(scope, repository);
    return OrderedRepository.unordered(repository);
  }
  return new ecr.Repository(scope, 'Repository', {
    repositoryName: repositoryName(scope, name, props),
    imageTagMutability: ecr.TagMutability.IMMUTABLE,
    imageScanOnPush: true,
    encryptionKey,
    removalPolicy,
    emptyOnDelete: removalPolicy === RemovalPolicy.DESTROY,
    lifecycleRules: [{
      description: 'Keep the newest two layer caches; images of agents never expire',
      tagPrefixList: ['cache-'],
      maxImageCount: 2,
    }, {
      description: 'Keep the newest twenty plans, with which images are assembled',
      tagPrefixList: ['plan-'],
      maxImageCount: 20,
    }],
  });
}
