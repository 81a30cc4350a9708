"""docs/security.md lists every permission that the construct grants, with the code that needs it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions

from test.app_with_every_option import build_app

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
UNSCOPED = {"ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"}
Template = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> cdk.App:
    return build_app(str(tmp_path_factory.mktemp("permissions")))


def resources(app: cdk.App, stack: str) -> Template:
    scope = app.node.find_child(stack)
    assert isinstance(scope, cdk.Stack)
    found: Template = assertions.Template.from_stack(scope).to_json()["Resources"]
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Policy":
            yield from ((properties["Roles"][0]["Ref"], s) for s in properties["PolicyDocument"]["Statement"])
        for policy in properties.get("Policies", []) if resource["Type"] == "AWS::IAM::Role" else []:
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def granted(template: Template) -> set[tuple[str, str]]:
    """The actions of each role, whose name is its logical id without the image's id and the hash."""
    return {
        (re.sub(r"^(?:Image\d)?(.*).{8}$", r"\1", role), action)
        for role, statement in statements(template)
        for action in as_list(statement["Action"])
    }


def documented() -> dict[tuple[str, str], str]:
    rows = re.findall(r"^\| `([\w/-]+)` \| `([\w:-]+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    return {(re.sub(r"[/-]", "", role), action): needed_by for role, action, needed_by in rows}


def test_every_documented_action_is_needed_and_every_needed_action_is_documented(app: cdk.App) -> None:
    assert granted(resources(app, "CodeBuild")) == set(documented())


def test_the_code_that_needs_an_action_exists() -> None:
    for needed_by in documented().values():
        for module, function in re.findall(r"`(\w+)\.(\w+)`", needed_by):
            sources = list((ROOT / "src/arm64_agent_image/image_builder").rglob(f"{module}.py"))
            assert any(f"def {function}(" in source.read_text() for source in sources), module


@pytest.mark.parametrize("stack", ["Network", "Secrets", "Own", "Kept"])
def test_options_add_documented_actions_to_the_build_role_only(app: cdk.App, stack: str) -> None:
    added = granted(resources(app, stack)) - set(documented())
    assert {role for role, _ in added} <= {"Role"}
    provider = {grant for grant in granted(resources(app, stack)) if grant[0] != "Role"}
    assert provider == {grant for grant in documented() if grant[0] != "Role"}
    assert all(f"`{action}`" in PAGE for _, action in added)


@pytest.mark.parametrize("stack", ["CodeBuild", "TwoImages", "Secrets", "Own", "Kept"])
def test_only_actions_that_iam_cannot_restrict_apply_to_all_resources(app: cdk.App, stack: str) -> None:
    everywhere = {
        action
        for _, statement in statements(resources(app, stack))
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }
    assert everywhere == UNSCOPED


def test_build_and_function_read_objects_of_the_assets_bucket_and_list_nothing(app: cdk.App) -> None:
    reading = [
        statement
        for _, statement in statements(resources(app, "CodeBuild"))
        if "s3:" in str(statement["Action"])
    ]
    assert [statement["Action"] for statement in reading] == [
        ["s3:GetObject", "s3:GetObjectVersion"],
        "s3:GetObject",
    ]
    for statement in reading:
        assert statement["Resource"]["Fn::Join"][1][-1].endswith(
            ":s3:::cdk-hnb659fds-assets-123456789012-eu-west-1/*"
        )


@pytest.mark.parametrize("stack", ["CodeBuild", "TwoImages", "Own", "Kept", "Network"])
def test_wildcards_cover_images_of_the_stack_only(app: cdk.App, stack: str) -> None:
    for _, statement in statements(resources(app, stack)):
        for resource in as_list(statement["Resource"]):
            if "arm64-agent-image-" in str(resource) and "*" in str(resource):
                assert "AWS::StackId" in str(resource)


@pytest.mark.parametrize("stack", ["CodeBuild", "CodeBuildAnywhere", "Network"])
def test_roles_trust_services_for_this_account_only(app: cdk.App, stack: str) -> None:
    roles = [r for r in resources(app, stack).values() if r["Type"] == "AWS::IAM::Role"]
    assert len(roles) == 3
    for role in roles:
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        account = statement["Condition"]["StringEquals"]["aws:SourceAccount"]
        assert account in ("123456789012", {"Ref": "AWS::AccountId"})
        assert "ManagedPolicyArns" not in role["Properties"]
        if statement["Principal"]["Service"] == "codebuild.amazonaws.com":
            assert "project/arm64-agent-image-" in str(statement["Condition"]["ArnLike"]["aws:SourceArn"])
            assert "*" not in str(statement["Condition"]["ArnLike"]["aws:SourceArn"])


def test_the_project_has_no_permission_for_report_groups(app: cdk.App) -> None:
    actions = {action for _, action in granted(resources(app, "CodeBuild"))}
    assert not any("Report" in action for action in actions)


@pytest.mark.parametrize("stack", ["China", "GovCloud"])
def test_ecr_public_is_granted_in_the_partition_aws_only(app: cdk.App, stack: str) -> None:
    actions = {action for _, action in granted(resources(app, stack))}
    assert "ecr:GetAuthorizationToken" in actions
    assert not any(action.startswith(("ecr-public:", "sts:")) for action in actions)
