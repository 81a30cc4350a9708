import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/**
 * The repository of an image that CodeBuild builds. Whatever uses its URI waits for the image; whatever uses its ARN or name,
 * such as a permission to pull, does not.
 */
export class OrderedRepository extends ecr.RepositoryBase {
  /** The repository itself, which a build must use: it would otherwise wait for another image. */
  public static unordered(repository: ecr.IRepository): ecr.IRepository {
    return repository instanceof OrderedRepository ? repository.repository : repository;
  }

  public readonly repositoryName: string;
  public readonly repositoryArn: string;

  constructor(scope: Construct, id: string, private readonly repository: ecr.IRepository, private readonly uri: string) {
    super(scope, id, { account: repository.env.account, region: repository.env.region });
    this.repositoryName = repository.repositoryName;
    this.repositoryArn = repository.repositoryArn;
  }

  public get registryUri(): string {
    return this.repository.registryUri;
  }

  public repositoryUriForTag(tag?: string): string {
    return tag ? `${this.uri}:${tag}` : this.uri;
  }

  public repositoryUriForDigest(digest?: string): string {
    return digest ? `${this.uri}@${digest}` : this.uri;
  }

  public addToResourcePolicy(statement: iam.PolicyStatement): iam.AddToResourcePolicyResult {
    return this.repository.addToResourcePolicy(statement);
  }
}
