import { Token } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import { IConstruct } from 'constructs';
import { inAppLanguage, property } from './names-in-app';
import { validationError } from './validation';

/** The parts of an image's URI that AgentCore accepts: `<registry>/<name>:<tag>` or `<registry>/<name>@<digest>`. */
const AGENTCORE_URI = {
  name: /^([a-z0-9]+([._-][a-z0-9]+)*\/)*[a-z0-9]+([._-][a-z0-9]+)*$/,
  tag: /^\w[\w.-]{0,127}$/,
  digest: /^sha256:[0-9a-f]{64}$/,
};

/**
 * Fails if AgentCore would refuse the name of a repository, which Amazon ECR accepts.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ContainerConfiguration.html
 */
export function requireRepositoryName(scope: IConstruct, { repositoryName }: ecr.IRepository): void {
  requirePart(scope, 'name', repositoryName, `${property('repository')} must have a name that AgentCore accepts, got '${repositoryName}'; `
    + 'use lower-case letters and digits, with single \'-\', \'_\', \'.\' and \'/\' between them');
}

export function requireTag(scope: IConstruct, tag: string): void {
  requirePart(scope, 'tag', tag, `${property('tag')} must be 1 to 128 letters, digits, '_', '.' and '-', got '${tag}'; `
    + `pass a digest to ${inAppLanguage('fromImageDigest')}()`);
}

export function requireDigest(scope: IConstruct, digest: string): void {
  requirePart(scope, 'digest', digest, `${property('digest')} must be 'sha256:' and 64 lower-case hexadecimal digits, got '${digest}'; `
    + `pass a tag to ${inAppLanguage('fromImageTag')}()`);
}

function requirePart(scope: IConstruct, part: keyof typeof AGENTCORE_URI, value: string, message: string): void {
  if (!Token.isUnresolved(value) && !AGENTCORE_URI[part].test(value)) {
    throw validationError(scope, message);
  }
}
