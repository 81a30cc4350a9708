"""The Python examples, synthesized as on an x86 machine and on an ARM machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from test.examples.synthesis import ARM, EXAMPLES, X86, Synthesis
from test.synth import (
    IMAGE,
    POLICY,
    PROJECT,
    REPOSITORY,
    RUNTIME,
    Assembly,
    Json,
    Template,
    canonical,
    container_uri,
    listing,
)

ONE_STACK = {
    "existing-apps/alpha_runtime.py": "AlphaRuntime",
    "existing-apps/build_secrets.py": "BuildSecrets",
    "existing-apps/l1_runtime.py": "L1Runtime",
    "existing-apps/own_repository.py": "OwnRepository",
    "existing-apps/private_base_image.py": "PrivateBaseImage",
    "existing-apps/private_subnets.py": "PrivateSubnets",
    "existing-apps/several_runtimes.py": "SeveralRuntimes",
    "strands/app.py": "FirstAgent",
    "monorepo/infrastructure/app.py": "Monorepo",
    "python-app/app.py": "PythonAppAgent",
}


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return Synthesis(tmp_path_factory.mktemp("examples"))


def variables(template: Template) -> Json:
    found = template.only(PROJECT).properties["Environment"]["EnvironmentVariables"]
    return {variable["Name"]: variable for variable in found}


def parameters(assembly: Assembly, template: Template) -> Json:
    found: Json = json.loads(assembly.parameters(template.only(IMAGE)))
    return found


@pytest.mark.parametrize("app", ONE_STACK)
def test_on_x86_codebuild_builds_and_every_runtime_waits(synthesized: Synthesis, app: str) -> None:
    template = synthesized(app)[ONE_STACK[app]]
    image = template.only(IMAGE)
    assert template.only(PROJECT).properties["Environment"]["Type"] == "ARM_CONTAINER"
    for runtime in template.all(RUNTIME):
        assert image.logical_id in runtime.depends_on
        assert {"Fn::GetAtt": [image.logical_id, "RepositoryUri"]} in container_uri(runtime)["Fn::Join"][1]


@pytest.mark.parametrize("app", ["existing-apps/build_secrets.py", "monorepo/infrastructure/app.py"])
def test_on_arm_the_machine_builds(synthesized: Synthesis, app: str) -> None:
    assembly = synthesized(app, ARM)
    assert assembly[ONE_STACK[app]].all(IMAGE) == []
    assert [image["platform"] for image in assembly.docker_images] == ["linux/arm64"]


def test_a_runtime_in_another_stack_imports_nothing_that_changes(synthesized: Synthesis) -> None:
    assembly = synthesized("existing-apps/two_stacks.py")
    image = assembly["Image"].only(IMAGE)
    exports = [canonical(output["Value"]) for output in assembly["Image"].body["Outputs"].values()]
    assert canonical({"Fn::GetAtt": [image.logical_id, "RepositoryUri"]}) in exports
    assert not any(image.properties["ImageTag"] in export for export in exports)
    assert f":{image.properties['ImageTag']}" in assembly["Agent"].container_uri["Fn::Join"][1]
    manifest = json.loads((assembly.directory / "manifest.json").read_text())
    assert "Image" in manifest["artifacts"]["Agent"]["dependencies"]


def test_several_runtimes_of_one_image_may_all_pull_it(synthesized: Synthesis) -> None:
    template = synthesized("existing-apps/several_runtimes.py")["SeveralRuntimes"]
    runtimes = template.all(RUNTIME)
    assert len(runtimes) == 2
    assert len(template.all(IMAGE)) == 1
    for runtime in runtimes:
        actions = [
            a
            for s in template.statements(runtime.properties["RoleArn"]["Fn::GetAtt"][0])
            for a in s["Action"]
        ]
        assert {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"} <= set(actions)


def test_the_first_agent_may_call_its_model(synthesized: Synthesis) -> None:
    template = synthesized("strands/app.py")["FirstAgent"]
    runtime = template.only(RUNTIME)
    assert runtime.properties["EnvironmentVariables"]["MODEL_ID"].startswith("global.")
    (statement,) = [
        s
        for s in template.statements(runtime.properties["RoleArn"]["Fn::GetAtt"][0])
        if "bedrock:InvokeModelWithResponseStream" in s["Action"]
    ]
    assert ":inference-profile/*" in canonical(statement["Resource"])
    assert ":bedrock:*::foundation-model/*" in canonical(statement["Resource"])


def test_an_existing_repository_is_used_unchanged(synthesized: Synthesis) -> None:
    template = synthesized("existing-apps/own_repository.py")["OwnRepository"]
    repository = template.only(REPOSITORY)
    image = template.only(IMAGE).properties
    assert image["RepositoryName"] == {"Ref": repository.logical_id}
    assert image["OwnsRepository"] == "false"
    assert variables(template)["LAYER_CACHE"]["Value"] == "false"
    assert "untagged" in repository.properties["LifecyclePolicy"]["LifecyclePolicyText"]


def test_the_build_runs_in_private_subnets(synthesized: Synthesis) -> None:
    template = synthesized("existing-apps/private_subnets.py")["PrivateSubnets"]
    subnets = template.only(PROJECT).properties["VpcConfig"]["Subnets"]
    assert len(subnets) == 2
    assert all("PrivateSubnet" in subnet["Ref"] for subnet in subnets)


def test_the_build_logs_in_to_pull_a_private_base_image(synthesized: Synthesis) -> None:
    template = synthesized("existing-apps/private_base_image.py")["PrivateBaseImage"]
    found = variables(template)
    assert found["REGISTRY_0_REGION"]["Value"] == "eu-west-1"
    assert "444455556666.dkr.ecr.eu-west-1." in canonical(found["REGISTRY_0_SERVER"]["Value"])
    assert found["REGISTRY_1_SERVER"]["Value"] == "docker.io"
    credentials = {found[f"REGISTRY_1_{name}"]["Type"] for name in ("USERNAME", "PASSWORD")}
    assert credentials == {"SECRETS_MANAGER"}
    allowed = [canonical(policy.properties) for policy in template.all(POLICY)]
    assert any("repository/base-images/python" in policy for policy in allowed)


def test_the_template_names_build_secrets_without_their_values(synthesized: Synthesis) -> None:
    app = "existing-apps/build_secrets.py"
    assembly = synthesized(app)
    template = assembly["BuildSecrets"]
    secrets = parameters(assembly, template)["secrets"]
    assert set(secrets) == {"index_url", "certificate"}
    types = {variables(template)[variable]["Type"] for variable in secrets.values()}
    assert types == {"SECRETS_MANAGER", "PARAMETER_STORE"}
    (local,) = synthesized(app, ARM).docker_images
    assert local["dockerBuildSecrets"] == {
        "index_url": "env=PIP_INDEX_URL",
        "certificate": "src=certificate.pem",
    }


def test_a_monorepo_uploads_what_its_agent_needs(synthesized: Synthesis) -> None:
    assembly = synthesized("monorepo/infrastructure/app.py")
    assert parameters(assembly, assembly.only)["file"] == "apps/agent/Dockerfile"
    arrived = {name for name in listing(assembly.source_asset) if not name.endswith("/")}
    assert {"apps/agent/main.py", "packages/house_style/__init__.py", "apps/agent/Dockerfile"} <= arrived
    assert not any(name.startswith("infrastructure/") for name in arrived)


def test_a_pipeline_needs_no_docker(synthesized: Synthesis) -> None:
    assembly = synthesized("pipelines/app.py", X86, CODEBUILD_BUILD_ID="pipeline:1")
    (deployed,) = [template for template in assembly.templates.values() if template.all(RUNTIME)]
    assert deployed.only(IMAGE).logical_id in deployed.only(RUNTIME).depends_on
    assert assembly.docker_images == []
    projects = [p for t in assembly.templates.values() for p in t.all(PROJECT) if not t.all(RUNTIME)]
    assert projects
    assert not any(p.properties["Environment"]["PrivilegedMode"] for p in projects)


def test_the_pipeline_template_does_not_depend_on_the_source_of_an_agent(synthesized: Synthesis) -> None:
    assembly = synthesized("pipelines/app.py", X86, CODEBUILD_BUILD_ID="pipeline:1")
    (pipeline,) = [template for template in assembly.templates.values() if not template.all(RUNTIME)]
    assert assembly.source_asset.name.removeprefix("asset.") not in pipeline.text


def test_the_workflow_deploys_on_x86_with_every_action_pinned() -> None:
    workflow = (EXAMPLES / "pipelines/github-actions.yml").read_text()
    assert "runs-on: ubuntu-latest" in workflow
    steps = [line for line in workflow.splitlines() if not line.startswith("#")]
    assert not [line for line in steps if "docker" in line.lower()]
    used = re.findall(r"uses: (\S+)", workflow)
    assert used
    assert all(re.search(r"@[0-9a-f]{40}$", action) for action in used)


def test_an_image_of_deploy_time_build_comes_before_its_runtime(synthesized: Synthesis) -> None:
    template = synthesized("deploy-time-build/app.py")["DeployTimeBuild"]
    (build,) = [
        r for r in template.resources if r.body["Type"].startswith("Custom::") and "Build" in r.logical_id
    ]
    assert build.logical_id in template.only(RUNTIME).depends_on
    assert build.logical_id in canonical(template.container_uri)
    assert template.all(IMAGE) == []


@pytest.mark.parametrize("readme", sorted(EXAMPLES.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_each_readme_names_the_command_that_runs_its_example(readme: Path) -> None:
    assert "```" in readme.read_text()


def test_every_example_has_a_readme_and_is_in_the_table() -> None:
    table = (EXAMPLES / "README.md").read_text()
    folders = [folder for folder in EXAMPLES.iterdir() if folder.is_dir() and folder.name != "agent"]
    for folder in folders:
        assert (folder / "README.md").exists(), folder
        assert f"({folder.name}" in table
