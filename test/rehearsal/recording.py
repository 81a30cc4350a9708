"""`python -m test.rehearsal.recording`: record `cdk deploy` on a laptop and in CI for README's pictures.

A recording is an excerpt of what the CDK CLI prints: without the times, hashes and ids that differ each time,
and without the resources that a reader does not need.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator

from tools import pictures
from tools.hosts import environment as host

from .emulated_aws import ACCOUNT
from .environment import PROJECT, PYTHON_BASE, Environment, rehearsal
from .processes import RehearsalError
from .progress import step

EXAMPLE = PROJECT / "examples/python-app"
STACK = "PythonAppAgent"
IMAGE = "Custom::Arm64AgentImage"
KINDS = f"{IMAGE}|AWS::(?:BedrockAgentCore::Runtime|CodeBuild::Project|ECR::Repository)"
BINDINGS = PROJECT / "build/bindings/python/src"
HOSTS = {
    "laptop": host("arm64"),
    "ci": host("x64", AWS_BRANCH="main", AWS_APP_ID="d1example"),
}
EXCERPT = (
    (r"(INFO image build: .+) \(Construct Annotations\)", "{0}"),
    (r"#\d+ (\[\d/\d\] (?!FROM).+)", "docker build: {0}"),
    (r"\w+: success: Published (\w+/\w+) \(.+\)", "published {0}"),
    (r"\w+: (deploying\.\.\.) .+", "{0}"),
    (rf"\w+ \|[^|]+\|[^|]+\| (\w+_COMPLETE) +\| ({KINDS}) +\| (\S+).*", "{0:18} | {1:30} | {2}"),
    (rf"\w+ \|[^|]+\|[^|]+\| (\w+_IN_PROGRESS) +\| ({IMAGE}) +\| (\S+).*", "{0:18} | {1:30} | {2}"),
    (r"(✅  \w+)", "{0}"),
    (r"\w+\.(BuildMode = .+)", "{0}"),
)


def record(environment: Environment, name: str) -> list[str]:
    """Deploy the example as on this host; the stack must not exist yet."""
    python_path = os.pathsep.join([str(BINDINGS), *sys.path])
    region = environment.aws.region.name
    variables = {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": region, "PYTHONPATH": python_path}
    settings = [f"{key}={value}" for key, value in {**HOSTS[name], **variables}.items()]
    app = ["env", "--unset=CI", "--unset=CDK_DOCKER", *settings, sys.executable, "app.py"]
    outcome = environment.cdk.run(
        "deploy",
        "--require-approval=never",
        "--progress=events",
        f"--app={shlex.join(app)}",
        f"--output={environment.folder / 'recorded' / name}",
        f"--context=base-image={PYTHON_BASE}",
        cwd=EXAMPLE,
    )
    if not outcome.succeeded:
        raise RehearsalError(f"cdk deploy ended with {outcome.exit_status}:\n{outcome.output[-4000:]}")
    environment.aws.delete_stack(STACK)
    return list(excerpt(outcome.output))


def excerpt(output: str) -> Iterator[str]:
    """The lines that a reader needs, without what differs from one deployment to the next."""
    for line in output.splitlines():
        for pattern, kept in EXCERPT:
            if found := re.fullmatch(pattern, line.rstrip()):
                yield kept.format(*found.groups())
                break


def main() -> None:
    with rehearsal() as environment:
        for name in HOSTS:
            with step(f"recording {name}"):
                pictures.recording(name).write_text("\n".join([*record(environment, name), ""]))


if __name__ == "__main__":
    main()
