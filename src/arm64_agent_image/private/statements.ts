import * as iam from 'aws-cdk-lib/aws-iam';

/** A statement that allows actions on resources. */
export function allow(resources: string | string[], actions: string[], conditions?: object): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources: [resources].flat(), conditions: { ...conditions } });
}
