import { Stack, Token } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { EcrImageOptions } from '../build-options';
import { Image } from './image';
import { NoBuilder } from './no-builder';
import { requireRepositoryName } from './repository-name';
import { failure } from './validation';

/** An image that something else builds. */
export function prebuiltImage(scope: IConstruct, options: EcrImageOptions): Image {
  const { repository, tag, digest, dependencies = [] } = options;
  if ((tag === undefined) === (digest === undefined)) {
    throw failure(scope, `exactly one of 'tag' and 'digest' must be given, got ${tag === undefined ? 'neither' : 'both'}; `
      + 'name the image by the tag or the digest that its build gave it');
  }
  if (digest !== undefined && !Token.isUnresolved(digest) && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw failure(scope, `'digest' must be 'sha256:' and 64 lower-case hexadecimal digits, got '${digest}'; pass a tag as 'tag'`);
  }
  if (tag !== undefined && !Token.isUnresolved(tag) && !/^\w[\w.-]{0,127}$/.test(tag)) {
    throw failure(scope, `'tag' must be 1 to 128 letters, digits, '_', '.' and '-', got '${tag}'; pass a digest as 'digest'`);
  }
  requireRepositoryName(scope, repository);
  return {
    buildMode: 'prebuilt',
    buildModeReason: 'the app names an image that something else builds',
    imageUri: digest === undefined ? repository.repositoryUriForTag(tag) : repository.repositoryUriForDigest(digest),
    imageTag: (tag ?? digest)!,
    repository,
    builder: new NoBuilder(Stack.of(scope).account),
    dependencies,
  };
}
