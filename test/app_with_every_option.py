"""An app with every mode and option: `python -m test.app_with_every_option OUTDIR` synthesizes it."""

import sys
from pathlib import Path

import aws_cdk as cdk
import cdk_nag
from aws_cdk import aws_bedrockagentcore as agentcore
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm

from arm64_agent_image import (
    Arm64AgentRuntimeArtifact,
    BuildSecret,
    CodeBuildOptions,
    ImageBuild,
    RegistryCredentials,
)

CANARY = "Canary"
AGENT = Path(__file__).parents[1] / "examples" / "agent"
ENVIRONMENT = cdk.Environment(account="123456789012", region="eu-west-1")


def add_image(
    app: cdk.App, stack: str, build: ImageBuild, environment: cdk.Environment | None = None
) -> Arm64AgentRuntimeArtifact:
    """One image of the example agent, in the stack of the name."""
    known = app.node.try_find_child(stack)
    scope = known if isinstance(known, cdk.Stack) else cdk.Stack(app, stack, env=environment or ENVIRONMENT)
    return Arm64AgentRuntimeArtifact(
        scope, f"Image{len(scope.node.children)}", directory=str(AGENT), image_build=build
    )


def add_runtime(app: cdk.App, stack: str, image: Arm64AgentRuntimeArtifact) -> None:
    """A Runtime that is bound to the image. Its role belongs to another app."""
    scope = cdk.Stack.of(app.node.find_child(stack))
    runtime = agentcore.CfnRuntime(
        scope,
        f"Runtime{len(scope.node.children)}",
        agent_runtime_name=f"agent_{len(scope.node.children)}",
        agent_runtime_artifact=agentcore.CfnRuntime.AgentRuntimeArtifactProperty(
            container_configuration=agentcore.CfnRuntime.ContainerConfigurationProperty(
                container_uri=image.image_uri
            )
        ),
        network_configuration=agentcore.CfnRuntime.NetworkConfigurationProperty(network_mode="PUBLIC"),
        role_arn="arn:aws:iam::123456789012:role/agent",
    )
    image.bind_runtime(runtime)


def build_app(outdir: str) -> cdk.App:
    """The app. Resources that the library does not create are imported, so that they are not linted.

    The canary is a bucket to which every linter objects.
    """
    app = cdk.App(outdir=outdir, analytics_reporting=False)
    imports = cdk.Stack(app, "Imports", env=ENVIRONMENT)
    vpc = ec2.Vpc.from_vpc_attributes(
        imports,
        "Vpc",
        vpc_id="vpc-12345678",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-12345678"],
    )
    key = kms.Key.from_key_arn(imports, "Key", f"arn:aws:kms:eu-west-1:123456789012:key/{'0' * 36}")
    secret = secretsmanager.Secret.from_secret_complete_arn(
        imports, "Secret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hub-abcdef"
    )
    parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
        imports, "Parameter", parameter_name="/token", version=1
    )
    base = ecr.Repository.from_repository_name(imports, "Base", "base")
    log_group = logs.LogGroup.from_log_group_name(imports, "Logs", "builds")

    add_image(app, "Local", ImageBuild.local())
    add_image(app, "Auto", ImageBuild.auto(code_build=CodeBuildOptions(layer_cache=False)))
    add_image(app, "CodeBuild", ImageBuild.code_build())
    add_image(app, "CodeBuildAnywhere", ImageBuild.code_build(), cdk.Environment())
    add_image(app, "China", ImageBuild.code_build(), cdk.Environment(region="cn-north-1"))
    add_image(app, "GovCloud", ImageBuild.code_build(), cdk.Environment(region="us-gov-west-1"))
    add_image(app, "TwoImages", ImageBuild.code_build())
    add_image(app, "TwoImages", ImageBuild.code_build())
    add_image(app, "Network", ImageBuild.code_build(vpc=vpc))
    add_image(app, "NetworkAnywhere", ImageBuild.code_build(vpc=vpc), cdk.Environment())
    add_image(app, "Kept", ImageBuild.code_build(encryption_key=key, removal_policy=cdk.RemovalPolicy.RETAIN))
    add_image(app, "Own", ImageBuild.code_build(repository=base, log_group=log_group))
    add_image(
        app,
        "Secrets",
        ImageBuild.code_build(
            build_secrets={
                "hub": BuildSecret.from_secrets_manager(secret, "token"),
                "token": BuildSecret.from_ssm_parameter(parameter),
            },
            registry_credentials=[
                RegistryCredentials.from_secrets_manager("docker.io", secret),
                RegistryCredentials.from_ecr_repository(base),
            ],
        ),
    )
    add_image(
        app,
        "Options",
        ImageBuild.code_build(
            build_image=codebuild.LinuxArmBuildImage.AMAZON_LINUX_2_STANDARD_3_0,
            compute_type=codebuild.ComputeType.LARGE,
            timeout=cdk.Duration.minutes(20),
            vpc=vpc,
            subnet_selection=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[ec2.SecurityGroup.from_security_group_id(imports, "Group", "sg-12345678")],
        ),
    )
    for mode in (ImageBuild.local(), ImageBuild.code_build()):
        add_runtime(app, "Runtimes", add_image(app, "Runtimes", mode))
    stack = cdk.Stack(app, "Prebuilt", env=ENVIRONMENT)
    prebuilt = Arm64AgentRuntimeArtifact.from_image_tag(stack, "Image", repository=base, tag="1")
    add_runtime(app, "Prebuilt", prebuilt)
    bucket = s3.CfnBucket(cdk.Stack(app, CANARY, env=ENVIRONMENT), "Bucket")
    bucket.add_property_override("NoSuchProperty", "")
    return app


if __name__ == "__main__":
    linted = build_app(sys.argv[1])
    cdk.Validations.of(linted).add_plugins(
        cdk_nag.AwsSolutionsChecks(linted), cdk_nag.NIST80053R5Checks(linted)
    )
    linted.synth()
