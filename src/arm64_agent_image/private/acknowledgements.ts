import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import { CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';
import { asText } from './references';

interface Acknowledgement {
  readonly rules: string[];
  readonly reason: string;
}

const ROLE_POLICIES: Acknowledgement[] = [
  {
    rules: ['AwsSolutions-IAM5'],
    reason: 'Wildcards cover the images of this stack, the objects of the assets bucket, and actions that IAM cannot restrict to a resource',
  },
  { rules: ['CKV_AWS_107', 'CKV_AWS_111'], reason: 'IAM cannot restrict registry logins and network interfaces of a build to a resource' },
  { rules: ['NIST.800.53.R5-IAMNoInlinePolicy'], reason: 'The policy serves one role only and is deleted with it' },
];

const ACKNOWLEDGEMENTS: Record<string, Acknowledgement[]> = {
  'AWS::BedrockAgentCore::Runtime': [
    { rules: ['W3005'], reason: 'The Runtime must wait for the image even if no property refers to it' },
  ],
  'AWS::CodeBuild::Project': [
    { rules: ['AwsSolutions-CB4'], reason: 'The project stores no artifacts that a key could encrypt' },
  ],
  'AWS::ECR::Repository': [
    { rules: ['CKV_AWS_136'], reason: 'Amazon ECR encrypts every repository; encryptionKey sets a customer managed key' },
  ],
  'AWS::IAM::Policy': ROLE_POLICIES,
  'AWS::IAM::Role': ROLE_POLICIES,
  'AWS::Lambda::Function': [
    { rules: ['CKV_AWS_115', 'NIST.800.53.R5-LambdaConcurrency'], reason: 'Reserved concurrency would reduce that of the account and could block deployments' },
    { rules: ['CKV_AWS_116', 'NIST.800.53.R5-LambdaDLQ'], reason: 'Every failure is reported to CloudFormation, so no event is lost' },
    { rules: ['CKV_AWS_117', 'NIST.800.53.R5-LambdaInsideVPC'], reason: 'The function calls AWS APIs only' },
    { rules: ['CKV_AWS_173'], reason: 'The environment holds an ARN and no secrets' },
  ],
  'AWS::Logs::LogGroup': [
    {
      rules: ['CKV_AWS_158', 'NIST.800.53.R5-CloudWatchLogGroupEncrypted'],
      reason: 'CloudWatch Logs encrypts every log group, and the log contains no secrets',
    },
  ],
  'AWS::StepFunctions::StateMachine': [
    { rules: ['AwsSolutions-SF1', 'AwsSolutions-SF2'], reason: 'The function that it calls logs every step; a log of its own would contain CloudFormation response URLs' },
  ],
};

/**
 * Acknowledges the linter rules that do not apply to the resources below `scope`, in the metadata that cdk-nag, checkov and
 * cfn-lint read. docs/security.md lists the rules.
 */
export function acknowledgeRules(scope: IConstruct): void {
  for (const resource of scope.node.findAll().filter(CfnResource.isCfnResource)) {
    const rules = (ACKNOWLEDGEMENTS[resource.cfnResourceType] ?? [])
      .flatMap((acknowledgement) => acknowledgement.rules.map((id) => ({ id, reason: acknowledgement.reason })));
    acknowledgeCdkNag(resource, rules.filter(({ id }) => id.includes('-')));
    acknowledgeCheckov(resource, rules.filter(({ id }) => id.startsWith('CKV_')));
    acknowledgeCfnLint(resource, rules.filter(({ id }) => /^W\d+$/.test(id)));
  }
}

interface Rule {
  readonly id: string;
  readonly reason: string;
}

function acknowledgeCdkNag(resource: CfnResource, rules: Rule[]): void {
  if (rules.length > 0) {
    rules.flatMap(({ id, reason }) => (
      id === 'AwsSolutions-IAM5' ? wildcardFindings(resource).map((finding) => ({ id: finding, reason })) : [{ id, reason }]))
      .forEach((rule) => acknowledgeInCdk(resource, rule));
    resource.addMetadata('cdk_nag', { rules_to_suppress: rules });
  }
}

/** Older versions of the CDK refuse ids with pseudo parameters; for them the metadata `cdk_nag` has to suffice. */
function acknowledgeInCdk(resource: CfnResource, rule: Rule): void {
  try {
    Validations.of(resource).acknowledge(rule);
  } catch {
    return;
  }
}

function acknowledgeCheckov(resource: CfnResource, rules: Rule[]): void {
  if (rules.length > 0) {
    resource.addMetadata('checkov', { skip: rules.map(({ id, reason }) => ({ id, comment: reason })) });
  }
}

function acknowledgeCfnLint(resource: CfnResource, rules: Rule[]): void {
  if (rules.length > 0) {
    const { config } = resource.getMetadata('cfn-lint') ?? {};
    const ignored = new Set([...config?.ignore_checks ?? [], ...rules.map(({ id }) => id)]);
    resource.addMetadata('cfn-lint', { config: { ...config, ignore_checks: [...ignored] } });
  }
}

/** The ids of cdk-nag's findings: one for each resource with a wildcard in a policy. */
function wildcardFindings(resource: CfnResource): string[] {
  const { policyDocument, policies } = Stack.of(resource).resolve({
    policyDocument: (resource as CfnPolicy).policyDocument,
    policies: (resource as CfnRole).policies,
  });
  const documents: any[] = [policyDocument, ...(policies ?? []).map((policy: any) => policy.policyDocument)];
  return documents.flatMap((document) => document?.Statement ?? [])
    .flatMap(({ Resource }: { Resource: unknown }) => Resource)
    .map((arn) => asText(arn, (reference, intrinsic) => (reference ? `<${reference}>` : JSON.stringify(intrinsic))))
    .filter((name) => name.includes('*'))
    .map((name) => `AwsSolutions-IAM5[Resource::${name}]`);
}
