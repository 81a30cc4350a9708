import { Token } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';
import { BuildVariable, RegistryLogin } from './build-variable';
import { BuildSecret, RegistryCredentials } from '../../build-credentials';
import { property } from '../names-in-app';
import { requireArgument, validationError } from '../validation';

export interface BuildEnvironmentProps {
  readonly buildSecrets?: { [id: string]: BuildSecret };
  readonly registryCredentials?: RegistryCredentials[];
}

/** The environment variables of a project. */
export type BuildVariables = Record<string, codebuild.BuildEnvironmentVariable>;

/** The secrets and registries of a build. */
export interface BuildEnvironment {
  /** The name of the variable that holds each secret, by the id of the secret. */
  readonly secrets: Record<string, string>;
  readonly variables: BuildVariables;
}

/** Assigns secrets and registries to environment variables, and grants the role of the build access to them. */
export function buildEnvironment(scope: IConstruct, role: iam.IRole, props: BuildEnvironmentProps): BuildEnvironment {
  const variables: BuildVariables = {};
  const secrets: Record<string, string> = {};
  Object.entries(props.buildSecrets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).forEach(([id, secret], index) => {
    requireSecretId(scope, id);
    secrets[id] = `BUILD_SECRET_${index}`;
    variables[secrets[id]] = variable(secret._bind(role));
  });
  const logins = (props.registryCredentials ?? []).map((credentials) => credentials._bind(role));
  logins.forEach((login, index) => {
    const { server, region, username, password } = login;
    requireServer(scope, server);
    requireOnlyLogin(scope, login, logins);
    variables[`REGISTRY_${index}_SERVER`] = { value: server };
    if (region) {
      variables[`REGISTRY_${index}_REGION`] = { value: region };
    }
    if (username && password) {
      variables[`REGISTRY_${index}_USERNAME`] = variable(username);
      variables[`REGISTRY_${index}_PASSWORD`] = variable(password);
    }
  });
  return { secrets, variables };
}

function variable({ type, value }: BuildVariable): codebuild.BuildEnvironmentVariable {
  return { type: codebuild.BuildEnvironmentVariableType[type], value };
}

function requireSecretId(scope: IConstruct, id: string): void {
  requireArgument(scope, `an id in ${property('buildSecrets')}`, id);
  if (!/^[\w.-]+$/.test(id)) {
    throw validationError(scope, `${property('buildSecrets')} must have ids of letters, digits, '_', '.' and '-', got '${id}'; `
      + 'rename it here and in the Dockerfile');
  }
}

/** Fails if a registry has another login too: Docker would use the last one. */
function requireOnlyLogin(scope: IConstruct, login: RegistryLogin, logins: RegistryLogin[]): void {
  const user = ({ username, password }: RegistryLogin) => JSON.stringify([username, password]);
  if (logins.some((other) => other.server === login.server && user(other) !== user(login))) {
    throw validationError(scope, `${property('registryCredentials')} must have one login for a registry, got several for '${login.server}'; `
      + 'keep the one that may pull the base images');
  }
}

function requireServer(scope: IConstruct, server: string): void {
  if (!Token.isUnresolved(server) && !/^[a-z0-9]\S*$/i.test(server)) {
    throw validationError(scope, `${property('server')} must be the host name of a registry, got '${server}'; pass 'docker.io' for Docker Hub`);
  }
}
