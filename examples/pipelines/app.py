"""A CDK pipeline that deploys an agent; none of its steps has Docker."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import pipelines
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact

REPOSITORY, BRANCH = "our-organization/our-repository", "main"
CONNECTION = "arn:aws:codeconnections:us-east-1:111122223333:connection/00000000-0000-0000-0000-000000000000"
HERE = "examples/pipelines"


class AgentStage(cdk.Stage):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack(self, "Agent")
        image = Arm64AgentRuntimeArtifact(stack, "AgentImage", directory="../agent")
        runtime = agentcore.Runtime(stack, "Runtime", agent_runtime_artifact=image.agent_runtime_artifact)
        image.bind_runtime(runtime)


class PipelineStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        source = pipelines.CodePipelineSource.connection(REPOSITORY, BRANCH, connection_arn=CONNECTION)
        pipeline = pipelines.CodePipeline(
            self,
            "Pipeline",
            publish_assets_in_parallel=False,
            synth=pipelines.ShellStep(
                "Synth",
                input=source,
                commands=[
                    f"cd {HERE}",
                    "pip install --requirement requirements.txt",
                    "npx --yes aws-cdk@2.1148.1 synth",
                ],
                primary_output_directory=f"{HERE}/cdk.out",
            ),
        )
        pipeline.add_stage(AgentStage(self, "Production"))


app = cdk.App()
PipelineStack(app, "AgentPipeline")
app.synth()
