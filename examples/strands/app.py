"""A Strands agent that calls a model of Amazon Bedrock."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_iam as iam
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact

MODEL_ID = "global.anthropic.claude-sonnet-4-6"


class FirstAgentStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory=str(Path(__file__).parent / "agent"))
        runtime = agentcore.Runtime(
            self,
            "Runtime",
            agent_runtime_artifact=image.agent_runtime_artifact,
            environment_variables={"AWS_REGION": self.region, "MODEL_ID": MODEL_ID},
        )
        image.bind_runtime(runtime)
        runtime.add_to_role_policy(
            iam.PolicyStatement(
                actions=["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
                resources=[
                    f"arn:{self.partition}:bedrock:*::foundation-model/*",
                    self.format_arn(service="bedrock", resource="inference-profile", resource_name="*"),
                ],
            )
        )
        cdk.CfnOutput(self, "RuntimeArn", value=runtime.agent_runtime_arn)


app = cdk.App()
FirstAgentStack(app, "FirstAgent")
app.synth()
