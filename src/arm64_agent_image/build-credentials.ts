import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { BuildVariable, RegistryLogin } from './private/codebuild/build-variable';

/**
 * A secret for a build in AWS CodeBuild. CodeBuild reads it when the build starts and masks it in the log.
 */
export class BuildSecret {
  /**
   * A secret in AWS Secrets Manager. The build is granted read access to it.
   *
   * @param secret the secret
   * @param field the key within a JSON secret; without it, the whole secret
   *
   * @example
   * import { BuildSecret, ImageBuild } from 'arm64-agent-image';
   *
   * ImageBuild.codeBuild({ buildSecrets: { token: BuildSecret.fromSecretsManager(secret) } });
   */
  public static fromSecretsManager(secret: secretsmanager.ISecret, field?: string): BuildSecret {
    return new BuildSecret(secretVariable(secret, field), (grantee) => secret.grantRead(grantee));
  }

  /**
   * A parameter in AWS Systems Manager Parameter Store. The build is granted read access to it.
   *
   * @param parameter the parameter
   *
   * @example
   * import { BuildSecret, ImageBuild } from 'arm64-agent-image';
   *
   * ImageBuild.codeBuild({ buildSecrets: { token: BuildSecret.fromSsmParameter(parameter) } });
   */
  public static fromSsmParameter(parameter: ssm.IParameter): BuildSecret {
    return new BuildSecret({ type: 'PARAMETER_STORE', value: parameter.parameterName }, (grantee) => parameter.grantRead(grantee));
  }

  private constructor(
    private readonly variable: BuildVariable,
    private readonly grant: (grantee: iam.IGrantable) => iam.Grant,
  ) {}

  /** @internal */
  public _bind(grantee: iam.IGrantable): BuildVariable {
    this.grant(grantee);
    return this.variable;
  }
}

/**
 * Credentials for a registry from which a build in AWS CodeBuild pulls base images.
 */
export class RegistryCredentials {
  /**
   * A registry with a user name and a password. The build is granted read access to the secret.
   *
   * @param server the host name of the registry, `docker.io` for Docker Hub
   * @param secret a JSON secret with the keys `username` and `password`
   *
   * @example
   * import { ImageBuild, RegistryCredentials } from 'arm64-agent-image';
   *
   * ImageBuild.codeBuild({
   *   registryCredentials: [RegistryCredentials.fromSecretsManager('docker.io', secret)],
   * });
   */
  public static fromSecretsManager(server: string, secret: secretsmanager.ISecret): RegistryCredentials {
    return new RegistryCredentials((grantee) => {
      secret.grantRead(grantee);
      return {
        server,
        username: secretVariable(secret, 'username'),
        password: secretVariable(secret, 'password'),
      };
    });
  }

  /**
   * A private repository in Amazon ECR, in any account or region. The build is granted permission to pull from it; the
   * policy of a repository in another account must allow that too.
   *
   * @param repository the repository
   *
   * @example
   * import { ImageBuild, RegistryCredentials } from 'arm64-agent-image';
   *
   * ImageBuild.codeBuild({ registryCredentials: [RegistryCredentials.fromEcrRepository(repository)] });
   */
  public static fromEcrRepository(repository: ecr.IRepository): RegistryCredentials {
    return new RegistryCredentials((grantee) => {
      repository.grantPull(grantee);
      return { server: repository.registryUri, region: repository.env.region };
    });
  }

  private constructor(private readonly bind: (grantee: iam.IGrantable) => RegistryLogin) {}

  /** @internal */
  public _bind(grantee: iam.IGrantable): RegistryLogin {
    return this.bind(grantee);
  }
}

function secretVariable(secret: secretsmanager.ISecret, field?: string): BuildVariable {
  return { type: 'SECRETS_MANAGER', value: field === undefined ? secret.secretArn : `${secret.secretArn}:${field}` };
}
