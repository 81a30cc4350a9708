import { Token } from 'aws-cdk-lib';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import { Construct } from 'constructs';
import { RuntimeBinding } from './runtime-binding';

/**
 * The artifact to pass to a Runtime. It identifies the Runtimes that use the image without being bound to it.
 *
 * docs/decisions/0005 says why this is a subclass although `_render` is internal to the CDK.
 */
export class ImageArtifact extends agentcore.AgentRuntimeArtifact {
  constructor(private readonly imageUri: string, private readonly binding: RuntimeBinding) {
    super();
  }

  public bind(_scope: Construct, runtime: agentcore.Runtime): void {
    this.binding.requireBound(runtime);
  }

  /** @internal */
  public _render(): agentcore.CfnRuntime.AgentRuntimeArtifactProperty {
    const containerUri = Token.asString({ resolve: () => this.imageUri, creationStack: [] });
    return agentcore.AgentRuntimeArtifact.fromImageUri(containerUri)._render();
  }
}
