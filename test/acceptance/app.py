"""A stack of the acceptance run: deployed, invoked, and inspected through AWS's APIs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_bedrockagentcore as agentcore

from arm64_agent_image import Arm64AgentRuntimeArtifact, CodeBuildOptions, ImageBuild
from test.rehearsal.cdk_cli import Outcome

from .target import Target

AGENT = Path(__file__).parent / "agent"
ANSWER_SECONDS = 300.0
Fill = Callable[[cdk.Stack], None]


@dataclass
class App:
    """A stack with an agent, and its deployed version."""

    target: Target
    name: str
    version: str | None = None
    output: Path | None = None
    assemblies: int = 0
    uris: dict[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        """The stack's name, which no other run uses."""
        return f"{self.target.run}{self.name}"

    def source(self, version: str, name: str = "agent") -> Path:
        """The agent's directory with this version of its code."""
        folder = self.target.folder / self.name / name
        shutil.copytree(AGENT, folder, dirs_exist_ok=True)
        folder.joinpath("version.txt").write_text(version)
        return folder

    def image(
        self,
        stack: cdk.Stack,
        directory: Path,
        name: str = "Image",
        base: str | None = None,
        build: ImageBuild | None = None,
    ) -> Arm64AgentRuntimeArtifact:
        """An image of the agent; without another option every change is built."""
        options = CodeBuildOptions(base_image_max_age=cdk.Duration.minutes(0))
        build = build or ImageBuild.auto(code_build=options)
        arguments = {"BASE_IMAGE": base or self.target.python_base}
        return Arm64AgentRuntimeArtifact(
            stack, name, directory=str(directory), build_args=arguments, image_build=build
        )

    def agent(
        self, stack: cdk.Stack, image: Arm64AgentRuntimeArtifact, name: str = "Agent"
    ) -> agentcore.Runtime:
        """A Runtime that is bound to the image."""
        runtime = agentcore.Runtime(
            stack,
            name,
            runtime_name=f"{self.stack}_{name}",
            agent_runtime_artifact=image.agent_runtime_artifact,
        )
        image.bind_runtime(runtime)
        return runtime

    def synthesize(self, mode: str, *fills: Fill) -> Path:
        """Synthesize the stack; the mode says who builds its images."""
        self.assemblies += 1
        self.output = self.target.folder / self.name / f"out-{self.assemblies}"
        context = {"arm64-agent-image:build": mode}
        app = cdk.App(outdir=str(self.output), analytics_reporting=False, context=context)
        env = cdk.Environment(account=self.target.account, region=self.target.region)
        stack = cdk.Stack(app, self.stack, env=env)
        for fill in fills:
            fill(stack)
        app.synth()
        return self.output

    def deploy(
        self,
        version: str,
        *more: Fill,
        mode: str = "codebuild",
        base: str | None = None,
        build: ImageBuild | None = None,
        options: tuple[str, ...] = (),
    ) -> Outcome:
        """Deploy the agent with this version of its code, and whatever else the stack contains."""

        def agent(stack: cdk.Stack) -> None:
            self.agent(stack, self.image(stack, self.source(version), base=base, build=build))

        outcome = self.run_deploy(self.synthesize(mode, agent, *more), *options)
        if outcome.succeeded:
            self.version = version
            self.uris[version] = self.runtime()["uri"]
        return outcome

    def run_deploy(self, assembly: Path, *options: str) -> Outcome:
        """`cdk deploy` of an assembly, without approval."""
        always = (f"--app={assembly}", "--require-approval=never", "--progress=events")
        return self.target.cdk("deploy", self.stack, *always, *options)

    def ensure(self, version: str) -> None:
        """Deploy this version unless it is deployed, so that a scenario can also run alone."""
        if self.version != version:
            outcome = self.deploy(version)
            assert outcome.succeeded, outcome.output

    def destroy(self) -> Outcome | None:
        """`cdk destroy`, if the stack is deployed."""
        if self.output is None:
            return None
        outcome = self.target.cdk("destroy", self.stack, f"--app={self.output}", "--force")
        if outcome.succeeded:
            self.version = self.output = None
        return outcome

    @property
    def status(self) -> str:
        """CloudFormation's status of the stack."""
        found = self.target.client("cloudformation").describe_stacks(StackName=self.stack)
        return str(found["Stacks"][0]["StackStatus"])

    def resources(self) -> list[tuple[str, str]]:
        """Type and physical id of each resource of the stack."""
        found = self.target.client("cloudformation").describe_stack_resources(StackName=self.stack)
        return [(r["ResourceType"], r["PhysicalResourceId"]) for r in found["StackResources"]]

    def ids(self, kind: str) -> list[str]:
        """The physical ids of resources of a type."""
        return [identifier for found, identifier in self.resources() if found == kind]

    def builds(self) -> list[dict[str, Any]]:
        """All builds of the stack's projects, newest first."""
        codebuild = self.target.client("codebuild")
        ids = [
            build
            for project in self.ids("AWS::CodeBuild::Project")
            for build in codebuild.list_builds_for_project(projectName=project).get("ids", [])
        ]
        found = codebuild.batch_get_builds(ids=ids)["builds"] if ids else []
        return sorted(found, key=lambda build: build["startTime"], reverse=True)

    def tags(self) -> set[str]:
        """The image tags in the stack's repositories."""
        ecr = self.target.client("ecr")
        return {
            image["imageTag"]
            for name in self.ids("AWS::ECR::Repository")
            for image in ecr.list_images(repositoryName=name)["imageIds"]
            if "imageTag" in image
        }

    def runtime(self, name: str = "Agent") -> dict[str, Any]:
        """URI, version and ARN of a Runtime, as the control plane has them."""
        control = self.target.client("bedrock-agentcore-control")
        for page in control.get_paginator("list_agent_runtimes").paginate():
            for summary in page["agentRuntimes"]:
                if summary["agentRuntimeName"] == f"{self.stack}_{name}":
                    found = control.get_agent_runtime(agentRuntimeId=summary["agentRuntimeId"])
                    uri = found["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]
                    version = int(found["agentRuntimeVersion"])
                    return {"uri": uri, "version": version, "arn": found["agentRuntimeArn"]}
        raise LookupError(f"there is no Runtime {self.stack}_{name}")

    def answer(self, version: str, name: str = "Agent") -> dict[str, str]:
        """The agent's answer, once it runs this version; the endpoint follows an update with a delay."""
        data, arn = self.target.client("bedrock-agentcore"), self.runtime(name)["arn"]
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            response = data.invoke_agent_runtime(agentRuntimeArn=arn, payload=b"{}")
            answer: dict[str, str] = json.loads(response["response"].read())
            if answer["version"] == version or time.monotonic() > deadline:
                return answer
            time.sleep(5)
