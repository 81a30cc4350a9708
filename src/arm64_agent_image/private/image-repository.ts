import { Aws, Fn, Names, RemovalPolicy } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { failure } from './validation';

export interface ImageRepositoryProps {
  readonly repository?: ecr.IRepository;
  readonly removalPolicy?: RemovalPolicy;
  readonly encryptionKey?: kms.IKey;
}

/** The app's repository, or one of the construct's own. */
export function imageRepository(scope: Construct, props: ImageRepositoryProps): ecr.IRepository {
  const { repository, removalPolicy = RemovalPolicy.DESTROY, encryptionKey } = props;
  if (repository) {
    if (props.removalPolicy) {
      throw failure(scope, `'removalPolicy' is about the construct's own repository, got '${removalPolicy}' and a 'repository'; `
        + 'set the removal policy of that repository instead');
    }
    return repository;
  }
  return new ecr.Repository(scope, 'Repository', {
    repositoryName: repositoryName(scope),
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

/**
 * A name that is unique to the deployed stack and that AgentCore accepts, which refuses the doubled separators of names
 * that CloudFormation generates.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ContainerConfiguration.html
 */
function repositoryName(scope: Construct): string {
  const path = Names.uniqueResourceName(scope, { maxLength: 80, separator: '-' }).toLowerCase();
  const stack = Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', Aws.STACK_ID))));
  return `${path}-${stack}`;
}
