"""Apps for tests and their templates, in which every reference is resolved."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack, assertions
from aws_cdk import aws_bedrockagentcore as agentcore
from constructs import Construct

from arm64_agent_image import Arm64AgentRuntimeArtifact, ImageBuild

IMAGE = "Custom::Arm64AgentImage"
RUNTIME = "AWS::BedrockAgentCore::Runtime"
REPOSITORY = "AWS::ECR::Repository"
PROJECT = "AWS::CodeBuild::Project"
POLICY = "AWS::IAM::Policy"
ROLE = "AWS::IAM::Role"

PROVIDER_CODE = "image_builder"
COMPILED_CODE = Path(__file__).parents[1] / "lib/lambda"

Json = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A resource of a template, with its logical id."""

    logical_id: str
    body: Json

    @property
    def properties(self) -> Json:
        properties: Json = self.body.get("Properties", {})
        return properties

    @property
    def depends_on(self) -> list[str]:
        declared = self.body.get("DependsOn", [])
        return [declared] if isinstance(declared, str) else declared


@dataclass(frozen=True)
class Template:
    """A synthesized template."""

    body: Json

    @property
    def resources(self) -> list[Resource]:
        return [Resource(name, body) for name, body in self.body.get("Resources", {}).items()]

    def all(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.body["Type"] == kind]

    def only(self, kind: str) -> Resource:
        (resource,) = self.all(kind)
        return resource

    def named(self, logical_id: str) -> Resource:
        return Resource(logical_id, self.body["Resources"][logical_id])

    @property
    def container_uri(self) -> Any:
        return container_uri(self.only(RUNTIME))

    def statements(self, role: str) -> list[Json]:
        """The statements of a role: of its inline policies and of the policies in this template."""
        inline = self.named(role).properties.get("Policies", [])
        attached = [p.properties for p in self.all(POLICY) if {"Ref": role} in p.properties["Roles"]]
        return [
            statement
            for policy in [*inline, *attached]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    @property
    def text(self) -> str:
        return json.dumps(self.body, sort_keys=True, indent=1)


@dataclass(frozen=True)
class Assembly:
    """A synthesized app."""

    directory: Path
    templates: Mapping[str, Template]

    def __getitem__(self, stack: str) -> Template:
        return self.templates[stack]

    @property
    def only(self) -> Template:
        (template,) = self.templates.values()
        return template

    def nested(self, name: str) -> Template:
        (template,) = [t for file, t in self.templates.items() if file.endswith(".nested") and name in file]
        return template

    def stack_dependencies(self, stack: str) -> list[str]:
        """The artifacts that must be deployed before a stack."""
        manifest = json.loads((self.directory / "manifest.json").read_text())
        found: list[str] = manifest["artifacts"][stack]["dependencies"]
        return found

    def parameters(self, image: Resource) -> str:
        """The build parameters of an image, as uploaded."""
        key = literal_end(image.properties["Parameters"]).rpartition("/")[2]
        (file,) = self.directory.rglob(f"asset.{key}")
        return file.read_text()

    @property
    def docker_images(self) -> list[Json]:
        return [
            image["source"]
            for path in sorted(self.directory.rglob("*.assets.json"))
            if not asset_directory(path, self.directory)
            for image in json.loads(path.read_text())["dockerImages"].values()
        ]

    @property
    def source_asset(self) -> Path:
        """The only build context, as staged for upload or for a local build."""
        (context,) = [
            path
            for path in self.directory.glob("asset.*")
            if path.is_dir() and not (path / PROVIDER_CODE).exists()
        ]
        return context


def asset_directory(path: Path, root: Path) -> bool:
    return any(part.startswith("asset.") for part in path.relative_to(root).parts)


def listing(directory: Path) -> list[str]:
    return sorted(
        f"{path.relative_to(directory)} -> {path.readlink()}"
        if path.is_symlink()
        else f"{path.relative_to(directory)}{'/' if path.is_dir() else ''}"
        for path in directory.rglob("*")
        if path.is_symlink() or path.is_file() or not any(path.iterdir())
    )


def write_files(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


@cache
def code_asset() -> str:
    """The name under which the CDK stages the provider's code."""
    with tempfile.TemporaryDirectory() as folder:
        agent, output = (
            write_files(Path(folder, "agent"), {"Dockerfile": "FROM scratch\n"}),
            Path(folder, "out"),
        )
        new_image(Stack(App(outdir=str(output)), "Stack"), agent)
        (code,) = output.glob(f"asset.*/{PROVIDER_CODE}")
        return code.parent.name


def stage_code(output: Path) -> None:
    """Stage the provider's code as a link, since copying its files takes half of a synthesis."""
    link = output / code_asset()
    if not link.exists():
        output.mkdir(parents=True, exist_ok=True)
        link.symlink_to(COMPILED_CODE)


def new_app(output: Path, context: Mapping[str, Any] | None = None) -> App:
    stage_code(output)
    set_by_the_cli = {"aws:cdk:enable-asset-metadata": True}
    return App(
        outdir=str(output),
        context={**set_by_the_cli, **(context or {})},
        analytics_reporting=False,
        tree_metadata=False,
    )


def synthesize(app: App) -> Assembly:
    return read_assembly(Path(app.synth().directory))


def read_assembly(directory: Path) -> Assembly:
    templates = {
        path.name.removesuffix(".json").removesuffix(".template"): Template(json.loads(path.read_text()))
        for path in sorted(directory.rglob("*.template.json"))
        if not asset_directory(path, directory)
    }
    exports = {
        canonical(output["Export"]["Name"])
        for template in templates.values()
        for output in template.body.get("Outputs", {}).values()
        if "Export" in output
    }
    for name, template in templates.items():
        unresolved = [
            reference for reference in references(template.body) if not resolves(reference, template, exports)
        ]
        assert not unresolved, f"{name} has unresolved references: {unresolved}"
        assert_nested_stacks_fit(template, templates)
    return Assembly(directory, templates)


def references(value: Any) -> Iterator[tuple[str, Any]]:
    """Every reference in a template, as its kind and value."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::ImportValue"):
                yield key, item
            if key == "DependsOn":
                yield from (("Ref", name) for name in ([item] if isinstance(item, str) else item))
            yield from references(item)


def resolves(reference: tuple[str, Any], template: Template, exports: set[str]) -> bool:
    kind, value = reference
    resources = set(template.body.get("Resources", {}))
    referable = resources | set(template.body.get("Parameters", {}))
    if kind == "Ref":
        return value.startswith("AWS::") or value in referable
    if kind == "Fn::GetAtt":
        return (value if isinstance(value, list) else value.split("."))[0] in resources
    if kind == "Fn::ImportValue":
        return canonical(value) in exports
    text, variables = value if isinstance(value, list) else (value, {})
    names = {name.split(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text)}
    return all(name.startswith("AWS::") or name in referable | set(variables) for name in names)


def assert_nested_stacks_fit(template: Template, templates: Mapping[str, Template]) -> None:
    for nested in template.all("AWS::CloudFormation::Stack"):
        name = nested.body["Metadata"]["aws:asset:path"].removesuffix(".template.json")
        inner = templates[name].body
        required = {p for p, parameter in inner.get("Parameters", {}).items() if "Default" not in parameter}
        assert required == set(nested.properties.get("Parameters", {})), f"parameters of {name} do not fit"
        outputs = {
            attribute[1].removeprefix("Outputs.")
            for kind, attribute in references(template.body)
            if kind == "Fn::GetAtt" and attribute[0] == nested.logical_id
        }
        assert outputs <= set(inner.get("Outputs", {})), f"{name} lacks outputs that are used"


def literal_end(value: Any) -> str:
    """The literal end of a string that begins with tokens."""
    return str(value if isinstance(value, str) else (value.get("Fn::Join") or [0, [value["Fn::Sub"]]])[1][-1])


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def container_uri(runtime: Resource) -> Any:
    return runtime.properties["AgentRuntimeArtifact"]["ContainerConfiguration"]["ContainerUri"]


def new_image(
    scope: Construct, directory: Path, name: str = "Image", **props: Any
) -> Arm64AgentRuntimeArtifact:
    """An image, built by CodeBuild unless `props` say otherwise."""
    build = {"image_build": ImageBuild.code_build()}
    return Arm64AgentRuntimeArtifact(scope, name, directory=str(directory), **{**build, **props})


def new_runtime(
    scope: Construct, image: Arm64AgentRuntimeArtifact, name: str = "Runtime", **props: Any
) -> agentcore.Runtime:
    return agentcore.Runtime(scope, name, agent_runtime_artifact=image.agent_runtime_artifact, **props)


def warnings_of(stack: Stack) -> list[str]:
    """The warnings in a stack, each with its id at the end."""
    found = assertions.Annotations.from_stack(stack).find_warning("*", assertions.Match.any_value())
    return [str(warning.entry.data) for warning in found]


def synthesize_image(output: Path, directory: Path, **props: Any) -> Assembly:
    """An app with one stack, one image and its Runtime."""
    app = new_app(output)
    stack = Stack(app, "Agent")
    new_runtime(stack, new_image(stack, directory, **props))
    return synthesize(app)
