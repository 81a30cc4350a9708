"""The code blocks of the pages in docs/, each run or compiled as it is printed."""

from __future__ import annotations

import re
import tarfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk
import cdklabs.deploy_time_build as deploy_time_build
from aws_cdk import Stack, aws_ecr_assets, aws_iam, pipelines
from aws_cdk import aws_bedrock_agentcore_alpha as alpha
from aws_cdk import aws_bedrockagentcore as agentcore

import arm64_agent_image
from test.examples.synthesis import ROOT

DOCS = ROOT / "docs"
PAGES = ("builds.md", "deploying.md", "images.md", "migrating.md")
MODULES = ("aws_ecr", "aws_iam", "aws_secretsmanager")
PRELUDE = """
import { Stack } from 'aws-cdk-lib';
import * as agentcore from 'aws-cdk-lib/aws-bedrockagentcore';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { Arm64AgentRuntimeArtifact } from 'arm64-agent-image';
import { ContainerImageBuild } from 'deploy-time-build';
declare const stack: Stack;
declare const backend: { createStack(name: string): Stack };
declare const directory: string;
export const used = { Platform, Arm64AgentRuntimeArtifact, ContainerImageBuild, stack, backend, directory };
"""
"""What the pages leave out of their TypeScript, because readers already have it."""


@dataclass(frozen=True)
class Block:
    """A code block, identified by its page, its heading and its position there."""

    page: str
    heading: str
    number: int
    code: str

    def __str__(self) -> str:
        return f"{self.page}: {self.heading} ({self.number})"


def blocks(language: str) -> list[Block]:
    """All blocks in this language."""
    return [block for page in PAGES for block in _blocks_of(page, language)]


def _blocks_of(page: str, language: str) -> Iterator[Block]:
    for section in re.split(r"^(?=#+ )", (DOCS / page).read_text(), flags=re.MULTILINE):
        heading = section.partition("\n")[0].lstrip("# ").replace("`", "")
        found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)
        for number, (_, code) in enumerate(found, 1):
            yield Block(page, heading, number, textwrap.dedent(code))


class Names(dict[str, Any]):
    """The names in a reader's stack, each created when a block first uses it."""

    def __init__(self, stack: Stack, agent: Path) -> None:
        super().__init__(
            {name.removeprefix("aws_"): getattr(aws_cdk, name) for name in MODULES},
            self=stack,
            agentcore=agentcore,
            alpha=alpha,
            pipelines=pipelines,
            personal=True,
            current_image_uri="111122223333.dkr.ecr.us-east-1.amazonaws.com/agents:1",
            role_arn="arn:aws:iam::111122223333:role/agent",
        )
        self.stack, self.agent = stack, agent

    def __missing__(self, name: str) -> Any:
        made: Callable[[], Any] | None = getattr(self, f"_{name}", None)
        if made:
            self[name] = made()
            return self[name]
        for module in (arm64_agent_image, aws_cdk):
            if hasattr(module, name):
                return getattr(module, name)
        raise KeyError(name)

    def run(self, block: Block) -> None:
        """Run the block; the directory that it names is the agent's."""
        exec(compile(block.code.replace('"agent"', repr(str(self.agent))), str(block), "exec"), {}, self)

    def _build(self) -> deploy_time_build.ContainerImageBuild:
        platform = aws_ecr_assets.Platform.LINUX_ARM64
        return deploy_time_build.ContainerImageBuild(
            self.stack, "Build", directory=str(self.agent), platform=platform
        )

    def _runtime(self) -> agentcore.Runtime:
        artifact = agentcore.AgentRuntimeArtifact.from_image_uri(self["current_image_uri"])
        return agentcore.Runtime(self.stack, "Runtime", agent_runtime_artifact=artifact)

    def _synth(self) -> pipelines.ShellStep:
        source = pipelines.CodePipelineSource.connection(
            "owner/repository",
            "main",
            connection_arn="arn:aws:codestar-connections:us-east-1:111122223333:c/1",
        )
        return pipelines.ShellStep("Synth", input=source, commands=["cdk synth"])

    def _role(self) -> aws_iam.IRole:
        return aws_iam.Role.from_role_arn(self.stack, "Role", self["role_arn"])


def typescript_project(folder: Path) -> Path:
    """A project with each TypeScript block as a module, beside the real packages that the blocks use."""
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    package = Path(deploy_time_build.__file__).parent / "_jsii"
    (tarball,) = package.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder / "deploy-time-build", filter="data")
    for number, block in enumerate(blocks("ts")):
        (folder / f"block{number}.ts").write_text(f"// {block}\n{PRELUDE}{block.code}")
    (folder / "tsconfig.json").write_text(
        f"""{{
  "compilerOptions": {{
    "strict": true, "noEmit": true, "skipLibCheck": true, "target": "es2022", "module": "es2022",
    "moduleResolution": "bundler", "types": ["node"],
    "paths": {{
      "arm64-agent-image": ["{ROOT}/lib/index.d.ts"],
      "deploy-time-build": ["./deploy-time-build/package/lib/index.d.ts"]
    }}
  }},
  "include": ["*.ts"]
}}
"""
    )
    return folder
