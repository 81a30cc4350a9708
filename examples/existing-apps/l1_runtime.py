"""An L1 `CfnRuntime` with the role that the app already has."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_iam as iam
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact


class L1RuntimeStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("bedrock-agentcore.amazonaws.com"))

        image = Arm64AgentRuntimeArtifact(self, "AgentImage", directory="../agent")
        container = agentcore.CfnRuntime.ContainerConfigurationProperty(container_uri=image.image_uri)
        runtime = agentcore.CfnRuntime(
            self,
            "Runtime",
            agent_runtime_name="l1_agent",
            agent_runtime_artifact=agentcore.CfnRuntime.AgentRuntimeArtifactProperty(
                container_configuration=container
            ),
            network_configuration=agentcore.CfnRuntime.NetworkConfigurationProperty(network_mode="PUBLIC"),
            role_arn=role.role_arn,
        )
        image.bind_runtime(runtime)


app = cdk.App()
L1RuntimeStack(app, "L1Runtime")
app.synth()
