import * as path from 'path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acknowledgeRules } from './acknowledgements';

/** What provides `Custom::Arm64AgentImage`: one for all images of a stack. */
export class ImageProvider extends Construct {
  public static of(scope: Construct): ImageProvider {
    const stack = Stack.of(scope);
    const id = 'Arm64AgentImageProvider';
    return stack.node.tryFindChild(id) as ImageProvider | undefined ?? new ImageProvider(stack, id);
  }

  public readonly onEvent: lambda.Function;
  public readonly isComplete: lambda.Function;
  public readonly serviceToken: string;
  private readonly logGroup: logs.LogGroup;

  private constructor(scope: Construct, id: string) {
    super(scope, id);

    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.onEvent = this.handler('OnEvent', 'on_event', Duration.minutes(15), 'Starts the build of an agent image');
    this.isComplete = this.handler('IsComplete', 'is_complete', Duration.minutes(2), 'Waits for the build of an agent image and verifies it');
    const provider = new Provider(this, 'Provider', {
      onEventHandler: this.onEvent,
      isCompleteHandler: this.isComplete,
      frameworkOnEventRole: this.role('FrameworkOnEventRole', 'Calls the function that starts the build of an agent image'),
      frameworkCompleteAndTimeoutRole: this.role('FrameworkIsCompleteRole', 'Calls the function that waits for the build of an agent image'),
      queryInterval: Duration.seconds(5),
      totalTimeout: Duration.minutes(50),
      disableWaiterStateMachineLogging: true,
      logGroup: this.logGroup,
    });
    this.serviceToken = provider.serviceToken;
    this.trustThisAccountOnly(provider);
    acknowledgeRules(this);
  }

  private handler(id: string, module: string, timeout: Duration, description: string): lambda.Function {
    return new lambda.Function(this, id, {
      description,
      runtime: lambda.Runtime.PYTHON_3_14,
      code: lambda.Code.fromAsset(path.join(__dirname, '..', 'lambda'), { exclude: ['**/__pycache__'] }),
      handler: `image_builder.${module}.handler`,
      role: this.role(`${id}Role`, description),
      timeout,
      memorySize: 256,
      logGroup: this.logGroup,
    });
  }

  /** A role for functions of this account that may write to the provider's log and nothing else. */
  private role(id: string, description: string): iam.Role {
    const role = new iam.Role(this, id, {
      description,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com', {
        conditions: this.thisAccount(),
      }),
    });
    this.logGroup.grantWrite(role);
    return role;
  }

  /** The CDK makes the role of the state machine without conditions. */
  private trustThisAccountOnly(provider: Provider): void {
    provider.node.findAll().filter(iam.Role.isRole).forEach((role) => {
      (role.node.defaultChild as iam.CfnRole).addPropertyOverride('AssumeRolePolicyDocument.Statement.0.Condition', this.thisAccount());
    });
  }

  private thisAccount() {
    return { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } };
  }
}
