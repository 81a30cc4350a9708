"""Build and Runtime in the private subnets of a VPC."""

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild


class PrivateSubnetsStack(cdk.Stack):
    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        vpc = ec2.Vpc(self, "Vpc", max_azs=2, nat_gateways=1)
        subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)

        image = Arm64AgentRuntimeArtifact(
            self,
            "AgentImage",
            directory="../agent",
            image_build=ImageBuild.auto(code_build=CodeBuildOptions(vpc=vpc, subnet_selection=subnets)),
        )
        runtime = agentcore.Runtime(
            self,
            "Runtime",
            agent_runtime_artifact=image.agent_runtime_artifact,
            network_configuration=agentcore.RuntimeNetworkConfiguration.using_vpc(
                self, vpc=vpc, vpc_subnets=subnets
            ),
        )
        image.bind_runtime(runtime)


app = cdk.App()
PrivateSubnetsStack(app, "PrivateSubnets")
app.synth()
