import { Stack } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { EcrImageOptions } from '../build-options';
import { Image } from './image';
import { requireDigest, requireRepositoryName, requireTag } from './image-reference';
import { property } from './names-in-app';
import { NoOpPrincipal } from './no-op-principal';
import { validationError } from './validation';

/** An existing image. */
export function prebuiltImage(scope: IConstruct, options: EcrImageOptions): Image {
  const { repository, tag, digest, dependencies = [] } = options;
  if ((tag === undefined) === (digest === undefined)) {
    throw validationError(scope, `exactly one of ${property('tag')} and ${property('digest')} must be given, `
      + `got ${tag === undefined ? 'neither' : 'both'}; pass the tag or the digest of the image`);
  }
  if (digest !== undefined) {
    requireDigest(scope, digest);
  }
  if (tag !== undefined) {
    requireTag(scope, tag);
  }
  requireRepositoryName(scope, repository);
  return {
    buildMode: 'prebuilt',
    buildModeReason: 'the app uses an existing image',
    imageUri: digest === undefined ? repository.repositoryUriForTag(tag) : repository.repositoryUriForDigest(digest),
    imageTag: (tag ?? digest)!,
    repository,
    builder: new NoOpPrincipal(Stack.of(scope).account),
    dependencies,
  };
}
