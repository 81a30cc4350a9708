"""`cdk deploy --require-approval=broadening` without a terminal deploys new code, but no new permissions."""

from __future__ import annotations

from pathlib import Path

from . import apps, queries
from .cdk_cli import Outcome
from .environment import Environment

STACK = "Approval"


def test_new_code_needs_no_approval_and_new_permissions_do(environment: Environment, tmp_path: Path) -> None:
    def deploy(version: str) -> Outcome:
        agent = apps.agent(apps.source(tmp_path / "agent", version))
        output = apps.synthesize(tmp_path / "cdk.out", "codebuild", **{STACK: agent})
        approval = ("--require-approval=broadening", "--progress=events")
        return environment.cdk.run("deploy", "--all", "--app", str(output), *approval)

    try:
        refused = deploy("1")
        assert not refused.succeeded
        assert "security-sensitive updates, but terminal (TTY) is not attached" in refused.one_line
        assert environment.cdk.deploy(tmp_path / "cdk.out").succeeded
        changed = deploy("2")
        assert changed.succeeded, changed.output
        assert queries.runtimes(environment.aws)[f"{STACK}_Agent"]["version"] == 2
    finally:
        environment.delete_stacks(tmp_path / "cdk.out")
