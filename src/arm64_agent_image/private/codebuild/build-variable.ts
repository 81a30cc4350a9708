/** An environment variable whose value CodeBuild reads when the build starts. */
export interface BuildVariable {
  readonly type: 'SECRETS_MANAGER' | 'PARAMETER_STORE';
  readonly value: string;
}

/** A login of the build: to Amazon ECR by region, to other registries with a user name and a password. */
export interface RegistryLogin {
  readonly server: string;
  readonly region?: string;
  readonly username?: BuildVariable;
  readonly password?: BuildVariable;
}
