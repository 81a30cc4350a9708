import * as iam from 'aws-cdk-lib/aws-iam';
import { DependencyGroup } from 'constructs';

/** The principal of a build that needs no role in AWS: grants to it within its account succeed and do nothing. */
export class NoBuilder extends iam.AccountPrincipal {
  public addToPrincipalPolicy(_statement: iam.PolicyStatement): iam.AddToPrincipalPolicyResult {
    return { statementAdded: true, policyDependable: new DependencyGroup() };
  }
}
