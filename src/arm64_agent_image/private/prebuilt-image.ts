import { Annotations, Stack, Token } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { BuildMode } from '../build-mode';
import { EcrImageDigestOptions, EcrImageOptions, EcrImageTagOptions } from '../build-options';
import { Image } from './image';
import { requireDigest, requireRepositoryName, requireTag } from './image-reference';
import { property } from './names-in-app';
import { NoOpPrincipal } from './no-op-principal';

const MOVING_TAGS = ['latest', 'main', 'master', 'develop', 'dev', 'stable', 'edge', 'nightly'];

/** An existing image, identified by its tag. */
export function imageByTag(scope: IConstruct, { tag, ...options }: EcrImageTagOptions): Image {
  requireTag(scope, tag);
  if (!Token.isUnresolved(tag) && MOVING_TAGS.includes(tag.toLowerCase())) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:movingTag',
      `${property('tag')} is '${tag}', which usually moves to new images; CloudFormation updates a Runtime only if its image URI changes, `
      + 'so pass a tag that is unique to the image, or its digest');
  }
  return prebuiltImage(scope, options, tag, options.repository.repositoryUriForTag(tag));
}

/** An existing image, identified by its digest. */
export function imageByDigest(scope: IConstruct, { digest, ...options }: EcrImageDigestOptions): Image {
  requireDigest(scope, digest);
  return prebuiltImage(scope, options, digest, options.repository.repositoryUriForDigest(digest));
}

function prebuiltImage(scope: IConstruct, { repository, dependencies = [] }: EcrImageOptions, imageTag: string, imageUri: string): Image {
  requireRepositoryName(scope, repository);
  return {
    buildMode: BuildMode.PREBUILT,
    buildModeReason: 'the app uses an existing image',
    imageUri,
    imageTag,
    repository,
    builder: new NoOpPrincipal(Stack.of(scope).account),
    dependencies,
  };
}
