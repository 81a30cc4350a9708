"""AppStagingSynthesizer: an app keeps its assets in a bucket and repositories of a staging stack."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk.app_staging_synthesizer_alpha import AppStagingSynthesizer

from . import apps, queries
from .emulated_aws import ACCOUNT
from .environment import Environment


def synthesized(environment: Environment, folder: Path, mode: str, version: str) -> Path:
    """The assembly of the agent's stack and its staging stack."""
    app = cdk.App(
        outdir=str(folder / f"{mode}-{version}"),
        analytics_reporting=False,
        context={"arm64-agent-image:build": mode},
        default_stack_synthesizer=AppStagingSynthesizer.default_resources(
            app_id=f"staged-{mode}",
            staging_bucket_encryption=s3.BucketEncryption.KMS,
            auto_delete_staging_assets=False,
        ),
    )
    env = cdk.Environment(account=ACCOUNT, region=environment.aws.region.name)
    apps.agent(apps.source(folder / "agent", version))(cdk.Stack(app, f"Staged{mode.capitalize()}", env=env))
    return Path(app.synth().directory)


@pytest.mark.parametrize("mode", ["local", "codebuild"])
def test_an_app_with_a_staging_stack_deploys_and_updates_its_agent(
    environment: Environment, tmp_path: Path, mode: str
) -> None:
    began, uris = environment.aws.now(), []
    for version in ("1", "2"):
        outcome = environment.cdk.deploy(synthesized(environment, tmp_path, mode, version))
        assert outcome.succeeded, outcome.output
        uris.append(queries.runtimes(environment.aws)[f"Staged{mode.capitalize()}_Agent"]["uri"])
        assert queries.platform(environment.aws, uris[-1]) == "linux/arm64"
    assert uris[0] != uris[1]
    assert len(environment.aws.builds(began)) == (2 if mode == "codebuild" else 0)
    assert environment.cdk.destroy(tmp_path / f"{mode}-2").succeeded
    for name in queries.repositories(environment.aws) & set(map(queries.repository_of, uris)):
        environment.aws.client("ecr").delete_repository(repositoryName=name, force=True)
