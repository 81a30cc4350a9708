import { RemovalPolicy } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { failure } from '../validation';

export interface ImageRepositoryProps {
  readonly repository?: ecr.IRepository;
  readonly removalPolicy?: RemovalPolicy;
  readonly encryptionKey?: kms.IKey;
}

/** The app's repository, or one of the construct's own. */
export function imageRepository(scope: Construct, name: string, props: ImageRepositoryProps): ecr.IRepository {
  const { repository, removalPolicy = RemovalPolicy.DESTROY, encryptionKey } = props;
  if (repository) {
    if (props.removalPolicy) {
      throw failure(scope, `'removalPolicy' applies to the construct's own repository, got '${removalPolicy}' and a 'repository'; `
        + 'set the removal policy of that repository instead');
    }
    return repository;
  }
  return new ecr.Repository(scope, 'Repository', {
    repositoryName: name,
    imageTagMutability: ecr.TagMutability.IMMUTABLE,
    imageScanOnPush: true,
    encryptionKey,
    removalPolicy,
    emptyOnDelete: removalPolicy === RemovalPolicy.DESTROY,
    lifecycleRules: [{
      description: 'Keep the newest two layer caches; images of agents never expire',
      tagPrefixList: ['cache-'],
      maxImageCount: 2,
    }],
  });
}
