"""The linters that users run on their stacks find nothing in the resources that the construct adds."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from test.app_with_every_option import CANARY

ROOT = Path(__file__).parents[2]
CHECKOV = ROOT / "build" / "checkov" / "bin" / "checkov"
REGIONS = ["us-east-1", "eu-west-1"]
NO_RESOURCES = "F0001"


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app with every option, with the reports of the CDK and cdk-nag; the canary makes synthesis fail."""
    outdir = tmp_path_factory.mktemp("linted") / "cdk.out"
    path = os.pathsep.join([str(ROOT), str(ROOT / "build" / "bindings" / "python" / "src")])
    subprocess.run(
        [sys.executable, "-m", "test.app_with_every_option", str(outdir)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "CDK_VALIDATION": "true"},
        capture_output=True,
        check=False,
    )
    return outdir


@pytest.fixture(scope="module")
def templates(assembly: Path) -> list[str]:
    found = sorted(path for path in assembly.glob("*.template.json") if resources(path))
    assert len(found) > 8
    return [str(path) for path in found if path.name != f"{CANARY}.template.json"]


@pytest.fixture(scope="module")
def canary(assembly: Path) -> str:
    return str(assembly / f"{CANARY}.template.json")


def resources(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()).get("Resources", {})
    return found


def cfn_lint(*templates: str) -> str:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", *REGIONS, "--", *templates]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def checkov(*templates: str) -> dict[str, Any]:
    files = [argument for template in templates for argument in ("--file", template)]
    command = [
        str(CHECKOV),
        *files,
        "--framework",
        "cloudformation",
        "--compact",
        "--quiet",
        "--output",
        "json",
    ]
    report: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, text=True, check=False).stdout
    )
    return report


def findings(assembly: Path, plugin: str) -> set[tuple[str, str]]:
    """The stacks in which a validation plugin of the CDK found something, with the rule."""
    (report,) = (
        report
        for report in json.loads((assembly / "validation-report.json").read_text())["pluginReports"]
        if report["pluginName"] == plugin
    )
    return {
        (construct["constructPath"].split("/")[0], violation["ruleName"])
        for violation in report["violations"]
        for construct in violation["violatingConstructs"]
    }


@pytest.mark.parametrize("pack", ["AwsSolutions", "NIST.800.53.R5"])
def test_cdk_nag_finds_nothing(assembly: Path, pack: str) -> None:
    assert {stack for stack, _ in findings(assembly, pack)} == {CANARY}


def test_cloudformation_validate_finds_nothing_but_stacks_without_resources(assembly: Path) -> None:
    found = findings(assembly, "CloudFormation Validate")
    assert {stack for stack, rule in found if rule != NO_RESOURCES} == {CANARY}


def test_cfn_lint_finds_no_errors_and_no_warnings(templates: list[str], canary: str) -> None:
    assert "NoSuchProperty" in cfn_lint(canary)
    assert cfn_lint(*templates) == ""


def test_checkov_finds_nothing(templates: list[str], canary: str) -> None:
    assert checkov(canary)["summary"]["failed"] > 0
    report = checkov(*templates)
    assert report["results"]["failed_checks"] == []
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["resource_count"] > 100


def test_every_suppression_has_a_reason_and_is_in_the_security_page(templates: list[str]) -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    suppressed = {
        (entry["id"], entry.get("reason") or entry.get("comment"))
        for template in templates
        for resource in resources(Path(template)).values()
        for metadata in [resource.get("Metadata", {})]
        for entry in [
            *metadata.get("cdk_nag", {}).get("rules_to_suppress", []),
            *metadata.get("checkov", {}).get("skip", []),
        ]
    }
    ignored = {
        rule
        for template in templates
        for resource in resources(Path(template)).values()
        for rule in resource.get("Metadata", {})
        .get("cfn-lint", {})
        .get("config", {})
        .get("ignore_checks", [])
    }
    assert suppressed
    assert ignored == {"W3005"}
    for rule, reason in suppressed:
        assert f"`{rule}`" in page
        assert reason in page
