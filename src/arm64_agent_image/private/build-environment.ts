import { Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';
import { BuildSecret, RegistryCredentials } from '../build-credentials';
import { failure, requireArgument } from './validation';

/** An environment variable whose value CodeBuild reads when the build starts. */
export interface BuildVariable {
  readonly type: 'SECRETS_MANAGER' | 'PARAMETER_STORE';
  readonly value: string;
}

/** A login of the build: to Amazon ECR by region, else with user name and password. */
export interface RegistryLogin {
  readonly server: string;
  readonly region?: string;
  readonly username?: BuildVariable;
  readonly password?: BuildVariable;
}

export interface BuildEnvironmentProps {
  readonly buildSecrets?: { [id: string]: BuildSecret };
  readonly registryCredentials?: RegistryCredentials[];
}

/** The secrets of a build: their variables, by which ids they are mounted, and the logins that use them. */
export interface BuildEnvironment {
  readonly secrets: Record<string, string>;
  readonly variables: object[];
  readonly registries: object[];
}

/** Names the variables of a build, and lets the build's role read them. */
export function buildEnvironment(scope: IConstruct, role: iam.IRole, props: BuildEnvironmentProps): BuildEnvironment {
  const variables: object[] = [];
  const add = (name: string, variable: BuildVariable) => {
    variables.push({ Name: name, Type: variable.type, Value: variable.value });
    return name;
  };

  const secrets = Object.entries(props.buildSecrets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, secret], index) => {
      requireSecretId(scope, id);
      return [id, add(`BUILD_SECRET_${index}`, secret._bind(role))];
    });

  const registries = (props.registryCredentials ?? []).map((credentials, index) => {
    const { server, region, username, password } = credentials._bind(role);
    requireServer(scope, server);
    return username && password
      ? {
        Type: 'SECRET',
        Server: server,
        UsernameVariable: add(`REGISTRY_${index}_USERNAME`, username),
        PasswordVariable: add(`REGISTRY_${index}_PASSWORD`, password),
      }
      : { Type: 'ECR', Host: server, Region: region };
  });

  return { secrets: Object.fromEntries(secrets), variables, registries };
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
