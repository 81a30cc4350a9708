import { Token } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';
import { BuildSecret, RegistryCredentials } from '../../build-credentials';
import { failure, requireArgument } from '../validation';
import { BuildVariable } from './build-variable';

export interface BuildEnvironmentProps {
  readonly buildSecrets?: { [id: string]: BuildSecret };
  readonly registryCredentials?: RegistryCredentials[];
}

/** Environment variables of a project. */
export type BuildVariables = Record<string, codebuild.BuildEnvironmentVariable>;

/** The variables of a build that hold secrets and registries, and which secret id is in which variable. */
export interface BuildEnvironment {
  readonly secrets: Record<string, string>;
  readonly variables: BuildVariables;
}

/** Names the variables of a build, and lets the build's role read them. */
export function buildEnvironment(scope: IConstruct, role: iam.IRole, props: BuildEnvironmentProps): BuildEnvironment {
  const variables: BuildVariables = {};
  const secrets: Record<string, string> = {};
  Object.entries(props.buildSecrets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)).forEach(([id, secret], index) => {
    requireSecretId(scope, id);
    secrets[id] = `BUILD_SECRET_${index}`;
    variables[secrets[id]] = variable(secret._bind(role));
  });
  (props.registryCredentials ?? []).forEach((credentials, index) => {
    const { server, region, username, password } = credentials._bind(role);
    requireServer(scope, server);
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
  requireArgument(scope, 'buildSecrets id', id);
  if (!/^[\w.-]+$/.test(id)) {
    throw failure(scope, `'buildSecrets' must have ids of letters, digits, '_', '.' and '-', got '${id}'; rename it here and in the Dockerfile`);
  }
}

function requireServer(scope: IConstruct, server: string): void {
  if (!Token.isUnresolved(server) && !/^[a-z0-9]\S*$/i.test(server)) {
    throw failure(scope, `'server' must be the host name of a registry, got '${server}'; pass 'docker.io' for Docker Hub`);
  }
}
