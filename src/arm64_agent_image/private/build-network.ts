import { ArnFormat, Stack } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { failure } from './validation';

export interface BuildNetworkProps {
  readonly vpc?: ec2.IVpc;
  readonly subnetSelection?: ec2.SubnetSelection;
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/**
 * Puts a project into a VPC, with the permissions that CodeBuild documents for it.
 *
 * @see https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
 */
export function joinNetwork(scope: Construct, project: codebuild.Project, role: iam.Role, props: BuildNetworkProps): void {
  const { vpc, subnetSelection } = props;
  if (!vpc) {
    const without = ['subnetSelection', 'securityGroups'].find((name) => name in props && props[name as keyof BuildNetworkProps]);
    if (without) {
      throw failure(scope, `'${without}' needs 'vpc', got none; pass the VPC too, or remove '${without}'`);
    }
    return;
  }
  const subnetIds = vpc.selectSubnets(subnetSelection).subnetIds;
  const securityGroups = props.securityGroups ?? [
    new ec2.SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'Builds of an agent image in CodeBuild' }),
  ];
  const resource = project.node.defaultChild as codebuild.CfnProject;
  resource.vpcConfig = {
    vpcId: vpc.vpcId,
    subnets: subnetIds,
    securityGroupIds: securityGroups.map((group) => group.securityGroupId),
  };

  const stack = Stack.of(scope);
  role.addToPolicy(new iam.PolicyStatement({
    actions: [
      'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeDhcpOptions', 'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs',
    ],
    resources: ['*'],
  }));
  const { policyDependable } = role.addToPrincipalPolicy(new iam.PolicyStatement({
    actions: ['ec2:CreateNetworkInterfacePermission'],
    resources: [stack.formatArn({ service: 'ec2', resource: 'network-interface', resourceName: '*' })],
    conditions: {
      StringEquals: {
        'ec2:Subnet': subnetIds.map((resourceName) => stack.formatArn({ service: 'ec2', resource: 'subnet', resourceName })),
        'ec2:AuthorizedService': 'codebuild.amazonaws.com',
      },
    },
  }));
  resource.node.addDependency(policyDependable!);
}

/** Lets CodeBuild, for projects of this account only, assume the role. */
export function codeBuildPrincipal(scope: Construct): iam.IPrincipal {
  const stack = Stack.of(scope);
  return new iam.ServicePrincipal('codebuild.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': stack.account },
      ArnLike: {
        'aws:SourceArn': stack.formatArn({
          service: 'codebuild', resource: 'project', resourceName: '*', arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        }),
      },
    },
  });
}
