"""Each option of a build in CodeBuild configures its resource and adds only the permissions it needs."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import (
    Annotations,
    App,
    Aws,
    CfnParameter,
    Duration,
    Environment,
    RemovalPolicy,
    Stack,
    Tags,
    assertions,
)
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from aws_cdk.cx_api import SynthesisMessage

from arm64_agent_image import (
    Arm64AgentRuntimeArtifact,
    BuildMode,
    BuildSecret,
    ImageBuild,
    RegistryCredentials,
)
from test.synth import (
    IMAGE,
    POLICY,
    PROJECT,
    REPOSITORY,
    ROLE,
    Json,
    Template,
    canonical,
    new_app,
    new_image,
    new_runtime,
    synthesize,
)

NOT_TAGGABLE = {POLICY, IMAGE}


def built(stack: Stack, agent: Path, **options: Any) -> Arm64AgentRuntimeArtifact:
    return new_image(stack, agent, image_build=ImageBuild.code_build(**options))


def warnings_of(stack: Stack) -> list[SynthesisMessage]:
    return list(assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value()))


def build_role(template: Template) -> str:
    role: str = template.only(PROJECT).properties["ServiceRole"]["Fn::GetAtt"][0]
    return role


def statements_with(template: Template, action: str, role: str | None = None) -> list[Json]:
    found = template.statements(role or build_role(template))
    return [statement for statement in found if action in canonical(statement["Action"])]


def inline_statements(template: Template) -> list[Json]:
    """The inline statements of the build role."""
    (policy,) = template.named(build_role(template)).properties["Policies"]
    found: list[Json] = policy["PolicyDocument"]["Statement"]
    return found


def variables(template: Template) -> Json:
    """The environment variables of the project, by name."""
    found = template.only(PROJECT).properties["Environment"]["EnvironmentVariables"]
    return {v["Name"]: {k: v[k] for k in ("Type", "Value")} for v in found}


def only_template(app: App) -> Template:
    return synthesize(app)["Agent"]


def test_a_repository_of_the_app_is_used_unchanged(app: App, stack: Stack, agent: Path) -> None:
    own = ecr.Repository(stack, "Own")
    image = built(stack, agent, repository=own)
    template = only_template(app)
    repository = template.only(REPOSITORY)
    properties = template.only(IMAGE).properties
    assert image.repository.repository_arn == own.repository_arn
    assert repository.body["DeletionPolicy"] == "Retain"
    assert properties["RepositoryName"] == {"Ref": repository.logical_id}
    assert properties["OwnsRepository"] == "false"
    assert variables(template)["LAYER_CACHE"] == {"Type": "PLAINTEXT", "Value": "false"}
    (push,) = statements_with(template, "ecr:PutImage")
    assert push["Resource"] == {"Fn::GetAtt": [repository.logical_id, "Arn"]}


@pytest.mark.parametrize(("wanted", "text"), [(True, "true"), (False, "false")])
def test_the_layer_cache_can_be_switched_on_and_off(
    app: App, stack: Stack, agent: Path, wanted: bool, text: str
) -> None:
    built(stack, agent, repository=ecr.Repository(stack, "Own"), layer_cache=wanted)
    assert variables(only_template(app))["LAYER_CACHE"]["Value"] == text


def test_a_retained_repository_keeps_its_images(app: App, stack: Stack, agent: Path) -> None:
    built(stack, agent, removal_policy=RemovalPolicy.RETAIN)
    repository = only_template(app).only(REPOSITORY)
    assert repository.body["DeletionPolicy"] == "Retain"
    assert repository.properties.get("EmptyOnDelete", False) is False


@pytest.mark.parametrize(
    ("age", "seconds"),
    [(Duration.minutes(0), "0"), (Duration.hours(6), "21600"), (Duration.days(30), "2592000")],
)
def test_the_age_of_base_images_limits_for_how_long_changes_of_code_are_assembled(
    age: Duration, seconds: str, app: App, stack: Stack, agent: Path
) -> None:
    built(stack, agent, base_image_max_age=age)
    assert synthesize(app).only.only(IMAGE).properties["BaseImageMaxAge"] == seconds


@pytest.mark.parametrize(("own", "age", "kept"), [(False, "86400", "true"), (True, "0", "false")])
def test_plans_are_kept_in_the_construct_s_own_repository_unless_asked_otherwise(
    own: bool, age: str, kept: str, app: App, stack: Stack, agent: Path
) -> None:
    repository = ecr.Repository.from_repository_name(stack, "Own", "agents") if own else None
    built(stack, agent, repository=repository)
    template = only_template(app)
    assert template.only(IMAGE).properties["BaseImageMaxAge"] == age
    assert variables(template)["KEEP_PLAN"]["Value"] == kept


@pytest.mark.parametrize("age", [Duration.seconds(90), Duration.days(31)])
def test_rejects_an_age_of_base_images_outside_of_a_month(age: Duration, stack: Stack, agent: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"'base_?[iI]mage_?[mM]ax_?[aA]ge.* must be 0 to 43200 whole minutes"
    ):
        built(stack, agent, base_image_max_age=age)


def recipe_hash(folder: Path, agent: Path, **props: Any) -> str:
    app = new_app(folder)
    new_image(Stack(app, "Stack"), agent, **props)
    return str(synthesize(app).only.only(IMAGE).properties["RecipeHash"])


def test_the_recipe_is_everything_but_the_files(tmp_path: Path, agent: Path) -> None:
    first = recipe_hash(tmp_path / "1", agent)
    (agent / "new.py").write_text("new")
    assert recipe_hash(tmp_path / "2", agent) == first
    others: list[dict[str, Any]] = [{"build_args": {"A": "1"}}, {"extra_hash": "x"}]
    hashes = {recipe_hash(tmp_path / str(n), agent, **props) for n, props in enumerate(others, 3)}
    assert len(hashes - {first}) == len(others)


def test_compute_type_build_image_and_timeout_configure_the_project(
    app: App, stack: Stack, agent: Path
) -> None:
    built(
        stack,
        agent,
        compute_type=codebuild.ComputeType.LARGE,
        build_image=codebuild.LinuxArmBuildImage.AMAZON_LINUX_2_STANDARD_3_0,
        timeout=Duration.minutes(12),
    )
    template = only_template(app)
    project = template.only(PROJECT).properties
    assert project["Environment"]["ComputeType"] == "BUILD_GENERAL1_LARGE"
    assert project["Environment"]["Image"] == "aws/codebuild/amazonlinux2-aarch64-standard:3.0"
    assert project["TimeoutInMinutes"] == 12


def test_the_build_can_pull_its_build_image_from_a_private_repository(
    app: App, stack: Stack, agent: Path
) -> None:
    tools = ecr.Repository(stack, "Tools")
    own = ecr.Repository(stack, "Own")
    built(
        stack, agent, repository=own, build_image=codebuild.LinuxArmBuildImage.from_ecr_repository(tools, "1")
    )
    template = only_template(app)
    assert "Tools" in canonical(statements_with(template, "ecr:GetDownloadUrlForLayer"))


def test_the_build_logs_to_the_log_group_of_the_app(app: App, stack: Stack, agent: Path) -> None:
    group = logs.LogGroup(stack, "Own")
    built(stack, agent, log_group=group)
    template = only_template(app)
    reference = stack.resolve(group.log_group_name)
    assert template.only(PROJECT).properties["LogsConfig"]["CloudWatchLogs"]["GroupName"] == reference
    assert reference["Ref"] in canonical(statements_with(template, "logs:PutLogEvents"))
    assert not [
        group for group in template.all("AWS::Logs::LogGroup") if group.logical_id.startswith("Image")
    ]


def test_the_default_log_group_is_deleted_with_the_stack(app: App, stack: Stack, agent: Path) -> None:
    built(stack, agent)
    (group,) = [g for g in only_template(app).all("AWS::Logs::LogGroup") if g.logical_id.startswith("Image")]
    assert group.properties["RetentionInDays"] == 30
    assert group.body["DeletionPolicy"] == "Delete"


def test_an_encryption_key_encrypts_the_repository(app: App, stack: Stack, agent: Path) -> None:
    key = kms.Key(stack, "Key")
    built(stack, agent, encryption_key=key)
    template = only_template(app)
    encryption = template.only(REPOSITORY).properties["EncryptionConfiguration"]
    assert encryption == {"EncryptionType": "KMS", "KmsKey": stack.resolve(key.key_arn)}


def test_each_encryption_key_gives_the_repository_another_name(tmp_path: Path, agent: Path) -> None:
    """CloudFormation creates the new repository before it deletes the old one."""
    names, pushed, projects = [], [], []
    keys = [None, "Key", "Other", "arn:aws:kms:eu-west-1:111122223333:key/1", "Key"]
    for number, key in enumerate(keys):
        app = new_app(tmp_path / str(number))
        stack = Stack(app, "Agent")
        own = {name: kms.Key(stack, name) for name in ("Key", "Other")}
        encryption_key = own.get(key) or kms.Key.from_key_arn(stack, "Imported", key) if key else None
        built(stack, agent, encryption_key=encryption_key)
        template = only_template(app)
        names.append(canonical(template.only(REPOSITORY).properties["RepositoryName"]))
        projects.append(canonical(template.only(PROJECT).properties["Name"]))
        pushed += [
            canonical(s["Resource"]) for s in inline_statements(template) if "ecr:PutImage" in s["Action"]
        ]
    assert names[1] == names[4]
    assert len(set(names)) == len(set(pushed)) == 4
    assert len(set(projects)) == 1
    for name, resource in zip(names, pushed, strict=True):
        assert name.rpartition("-")[2].rstrip('"]}') in resource


def test_a_build_in_a_vpc_gets_network_permissions_only(app: App, stack: Stack, agent: Path) -> None:
    vpc = ec2.Vpc(stack, "Vpc")
    built(stack, agent, vpc=vpc)
    template = only_template(app)
    config = template.only(PROJECT).properties["VpcConfig"]
    group = template.only("AWS::EC2::SecurityGroup")
    assert config["VpcId"] == stack.resolve(vpc.vpc_id)
    assert config["Subnets"] == [stack.resolve(subnet.subnet_id) for subnet in vpc.private_subnets]
    assert config["SecurityGroupIds"] == [{"Fn::GetAtt": [group.logical_id, "GroupId"]}]
    (permission,) = statements_with(template, "ec2:CreateNetworkInterfacePermission")
    subnets = permission["Condition"]["StringEquals"]["ec2:Subnet"]
    assert len(subnets) == len(vpc.private_subnets)
    assert permission["Condition"]["StringEquals"]["ec2:AuthorizedService"] == "codebuild.amazonaws.com"
    assert permission in inline_statements(template)


def test_subnets_and_security_groups_can_be_chosen(app: App, stack: Stack, agent: Path) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-1",
        availability_zones=["a", "b"],
        private_subnet_ids=["subnet-1", "subnet-2"],
        isolated_subnet_ids=["subnet-3", "subnet-4"],
    )
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
    isolated = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    built(stack, agent, vpc=vpc, subnet_selection=isolated, security_groups=[group])
    config = only_template(app).only(PROJECT).properties["VpcConfig"]
    assert config == {
        "VpcId": "vpc-1",
        "Subnets": ["subnet-3", "subnet-4"],
        "SecurityGroupIds": ["sg-1"],
    }


def test_the_template_names_build_secrets_without_their_values(app: App, stack: Stack, agent: Path) -> None:
    secret = secretsmanager.Secret(stack, "Secret")
    parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
        stack, "Parameter", parameter_name="/agent/token"
    )
    secrets = {
        "whole": BuildSecret.from_secrets_manager(secret),
        "field": BuildSecret.from_secrets_manager(secret, "password"),
        "parameter": BuildSecret.from_ssm_parameter(parameter),
    }
    built(stack, agent, build_secrets=secrets)
    assembly = synthesize(app)
    template = assembly["Agent"]
    arn = stack.resolve(secret.secret_arn)
    found = {n: v for n, v in variables(template).items() if n.startswith("BUILD_SECRET")}
    assert found == {
        "BUILD_SECRET_0": {"Type": "SECRETS_MANAGER", "Value": {"Fn::Join": ["", [arn, ":password"]]}},
        "BUILD_SECRET_1": {"Type": "PARAMETER_STORE", "Value": "/agent/token"},
        "BUILD_SECRET_2": {"Type": "SECRETS_MANAGER", "Value": arn},
    }
    assert json.loads(assembly.parameters(template.only(IMAGE)))["secrets"] == {
        "field": "BUILD_SECRET_0",
        "parameter": "BUILD_SECRET_1",
        "whole": "BUILD_SECRET_2",
    }
    assert "{{resolve" not in template.text
    assert [s["Resource"] for s in statements_with(template, "secretsmanager:GetSecretValue")] == [arn]
    (read,) = statements_with(template, "ssm:GetParameters")
    assert canonical(read["Resource"]).count("parameter/agent/token") == 1


def test_the_build_can_decrypt_a_secret_with_a_customer_managed_key(
    app: App, stack: Stack, agent: Path
) -> None:
    key = kms.Key(stack, "Key")
    secret = secretsmanager.Secret(stack, "Secret", encryption_key=key)
    built(stack, agent, build_secrets={"token": BuildSecret.from_secrets_manager(secret)})
    template = only_template(app)
    assert build_role(template) in canonical(template.only("AWS::KMS::Key").properties["KeyPolicy"]) or (
        statements_with(template, "kms:Decrypt")
    )


def test_the_build_reads_registry_credentials(app: App, stack: Stack, agent: Path) -> None:
    secret = secretsmanager.Secret(stack, "Hub")
    built(stack, agent, registry_credentials=[RegistryCredentials.from_secrets_manager("docker.io", secret)])
    template = only_template(app)
    arn = stack.resolve(secret.secret_arn)
    found = {n: v for n, v in variables(template).items() if n.startswith("REGISTRY_")}
    assert found == {
        "REGISTRY_0_SERVER": {"Type": "PLAINTEXT", "Value": "docker.io"},
        "REGISTRY_0_USERNAME": {"Type": "SECRETS_MANAGER", "Value": {"Fn::Join": ["", [arn, ":username"]]}},
        "REGISTRY_0_PASSWORD": {"Type": "SECRETS_MANAGER", "Value": {"Fn::Join": ["", [arn, ":password"]]}},
    }
    assert [s["Resource"] for s in statements_with(template, "secretsmanager:GetSecretValue")] == [arn]
    assert "{{resolve" not in template.text


def test_two_repositories_of_one_registry_share_its_login(app: App, stack: Stack, agent: Path) -> None:
    bases = [ecr.Repository.from_repository_name(stack, name, name) for name in ("one", "two")]
    built(
        stack, agent, registry_credentials=[RegistryCredentials.from_ecr_repository(base) for base in bases]
    )
    statements = canonical(statements_with(only_template(app), "ecr:BatchGetImage"))
    assert all(f":repository/{base.repository_name}" in statements for base in bases)


def test_the_build_logs_in_to_a_repository_in_another_account_and_region(
    app: App, stack: Stack, agent: Path
) -> None:
    arn = "arn:aws:ecr:eu-west-1:444455556666:repository/base"
    base = ecr.Repository.from_repository_arn(stack, "Base", arn)
    built(stack, agent, registry_credentials=[RegistryCredentials.from_ecr_repository(base)])
    template = only_template(app)
    found = {n: v["Value"] for n, v in variables(template).items() if n.startswith("REGISTRY_")}
    assert found == {
        "REGISTRY_0_REGION": "eu-west-1",
        "REGISTRY_0_SERVER": {
            "Fn::Join": ["", ["444455556666.dkr.ecr.eu-west-1.", {"Ref": "AWS::URLSuffix"}]]
        },
    }
    assert arn in canonical(statements_with(template, "ecr:BatchGetImage"))


def test_credentials_are_not_part_of_the_tag(tmp_path: Path, agent: Path) -> None:
    found = []
    for name in ("one", "two"):
        stack = Stack(new_app(tmp_path / name), "Agent")
        secret = secretsmanager.Secret.from_secret_name_v2(stack, "Hub", name)
        hub = RegistryCredentials.from_secrets_manager("docker.io", secret)
        image = built(stack, agent, registry_credentials=[hub])
        found.append(image.image_tag)
    assert found[0] == found[1]


@pytest.mark.parametrize("build", [ImageBuild.local(), ImageBuild.code_build()], ids=["local", "codebuild"])
def test_access_to_a_base_image_can_be_granted_in_both_modes(
    app: App, stack: Stack, agent: Path, build: ImageBuild
) -> None:
    base = ecr.Repository(stack, "Base")
    image = new_image(stack, agent, image_build=build)
    base.grant_pull(image).assert_success()
    template = only_template(app)
    assert "RepositoryPolicyText" not in canonical([r.properties for r in template.all(REPOSITORY)])
    if image.build_mode is BuildMode.CODE_BUILD:
        readable = canonical([s["Resource"] for s in statements_with(template, "ecr:BatchGetImage")])
        assert stack.resolve(base.repository_arn)["Fn::GetAtt"][0] in readable


def test_any_principal_can_be_allowed_to_pull_the_image(app: App, stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent)
    reader = iam.Role(stack, "Reader", assumed_by=iam.AccountRootPrincipal())
    image.grant_pull(reader)
    template = only_template(app)
    (statement,) = statements_with(template, "ecr:BatchGetImage", stack.resolve(reader.role_name)["Ref"])
    assert statement["Resource"] == {"Fn::GetAtt": [template.only(REPOSITORY).logical_id, "Arn"]}


def test_every_taggable_resource_is_tagged(app: App, stack: Stack, agent: Path) -> None:
    Tags.of(app).add("team", "agents")
    new_runtime(stack, built(stack, agent, vpc=ec2.Vpc(stack, "Vpc")))
    untagged = {
        resource.body["Type"]
        for resource in only_template(app).resources
        if "agents" not in canonical(resource.properties.get("Tags", {}))
        and not resource.logical_id.startswith("Vpc")
    }
    assert untagged == NOT_TAGGABLE


def test_a_permissions_boundary_applies_to_every_role(app: App, stack: Stack, agent: Path) -> None:
    boundary = iam.ManagedPolicy.from_managed_policy_name(stack, "Boundary", "boundary")
    iam.PermissionsBoundary.of(app).apply(boundary)
    new_runtime(stack, new_image(stack, agent))
    template = only_template(app)
    without = [role.logical_id for role in template.all(ROLE) if "PermissionsBoundary" not in role.properties]
    assert not without
    assert len(template.all(ROLE)) == 4


REGIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "unknown": None}


@pytest.mark.parametrize("partition", REGIONS)
def test_no_partition_is_hard_coded(app: App, agent: Path, partition: str) -> None:
    region = REGIONS[partition]
    environment = Environment(account="111122223333", region=region) if region else None
    stack = Stack(app, "Agent", env=environment)
    new_runtime(stack, new_image(stack, agent))
    template = only_template(app)
    ours = [
        resource
        for resource in template.resources
        if not resource.logical_id.startswith("Runtime") or resource.body["Type"] == POLICY
    ]
    text = canonical([resource.properties for resource in ours])
    principals = ("codebuild", "lambda", "states", "bedrock-agentcore")
    for principal in principals:
        text = text.replace(f'"{principal}.amazonaws.com"', "")
    assert "amazonaws" not in text
    assert "arn:aws" not in text
    public = [s for s in template.statements(build_role(template)) if "ecr-public" in canonical(s["Action"])]
    assert bool(public) == (partition in ("aws", "unknown"))


@pytest.mark.parametrize("partition", REGIONS)
def test_warns_where_codebuild_may_have_no_arm_machines(app: App, agent: Path, partition: str) -> None:
    region = REGIONS[partition]
    stack = Stack(app, "Agent", env=Environment(account="111122223333", region=region) if region else None)
    image = built(stack, agent)
    warnings = warnings_of(stack)
    assert len(warnings) == (partition in ("aws-cn", "aws-us-gov"))
    for warning in warnings:
        assert warning.id == f"/{image.node.path}"
        said = str(warning.entry.data)
        assert f"no ARM environment in {region} (partition {partition})" in said
        assert "use ImageBuild.local() on a machine with Docker, or an existing image" in said
        assert said.endswith("[ack: arm64-agent-image:armEnvironment]")


def test_the_warning_of_missing_arm_machines_can_be_acknowledged(app: App, agent: Path) -> None:
    stack = Stack(app, "Agent", env=Environment(region="us-gov-west-1"))
    Annotations.of(built(stack, agent)).acknowledge_warning("arm64-agent-image:armEnvironment")
    assert not warnings_of(stack)


def test_does_not_warn_of_missing_arm_machines_unless_codebuild_builds(app: App, agent: Path) -> None:
    stack = Stack(app, "Agent", env=Environment(region="us-gov-west-1"))
    new_image(stack, agent, image_build=ImageBuild.local())
    assert not any("armEnvironment" in str(warning.entry.data) for warning in warnings_of(stack))


def test_deploy_time_values_are_allowed_where_the_tag_does_not_depend_on_them(
    app: App, stack: Stack, agent: Path
) -> None:
    name = CfnParameter(stack, "RepositoryName").value_as_string
    repository = ecr.Repository.from_repository_name(stack, "Own", f"{name}-{Aws.REGION}")
    new_runtime(stack, built(stack, agent, repository=repository))
    assert canonical({"Ref": "RepositoryName"}) in canonical(only_template(app).only(IMAGE).properties)
