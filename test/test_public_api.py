"""What a caller needs after the image is defined: the mode, the project and the log group of its builds."""

from __future__ import annotations

from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from arm64_agent_image import Arm64AgentRuntimeArtifact, BuildMode, ImageBuild
from test.synth import IMAGE, PROJECT, canonical, new_image, synthesize
from tools.creation_order import dependencies


def test_the_build_mode_is_a_closed_choice(stack: Stack, agent: Path) -> None:
    repository = ecr.Repository.from_repository_name(stack, "Repository", "agents")
    images = {
        BuildMode.LOCAL: new_image(stack, agent, "Local", image_build=ImageBuild.local()),
        BuildMode.CODE_BUILD: new_image(stack, agent, "CodeBuild"),
        BuildMode.PREBUILT: Arm64AgentRuntimeArtifact.from_image_tag(
            stack, "Prebuilt", repository=repository, tag="v1"
        ),
    }
    assert {image.build_mode: image for image in images.values()} == images
    assert set(images) == set(BuildMode)


def test_failed_builds_can_raise_an_alarm(app: App, stack: Stack, agent: Path) -> None:
    project = new_image(stack, agent).build_project
    assert project
    cloudwatch.Alarm(stack, "Alarm", metric=project.metric_failed_builds(), threshold=1, evaluation_periods=1)
    project.on_build_failed("Failed")
    template = synthesize(app).only
    (dimension,) = template.only("AWS::CloudWatch::Alarm").properties["Dimensions"]
    assert dimension == {"Name": "ProjectName", "Value": {"Ref": template.only(PROJECT).logical_id}}
    assert template.only(PROJECT).logical_id in canonical(template.only("AWS::Events::Rule").properties)


@pytest.mark.parametrize("by_project", [False, True], ids=["image", "project"])
def test_a_grant_reaches_the_role_of_the_build_before_it_starts(
    app: App, stack: Stack, agent: Path, by_project: bool
) -> None:
    image = new_image(stack, agent)
    grantee: iam.IGrantable | None = image.build_project if by_project else image
    assert grantee
    s3.Bucket(stack, "Wheels").grant_read(grantee).assert_success()
    template = synthesize(app).only
    role = template.only(PROJECT).properties["ServiceRole"]["Fn::GetAtt"][0]
    (policy,) = [p for p in template.all("AWS::IAM::Policy") if p.properties["Roles"] == [{"Ref": role}]]
    assert "Wheels" in canonical(policy.properties["PolicyDocument"])
    waits_for = dependencies(template.body["Resources"], template.only(IMAGE).logical_id)
    assert policy.logical_id in waits_for


@pytest.mark.parametrize("own", [False, True], ids=["created", "of the app"])
def test_the_log_group_of_the_builds_can_be_watched(app: App, stack: Stack, agent: Path, own: bool) -> None:
    group = logs.LogGroup(stack, "Own", retention=logs.RetentionDays.ONE_YEAR) if own else None
    image = new_image(stack, agent, image_build=ImageBuild.code_build(log_group=group))
    assert image.build_log_group
    image.build_log_group.add_metric_filter(
        "Errors",
        filter_pattern=logs.FilterPattern.literal("ERROR"),
        metric_namespace="Agents",
        metric_name="Errors",
    )
    template = synthesize(app).only
    watched = template.only("AWS::Logs::MetricFilter").properties["LogGroupName"]
    assert watched == template.only(PROJECT).properties["LogsConfig"]["CloudWatchLogs"]["GroupName"]


def test_a_local_image_has_no_project_and_no_log_group(stack: Stack, agent: Path) -> None:
    image = new_image(stack, agent, image_build=ImageBuild.local())
    assert image.build_project is None
    assert image.build_log_group is None
