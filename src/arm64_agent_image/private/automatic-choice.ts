import { Stack, Stage } from 'aws-cdk-lib';
import { IConstruct } from 'constructs';
import { containerCommand, Environment } from './container-command';
import { validationError } from './validation';

export interface BuildChoice {
  readonly mode: 'local' | 'codebuild';
  readonly reason: string;
}

const CONTEXT_KEY = 'arm64-agent-image:build';
const VARIABLE = 'ARM64_AGENT_IMAGE_BUILD';
const CI_VARIABLES = ['CI', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'TEAMCITY_VERSION', 'TF_BUILD'];

/** Chooses where the image is built, by the first rule of `ImageBuild.auto()` that matches. */
export function chooseBuild(scope: IConstruct, env: Environment = process.env, architecture: string = process.arch): BuildChoice {
  const forced = forcedBuild(scope, `context '${CONTEXT_KEY}'`, scope.node.tryGetContext(CONTEXT_KEY))
    ?? forcedBuild(scope, `environment variable ${VARIABLE}`, env[VARIABLE]);
  if (forced) {
    return forced;
  }

  const amplify = scope.node.tryGetContext('amplify-backend-type');
  if (amplify === 'branch') {
    return codeBuild('this is an Amplify branch deployment (context \'amplify-backend-type\' is branch)');
  }
  if (amplify === 'sandbox') {
    return byMachine('this Amplify sandbox machine', env, architecture);
  }
  if (env.AWS_BRANCH) {
    return codeBuild(`this is an Amplify Console build (environment variable AWS_BRANCH is ${env.AWS_BRANCH})`);
  }
  if (env.CODEBUILD_BUILD_ID) {
    return codeBuild('this is a build in AWS CodeBuild (environment variable CODEBUILD_BUILD_ID is set), where another project may publish the assets');
  }
  const pipeline = pipelineStack(scope);
  if (pipeline) {
    return codeBuild(`the image is in a stage of CDK Pipelines (stack ${pipeline.node.path}), which publishes assets on x86 by default`);
  }

  const ci = CI_VARIABLES.find((name) => env[name] && env[name] !== 'false');
  return byMachine(ci ? `this CI machine (environment variable ${ci} is set)` : 'this machine', env, architecture);
}

function forcedBuild(scope: IConstruct, origin: string, value: unknown): BuildChoice | undefined {
  if (value === undefined || value === null || value === '') {
    return undefined;
  }
  if (value !== 'local' && value !== 'codebuild') {
    throw validationError(scope, `${origin} must be 'local' or 'codebuild', got ${JSON.stringify(value)}; change or remove it`);
  }
  return { mode: value, reason: `${origin} is ${value}` };
}

function codeBuild(reason: string): BuildChoice {
  return { mode: 'codebuild', reason };
}

/** The stack that contains the Stage of the image: apps that use CDK Pipelines nest their stages in the pipeline's stack. */
function pipelineStack(scope: IConstruct): Stack | undefined {
  return Stage.of(scope)?.node.scopes.find(Stack.isStack);
}

function byMachine(machine: string, env: Environment, architecture: string): BuildChoice {
  if (architecture !== 'arm64') {
    return codeBuild(`${machine} is ${architecture} and cannot build an arm64 image natively`);
  }
  const { expected, found } = containerCommand(env);
  if (found) {
    return { mode: 'local', reason: `${machine} is arm64 and has ${found}` };
  }
  return codeBuild(env.CDK_DOCKER
    ? `${machine} has no container command: '${expected}' (environment variable CDK_DOCKER) is not an executable`
    : `${machine} has no container command: docker, finch and podman are not on its PATH`);
}
