import { fileURLToPath } from 'node:url';
import { defineBackend } from '@aws-amplify/backend';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';

const directory = fileURLToPath(new URL('../../agent', import.meta.url));

const backend = defineBackend({});
const image = new Arm64AgentRuntimeArtifact(backend.createStack('images'), 'AgentImage', { directory });
for (const name of ['researcher', 'writer']) {
  const runtime = new agentcore.Runtime(backend.createStack(name), 'Runtime', {
    agentRuntimeArtifact: image.agentRuntimeArtifact,
    environmentVariables: { AGENT: name },
  });
  image.bindRuntime(runtime);
}
