import { Annotations, CfnResource, Stack, Stage, Token, TokenComparison } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { Image } from '../image';
import { property } from '../names-in-app';
import { validationError } from '../validation';

/** Fails if AgentCore cannot pull the image where the Runtime is; warns if that depends on the app. */
export function requireSameEnvironment(scope: IConstruct, { repository, buildProject }: Image, runtime: CfnResource): void {
  const subject = `${property('runtime')} (${runtime.node.path})`;
  if (Stage.of(runtime) !== Stage.of(scope)) {
    throw validationError(scope, `${subject} belongs to another Stage than the image; define the image in the same Stage as the Runtime`);
  }
  const [mine, theirs] = [repository.env, Stack.of(runtime)];
  if (Token.compareStrings(mine.region, theirs.region) === TokenComparison.DIFFERENT) {
    throw validationError(scope, `${subject} is in region ${theirs.region}, but the image's repository is in region ${mine.region}; `
      + `define the image in a stack in region ${theirs.region}`);
  }
  const stack = Stack.of(scope);
  if (Token.compareStrings(stack.region, theirs.region) === TokenComparison.ONE_UNRESOLVED) {
    const [known, unknown] = Token.isUnresolved(stack.region) ? [theirs, stack] : [stack, theirs];
    const message = `${subject} and the image must be in the same region, but stack ${known.node.path} is in ${known.region} and the region of `
      + `stack ${unknown.node.path} is not known at synthesis; set ${property('env')} of stack ${unknown.node.path}`;
    if (buildProject) {
      throw validationError(scope, message);
    }
    Annotations.of(scope).addWarningV2('arm64-agent-image:unknownRegion', message);
  }
  if (Token.compareStrings(mine.account, theirs.account) === TokenComparison.DIFFERENT) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:otherAccount',
      `${subject} is in account ${theirs.account}, but the image's repository is in account ${mine.account}; `
      + `the repository policy must allow account ${theirs.account} to pull`);
  }
}
