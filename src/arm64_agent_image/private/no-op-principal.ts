import * as iam from 'aws-cdk-lib/aws-iam';
import { DependencyGroup } from 'constructs';

/** The principal of an image that CodeBuild does not build: grants to it succeed and change nothing. */
export class NoOpPrincipal extends iam.AccountPrincipal {
  public addToPrincipalPolicy(_statement: iam.PolicyStatement): iam.AddToPrincipalPolicyResult {
    return { statementAdded: true, policyDependable: new DependencyGroup() };
  }
}
