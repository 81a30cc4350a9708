import { Token } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import { IConstruct } from 'constructs';
import { failure } from './validation';

/** The repository part of the pattern that AgentCore has for the URI of an image. */
const NAME = /^([a-z0-9]+([._-][a-z0-9]+)*\/)*[a-z0-9]+([._-][a-z0-9]+)*$/;

/**
 * Refuses a repository whose name Amazon ECR accepts and AgentCore does not, where the name is known at synthesis.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ContainerConfiguration.html
 */
export function requireRepositoryName(scope: IConstruct, { repositoryName }: ecr.IRepository): void {
  if (!Token.isUnresolved(repositoryName) && !NAME.test(repositoryName)) {
    throw failure(scope, `'repository' must have a name that AgentCore accepts, got '${repositoryName}'; use lower-case letters and `
      + 'digits, with single \'-\', \'_\', \'.\' and \'/\' between them');
  }
}
