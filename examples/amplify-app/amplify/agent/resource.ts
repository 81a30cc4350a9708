import { fileURLToPath } from 'node:url';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';
import { Construct } from 'constructs';

const DIRECTORY = fileURLToPath(new URL('../../../agent', import.meta.url));

/** An AgentCore Runtime whose image a developer's ARM machine builds in the sandbox, and CodeBuild everywhere else. */
export class Agent extends Construct {
  public readonly runtime: agentcore.Runtime;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const image = new Arm64AgentRuntimeArtifact(this, 'Image', { directory: DIRECTORY });
    this.runtime = new agentcore.Runtime(this, 'Runtime', { agentRuntimeArtifact: image.agentRuntimeArtifact });
    image.bindRuntime(this.runtime);
    // ampx shows the notes of constructs with --debug only
    console.info(`image build: ${image.buildMode}; ${image.buildModeReason}`);
  }
}
