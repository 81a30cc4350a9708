"""Deployments in partitions other than aws: host names, ARNs, links, and no calls that work in aws only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import apps, queries
from .emulated_aws import ACCOUNT, Region
from .environment import BUSYBOX, Environment, bootstrapped

REGIONS = {
    "China": (
        Region("aws-cn", "cn-north-1", "amazonaws.com.cn"),
        "log: https://console.amazonaws.cn/codesuite/",
    ),
    "GovCloud": (
        Region("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
        "log: https://console.amazonaws-us-gov.com/codesuite/",
    ),
    "unknown": (Region("aws-new", "new-north-1", "amazonaws.new"), "log: build arm64-agent-image-"),
}


@pytest.fixture
def elsewhere(environment: Environment, region: Region) -> Iterator[Environment]:
    """An account in another partition, with the same engine."""
    with bootstrapped(environment.engine, region, [BUSYBOX]) as running:
        yield running


@pytest.mark.parametrize(("region", "log_hint"), REGIONS.values(), ids=REGIONS)
def test_an_image_is_built_and_run_in(
    elsewhere: Environment, region: Region, log_hint: str, tmp_path: Path
) -> None:
    base, aws = f"{region.registry}/{BUSYBOX}", elsewhere.aws
    directory = apps.source(tmp_path / "agent", "1")
    stacks = {"Agent": apps.agent(directory, base=base)}
    outcome = elsewhere.cdk.deploy(apps.synthesize(tmp_path / "1", "codebuild", region, **stacks))
    assert outcome.succeeded, outcome.output

    uri = queries.runtimes(aws)["Agent_Agent"]["uri"]
    assert uri.startswith(f"{region.registry}/arm64-agent-image-")
    assert queries.platform(aws, uri) == "linux/arm64"
    roles = aws.client("iam").list_roles()["Roles"]
    assert all(role["Arn"].startswith(f"arn:{region.partition}:iam::{ACCOUNT}:role/") for role in roles)
    log = [event["line"] for event in aws.journal("log")]
    assert f"logged in to {region.registry}" in log
    assert not [line for line in log if "ECR Public" in line or "public.ecr.aws" in line]
    assert "arn:aws:" not in json.dumps(policies(elsewhere))

    apps.source(directory, "2", f"{apps.DOCKERFILE}RUN no-such-program\n")
    outcome = elsewhere.cdk.deploy(apps.synthesize(tmp_path / "2", "codebuild", region, **stacks))
    assert not outcome.succeeded
    said = outcome.one_line
    assert 'process "/bin/sh -c no-such-program" did not complete successfully' in said, outcome.output
    assert log_hint in said, outcome.output
    assert queries.runtimes(aws)["Agent_Agent"]["uri"] == uri
    elsewhere.delete_stacks(tmp_path / "2")
    assert queries.leftovers(aws) == {}


def policies(elsewhere: Environment) -> list[object]:
    """The inline policies of the stack's roles."""
    iam = elsewhere.aws.client("iam")
    return [
        iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
        for role in iam.list_roles()["Roles"]
        if role["RoleName"].startswith("Agent-")
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
    ]
