import * as path from 'path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Provider } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';

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

  private constructor(scope: Construct, id: string) {
    super(scope, id);

    const logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const shared = {
      runtime: lambda.Runtime.PYTHON_3_13,
      code: lambda.Code.fromAsset(path.join(__dirname, '..', 'lambda'), { exclude: ['**/__pycache__'] }),
      memorySize: 256,
      logGroup,
    };
    this.onEvent = new lambda.Function(this, 'OnEvent', {
      ...shared,
      description: 'Starts the build of an agent image',
      handler: 'image_builder.on_event.handler',
      timeout: Duration.minutes(15),
    });
    this.isComplete = new lambda.Function(this, 'IsComplete', {
      ...shared,
      description: 'Waits for the build of an agent image and verifies it',
      handler: 'image_builder.is_complete.handler',
      timeout: Duration.minutes(2),
    });
    this.serviceToken = new Provider(this, 'Provider', {
      onEventHandler: this.onEvent,
      isCompleteHandler: this.isComplete,
      queryInterval: Duration.seconds(5),
      totalTimeout: Duration.minutes(50),
      disableWaiterStateMachineLogging: true,
      logGroup,
    }).serviceToken;
  }
}
