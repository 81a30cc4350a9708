import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import { CfnPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { IConstruct } from 'constructs';

interface Acknowledgement {
  readonly rules: string[];
  readonly reason: string;
}

const ROLE_POLICIES: Acknowledgement[] = [
  {
    rules: ['AwsSolutions-IAM5'],
    reason: 'Wildcards stand for the images of this stack, the objects of the assets bucket, and where IAM knows no narrower resource',
  },
  { rules: ['CKV_AWS_107', 'CKV_AWS_111'], reason: 'Registry logins and network interfaces of a build have no narrower resource in IAM' },
  { rules: ['NIST.800.53.R5-IAMNoInlinePolicy'], reason: 'The policy fits one role only and is deleted with it' },
];

const ACKNOWLEDGEMENTS: Record<string, Acknowledgement[]> = {
  'AWS::BedrockAgentCore::Runtime': [
    { rules: ['W3005'], reason: 'The Runtime waits for the image also where no property of it says so' },
  ],
  'AWS::CodeBuild::Project': [
    { rules: ['AwsSolutions-CB4'], reason: 'The project stores no artifacts that a key could encrypt' },
  ],
  'AWS::ECR::Repository': [
    { rules: ['CKV_AWS_136'], reason: 'Amazon ECR encrypts every repository; encryptionKey sets a key of your own' },
  ],
  'AWS::IAM::Policy': ROLE_POLICIES,
  'AWS::IAM::Role': ROLE_POLICIES,
  'AWS::Lambda::Function': [
    { rules: ['CKV_AWS_115', 'NIST.800.53.R5-LambdaConcurrency'], reason: 'Reserved concurrency would be taken from the account and could block deployments' },
    { rules: ['CKV_AWS_116', 'NIST.800.53.R5-LambdaDLQ'], reason: 'Every failure is answered to CloudFormation, so no event is lost' },
    { rules: ['CKV_AWS_117', 'NIST.800.53.R5-LambdaInsideVPC'], reason: 'The function calls AWS APIs only' },
    { rules: ['CKV_AWS_173'], reason: 'The environment holds an ARN and no secrets' },
    { rules: ['W3005'], reason: 'The CDK states the dependency twice' },
  ],
  'AWS::Logs::LogGroup': [
    {
      rules: ['CKV_AWS_158', 'NIST.800.53.R5-CloudWatchLogGroupEncrypted'],
      reason: 'CloudWatch Logs encrypts every log group; the log holds no secrets',
    },
  ],
  'AWS::StepFunctions::StateMachine': [
    { rules: ['AwsSolutions-SF1', 'AwsSolutions-SF2'], reason: 'The function it calls logs every step; its own log would hold CloudFormation response URLs' },
  ],
};

/**
 * Tells linters, in the metadata of the resources, which of their rules do not fit the resources below `scope`.
 *
 * Read by cdk-nag, checkov and cfn-lint; docs/security.md lists the rules.
 */
export function acknowledgeRules(scope: IConstruct): void {
  for (const resource of scope.node.findAll().filter(CfnResource.isCfnResource)) {
    const rules = (ACKNOWLEDGEMENTS[resource.cfnResourceType] ?? [])
      .flatMap((acknowledgement) => acknowledgement.rules.map((id) => ({ id, reason: acknowledgement.reason })));
    const nag = rules.filter(({ id }) => id.includes('-'));
    const checkov = rules.filter(({ id }) => id.startsWith('CKV_'));
    const cfnLint = rules.filter(({ id }) => /^W\d+$/.test(id));

    if (nag.length > 0) {
      nag.flatMap(({ id, reason }) => (
        id === 'AwsSolutions-IAM5' ? wildcardFindings(resource).map((finding) => ({ id: finding, reason })) : [{ id, reason }]))
        .forEach((rule) => acknowledge(resource, rule));
      resource.addMetadata('cdk_nag', { rules_to_suppress: nag });
    }
    if (checkov.length > 0) {
      resource.addMetadata('checkov', { skip: checkov.map(({ id, reason }) => ({ id, comment: reason })) });
    }
    if (cfnLint.length > 0) {
      const { config } = resource.getMetadata('cfn-lint') ?? {};
      const ignored = new Set([...config?.ignore_checks ?? [], ...cfnLint.map(({ id }) => id)]);
      resource.addMetadata('cfn-lint', { config: { ...config, ignore_checks: [...ignored] } });
    }
  }
}

/** Older versions of the CDK refuse ids that name pseudo parameters; there the metadata `cdk_nag` must do. */
function acknowledge(resource: CfnResource, rule: { id: string; reason: string }): void {
  try {
    Validations.of(resource).acknowledge(rule);
  } catch {
    return;
  }
}

/** How cdk-nag names, one by one, the resources of a policy that have wildcards. */
function wildcardFindings(resource: CfnResource): string[] {
  const { policyDocument, policies } = Stack.of(resource).resolve({
    policyDocument: (resource as CfnPolicy).policyDocument,
    policies: (resource as CfnRole).policies,
  });
  const documents: any[] = [policyDocument, ...(policies ?? []).map((policy: any) => policy.policyDocument)];
  return documents.flatMap((document) => document?.Statement ?? [])
    .flatMap(({ Resource }: { Resource: unknown }) => Resource)
    .map(nagName)
    .filter((name) => name.includes('*'))
    .map((name) => `AwsSolutions-IAM5[Resource::${name}]`);
}

function nagName(value: any): string {
  if (typeof value === 'string') {
    return value;
  }
  if ('Fn::Join' in value) {
    const [separator, parts] = value['Fn::Join'];
    return parts.map(nagName).join(separator);
  }
  if ('Fn::Sub' in value) {
    return value['Fn::Sub'].replace(/\$\{([^}]+)\}/g, '<$1>');
  }
  const reference = value.Ref ?? value['Fn::GetAtt']?.join('.');
  return reference ? `<${reference}>` : JSON.stringify(value);
}
