import { Annotations, Stack } from 'aws-cdk-lib';
import * as codebuild from 'aws-cdk-lib/aws-codebuild';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { property } from '../names-in-app';
import { allow } from '../statements';
import { validationError } from '../validation';

/** @see https://docs.aws.amazon.com/codebuild/latest/APIReference/API_VpcConfig.html */
const MAX_SECURITY_GROUPS = 5;
const MAX_SUBNETS = 16;

export interface BuildNetworkProps {
  readonly vpc?: ec2.IVpc;
  readonly subnetSelection?: ec2.SubnetSelection;
  readonly securityGroups?: ec2.ISecurityGroup[];
}

/** The network configuration of a project that builds in a VPC. */
export function buildNetwork(scope: Construct, props: BuildNetworkProps): codebuild.CfnProject.VpcConfigProperty | undefined {
  const { vpc, subnetSelection } = props;
  if (!vpc) {
    const without = ['subnetSelection', 'securityGroups'].find((name) => name in props && props[name as keyof BuildNetworkProps]);
    if (without) {
      throw validationError(scope, `${property(without)} needs ${property('vpc')}, got none; pass the VPC too, or remove ${property(without)}`);
    }
    return undefined;
  }
  const securityGroups = props.securityGroups ?? [
    new ec2.SecurityGroup(scope, 'SecurityGroup', { vpc, description: 'Builds of an agent image in CodeBuild' }),
  ];
  if (securityGroups.length < 1 || securityGroups.length > MAX_SECURITY_GROUPS) {
    throw validationError(scope, `${property('securityGroups')} must be 1 to ${MAX_SECURITY_GROUPS} security groups, got ${securityGroups.length}; `
      + `pass as many as CodeBuild accepts, or remove ${property('securityGroups')} for a new one`);
  }
  const subnets = vpc.selectSubnets(subnetSelection);
  if (subnets.subnetIds.length > MAX_SUBNETS) {
    throw validationError(scope, `${property('subnetSelection')} must select at most ${MAX_SUBNETS} subnets of ${property('vpc')} (${vpc.node.path}), `
      + `got ${subnets.subnetIds.length}; select fewer, because CodeBuild accepts no more`);
  }
  if (subnets.hasPublic) {
    Annotations.of(scope).addWarningV2('arm64-agent-image:publicSubnets',
      `the build runs in public subnets of ${property('vpc')} (${vpc.node.path}), where CodeBuild gives it no public address, so that it reaches AWS `
      + `only through VPC endpoints; select private subnets with a NAT gateway in ${property('subnetSelection')}`);
  }
  return {
    vpcId: vpc.vpcId,
    subnets: subnets.subnetIds,
    securityGroupIds: securityGroups.map((group) => group.securityGroupId),
  };
}

/**
 * The permissions that a build in these subnets needs.
 *
 * @see https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
 */
export function networkStatements(scope: Construct, subnetIds: string[]): iam.PolicyStatement[] {
  const stack = Stack.of(scope);
  return [
    allow('*', [
      'ec2:CreateNetworkInterface', 'ec2:DeleteNetworkInterface', 'ec2:DescribeDhcpOptions', 'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs',
    ]),
    allow(stack.formatArn({ service: 'ec2', resource: 'network-interface', resourceName: '*' }), ['ec2:CreateNetworkInterfacePermission'], {
      StringEquals: {
        'ec2:Subnet': subnetIds.map((resourceName) => stack.formatArn({ service: 'ec2', resource: 'subnet', resourceName })),
        'ec2:AuthorizedService': 'codebuild.amazonaws.com',
      },
    }),
  ];
}
