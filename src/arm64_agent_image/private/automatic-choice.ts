import { Stack, Stage } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { containerCommand, Environment } from './container-command';
import { failure } from './validation';

export interface BuildChoice {
  readonly mode: 'local' | 'codebuild';
  readonly reason: string;
}

const CONTEXT_KEY = 'arm64-agent-image:build';
const VARIABLE = 'ARM64_AGENT_IMAGE_BUILD';
const CI_VARIABLES = ['CI', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'TEAMCITY_VERSION', 'TF_BUILD'];

/** Chooses who builds, by the first rule that matches; see `ImageBuild.auto()`. */
export function chooseBuild(scope: IConstruct, env: Environment = process.env, architecture: string = process.arch): BuildChoice {
  const forced = forcedBuild(scope, `context '${CONTEXT_KEY}'`, scope.node.tryGetContext(CONTEXT_KEY))
    ?? forcedBuild(scope, `environment variable ${VARIABLE}`, env[VARIABLE]);
  if (forced) {
    return forced;
  }

  const amplify = scope.node.tryGetContext('amplify-backend-type');
  if (amplify === 'branch') {
    return codeBuild('an Amplify branch deployment (context \'amplify-backend-type\' is branch)');
  }
  if (amplify === 'sandbox') {
    return byMachine('an Amplify sandbox', env, architecture);
  }
  if (env.AWS_BRANCH) {
    return codeBuild(`an Amplify Console build (environment variable AWS_BRANCH is ${env.AWS_BRANCH})`);
  }
  if (env.CODEBUILD_BUILD_ID) {
    return codeBuild('a build in AWS CodeBuild (environment variable CODEBUILD_BUILD_ID is set), where another project publishes assets');
  }
  const pipeline = pipelineStack(scope);
  if (pipeline) {
    return codeBuild(`a stage of CDK Pipelines (in stack ${pipeline.node.path}), whose project for assets is not ARM`);
  }

  const ci = CI_VARIABLES.find((name) => env[name] && env[name] !== 'false');
  return byMachine(ci ? `a CI machine (environment variable ${ci} is set)` : 'a developer\'s machine', env, architecture);
}

function forcedBuild(scope: IConstruct, origin: string, value: unknown): BuildChoice | undefined {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  if (value !== 'local' && value !== 'codebuild') {
    throw failure(scope, `${origin} must be 'local' or 'codebuild', got ${JSON.stringify(value)}; correct or remove it`);
  }
  return { mode: value, reason: `${origin} is ${value}` };
}

function codeBuild(reason: string): BuildChoice {
  return { mode: 'codebuild', reason };
}

/** The stack that contains the image's Stage: apps nest a Stage in a stack to deploy it by a pipeline. */
function pipelineStack(scope: IConstruct): Stack | undefined {
  return Stage.of(scope)?.node.scopes.find(Stack.isStack);
}

function byMachine(machine: string, env: Environment, architecture: string): BuildChoice {
  if (architecture !== 'arm64') {
    return codeBuild(`${machine} of architecture ${architecture} cannot build an arm64 image natively`);
  }
  const { expected, found } = containerCommand(env);
  if (found) {
    return { mode: 'local', reason: `${machine} of architecture arm64 builds the image itself, with ${found}` };
  }
  return codeBuild(env.CDK_DOCKER
    ? `${machine} without a container command: '${expected}' (environment variable CDK_DOCKER) is not an executable on it`
    : `${machine} without a container command: neither docker, finch nor podman is on its PATH`);
}
