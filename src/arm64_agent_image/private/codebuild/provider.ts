import * as path from 'path';
import { ArnFormat, IgnoreMode, IgnoreStrategy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as ecr from 'aws-cdk-lib/aws-ecr';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct, IDependable } from 'constructs';
import { acknowledgeRules } from '../acknowledgements';
import { listContext } from '../context/context-listing';
import { property } from '../names-in-app';
import { allow } from '../statements';
import { uploadedFile, UploadedFile } from '../uploads';
import { bucketKey, objectsIn } from './assets-bucket';
import { arnOf, buildLogsName, imageNames, providerName } from './names';
import { policySizeErrors } from './policy-size';
import { serviceRole } from './role';
import { stateMachineDefinition } from './state-machine';
import { TIMEOUTS } from './timeouts';

const READ_IMAGES = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];
const ASSEMBLE_IMAGES = ['ecr:CompleteLayerUpload', 'ecr:InitiateLayerUpload', 'ecr:PutImage', 'ecr:UploadLayerPart'];
/** One vCPU, for the assembly of images; a step that waits for a build takes milliseconds. */
const MEMORY_MB = 1769;
const CODE = path.join(__dirname, '..', '..', 'lambda');

/**
 * The provider of `Custom::Arm64AgentImage`, shared by all images of a stack: a function that responds to CloudFormation,
 * and a state machine that waits for builds.
 */
export class ImageProvider extends Construct {
  public static of(scope: Construct): ImageProvider {
    const stack = Stack.of(scope);
    const id = 'Arm64AgentImageProvider';
    return stack.node.tryFindChild(id) as ImageProvider | undefined ?? new ImageProvider(stack, id);
  }

  /** The code of the function and the build program. */
  public readonly code: UploadedFile;
  /** The key of the bucket that holds the code, if the app defines that bucket. */
  public readonly codeKey?: kms.IKey;
  public readonly serviceToken: string;
  /** What a custom resource needs besides the function that its service token identifies. */
  public readonly dependencies: IDependable[];
  private readonly policy: iam.PolicyDocument;

  private constructor(scope: Construct, id: string) {
    super(scope, id);

    this.code = uploadedCode(this);
    this.codeKey = bucketKey(this, this.code.bucketName);
    const name = providerName(this);
    const machineArn = arnOf(this, 'states', 'stateMachine', name, ArnFormat.COLON_RESOURCE_NAME);
    const functionArn = arnOf(this, 'lambda', 'function', name, ArnFormat.COLON_RESOURCE_NAME);
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${name}`,
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    this.policy = this.functionPolicy(name, machineArn);
    const functionRole = serviceRole(this, 'Role', 'lambda.amazonaws.com', 'Responds to CloudFormation about agent images', this.policy);
    const handler = new lambda.CfnFunction(this, 'Function', {
      functionName: name,
      description: 'Responds to CloudFormation about agent images and follows their builds',
      runtime: 'python3.14',
      code: { s3Bucket: this.code.bucketName, s3Key: this.code.objectKey },
      handler: 'image_builder.function.handler.handler',
      role: functionRole.roleArn,
      environment: { variables: { STATE_MACHINE_ARN: machineArn } },
      timeout: TIMEOUTS.function.toSeconds(),
      memorySize: MEMORY_MB,
      loggingConfig: { logGroup: logGroup.logGroupName },
    });
    const machineRole = serviceRole(this, 'StateMachineRole', 'states.amazonaws.com', 'Waits for builds of agent images',
      new iam.PolicyDocument({ statements: [allow(functionArn, ['lambda:InvokeFunction'])] }));
    const machine = new sfn.CfnStateMachine(this, 'StateMachine', {
      stateMachineName: name,
      roleArn: machineRole.roleArn,
      definitionString: Stack.of(this).toJsonString(stateMachineDefinition(functionArn)),
    });

    this.serviceToken = handler.attrArn;
    this.dependencies = [machine];
    this.node.addValidation({ validate: () => policySizeErrors(this, property('repository'), this.policy) });
    acknowledgeRules(this);
  }

  /** Lets the function verify an image in a repository of the app, whose name does not match the pattern of the stack. */
  public allowRepository(repository: ecr.IRepository, assembles: boolean): void {
    this.allow(repository.repositoryArn, [...READ_IMAGES, ...assembles ? ASSEMBLE_IMAGES : []]);
  }

  /** Lets the function read build logs in a log group of the app. */
  public allowLogGroup(logGroup: logs.ILogGroup): void {
    this.allow(logGroup.logGroupArn, ['logs:GetLogEvents']);
  }

  private allow(resource: string, actions: string[]): void {
    this.policy.addStatements(allow(resource, actions));
    acknowledgeRules(this);
  }

  /** One statement for each service covers all images of the stack, so that a further image changes no permission. */
  private functionPolicy(name: string, machineArn: string): iam.PolicyDocument {
    const images = imageNames(this);
    const logStreams = (group: string) => arnOf(this, 'logs', 'log-group', `${group}:*`, ArnFormat.COLON_RESOURCE_NAME);
    return new iam.PolicyDocument({
      statements: [
        allow(logStreams(`/aws/lambda/${name}`), ['logs:CreateLogStream', 'logs:PutLogEvents']),
        allow(machineArn, ['states:StartExecution']),
        allow(arnOf(this, 'codebuild', 'project', images),
          ['codebuild:BatchGetBuilds', 'codebuild:ListBuildsForProject', 'codebuild:StartBuild', 'codebuild:StopBuild']),
        allow(arnOf(this, 'ecr', 'repository', images), ['ecr:BatchDeleteImage', ...READ_IMAGES, ...ASSEMBLE_IMAGES]),
        allow(objectsIn(this, this.code.bucketName), ['s3:GetObject']),
        ...this.codeKey ? [allow(this.codeKey.keyArn, ['kms:Decrypt'])] : [],
        allow(logStreams(buildLogsName(images)), ['logs:GetLogEvents']),
      ],
    });
  }
}

function uploadedCode(scope: Construct): UploadedFile {
  const exclude = ['**/__pycache__'];
  const { contentHash } = listContext(scope, CODE, IgnoreStrategy.docker(CODE, exclude));
  return uploadedFile(scope, 'Code', { sourcePath: CODE, exclude, ignoreMode: IgnoreMode.DOCKER, assetHash: contentHash });
}
