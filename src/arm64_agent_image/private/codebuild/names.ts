import { ArnFormat, Fn, Names, Stack } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';

const PREFIX = 'arm64-agent-image';

/**
 * The name of the function and the state machine that serve all images of a stack.
 *
 * It is unique to the deployed stack and known before any resource exists, so that no role waits for the ARN of another
 * resource. None of these names can change once a stack is deployed.
 */
export function providerName(scope: IConstruct): string {
  return `${PREFIX}-${stackUuid(scope)}`;
}

/**
 * The name of an image's repository and project. AgentCore refuses the doubled separators of names that CloudFormation
 * generates.
 *
 * @see https://docs.aws.amazon.com/bedrock-agentcore-control/latest/APIReference/API_ContainerConfiguration.html
 */
export function imageName(scope: IConstruct): string {
  return `${stackPrefix(scope)}-${Names.uniqueResourceName(scope, { maxLength: 80, separator: '-' }).toLowerCase()}`;
}

/** A pattern that matches the names of all images of the stack, and no others. */
export function imageNames(scope: IConstruct): string {
  return `${stackPrefix(scope)}-*`;
}

/** The name of the log group of an image's builds; with a pattern, of all images of the stack. */
export function buildLogsName(name: string): string {
  return `/aws/codebuild/${name}`;
}

/** The ARN of a resource in the account and region of the stack. */
export function arnOf(scope: IConstruct, service: string, resource: string, resourceName: string, arnFormat = ArnFormat.SLASH_RESOURCE_NAME): string {
  return Stack.of(scope).formatArn({ service, resource, resourceName, arnFormat });
}

function stackPrefix(scope: IConstruct): string {
  return `${PREFIX}-${Fn.select(0, Fn.split('-', stackUuid(scope)))}`;
}

/** The last part of `arn:aws:cloudformation:<region>:<account>:stack/<name>/<uuid>`. */
function stackUuid(scope: IConstruct): string {
  return Fn.select(2, Fn.split('/', Stack.of(scope).stackId));
}
