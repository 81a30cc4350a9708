import { Token } from 'aws-cdk-lib';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import { Construct } from 'constructs';
import { Image } from './image';
import { bindRuntimeLate } from './runtime-binding';

/**
 * The artifact that a Runtime gets: it binds the Runtime to the image when the app forgot to.
 *
 * See docs/decisions for why this is a subclass although `_render` is internal to the CDK.
 */
export class ImageArtifact extends agentcore.AgentRuntimeArtifact {
  constructor(private readonly scope: Construct, private readonly image: Image) {
    super();
  }

  public bind(_scope: Construct, runtime: agentcore.Runtime): void {
    bindRuntimeLate(this.scope, this.image, runtime);
  }

  /** @internal */
  public _render(): agentcore.CfnRuntime.AgentRuntimeArtifactProperty {
    const containerUri = Token.asString({ resolve: () => this.image.imageUri, creationStack: [] });
    return agentcore.AgentRuntimeArtifact.fromImageUri(containerUri)._render();
  }
}
