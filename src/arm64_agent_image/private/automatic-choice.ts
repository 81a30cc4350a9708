import { IConstruct } from 'constructs';
import { failure } from './validation';

export interface BuildChoice {
  readonly mode: 'local' | 'codebuild';
  readonly reason: string;
}

const CONTEXT_KEY = 'arm64-agent-image:build';
const VARIABLE = 'ARM64_AGENT_IMAGE_BUILD';
const CI_VARIABLES = [
  'CI', 'CODEBUILD_BUILD_ID', 'GITHUB_ACTIONS', 'GITLAB_CI', 'JENKINS_URL', 'TEAMCITY_VERSION', 'TF_BUILD',
];

/** Chooses who builds, by the first rule that matches; see `ImageBuild.auto()`. */
export function chooseBuild(
  scope: IConstruct,
  env: Record<string, string | undefined> = process.env,
  architecture: string = process.arch,
): BuildChoice {
  const forced = forcedBuild(scope, `context '${CONTEXT_KEY}'`, scope.node.tryGetContext(CONTEXT_KEY))
    ?? forcedBuild(scope, `environment variable ${VARIABLE}`, env[VARIABLE]);
  if (forced) {
    return forced;
  }

  const amplify = scope.node.tryGetContext('amplify-backend-type');
  if (amplify === 'branch') {
    return { mode: 'codebuild', reason: 'an Amplify branch deployment (context \'amplify-backend-type\' is branch)' };
  }
  if (amplify === 'sandbox') {
    return byArchitecture('an Amplify sandbox', architecture);
  }
  if (env.AWS_BRANCH) {
    return { mode: 'codebuild', reason: `an Amplify Console build (environment variable AWS_BRANCH is ${env.AWS_BRANCH})` };
  }

  const ci = CI_VARIABLES.find((name) => env[name] && env[name] !== 'false');
  if (ci) {
    return byArchitecture(`a CI machine (environment variable ${ci} is set)`, architecture);
  }
  return byArchitecture('a developer\'s machine', architecture);
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

function byArchitecture(machine: string, architecture: string): BuildChoice {
  return architecture === 'arm64'
    ? { mode: 'local', reason: `${machine} of architecture arm64 builds the image itself` }
    : { mode: 'codebuild', reason: `${machine} of architecture ${architecture} cannot build an arm64 image natively` };
}
