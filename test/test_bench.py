"""The arithmetic and the counters of the benchmarks; no test measures time."""

from pathlib import Path

import pytest

from bench.contexts import accesses, agent
from bench.emulation import IMAGE, PEER_IMAGE, Deployment
from bench.images import waiting_images
from bench.measurement import Series, ratio, table

BARE = Series("synthesis", "CPU", "bare", "s", [2.0, 4.0, 3.0])


def of_bare(*values: float) -> Series:
    return Series("synthesis", "CPU", "ours", "s", list(values), reference="bare", goal=1.15)


def test_a_ratio_compares_values_that_were_measured_after_each_other() -> None:
    found = ratio(of_bare(3.0, 4.4, 3.3), [BARE])
    assert found
    assert found.of_minima == pytest.approx(1.5)
    assert found.median_of_pairs == pytest.approx(1.1)


@pytest.mark.parametrize("other", [[], [Series("synthesis", "wall", "bare", "s", [1.0])]])
def test_there_is_no_ratio_without_the_reference_in_the_same_case(other: list[Series]) -> None:
    assert ratio(of_bare(3.0), other) is None


def test_the_table_has_one_line_for_each_series() -> None:
    ours = of_bare(3.0, 4.4, 3.3)
    _, _, first, second = table([BARE, ours])
    assert first == "| synthesis | CPU | bare | s | 3 | 2 | 3 |  |  |  |"
    assert second == "| synthesis | CPU | ours | s | 3 | 3 | 3.3 | 1.50 | 1.10 | 1.15 |"


def test_an_image_that_needs_another_image_waits_for_it() -> None:
    resources = {
        "One": {"Type": IMAGE},
        "Project": {"Type": "AWS::CodeBuild::Project", "DependsOn": "One"},
        "Two": {"Type": IMAGE, "DependsOn": ["Project"]},
    }
    assert waiting_images({"Resources": resources}) == ["Two"]


@pytest.mark.parametrize("kind", [IMAGE, PEER_IMAGE])
def test_a_deployment_counts_its_builds_and_the_time_to_the_response(kind: str) -> None:
    image = {"kind": "resource", "type": kind, "stack": "A"}
    deployment = Deployment(
        [
            {**image, "status": "UPDATE_IN_PROGRESS", "at": 10.0},
            {"kind": "build", "status": "IN_PROGRESS", "at": 11.0},
            {"kind": "push", "repository": "a", "reference": "0123", "at": 20.0},
            {"kind": "push", "repository": "a", "reference": "cache-0123", "at": 22.0},
            {**image, "status": "UPDATE_COMPLETE", "at": 21.5},
            {**image, "status": "DELETE_IN_PROGRESS", "at": 30.0},
            {**image, "status": "DELETE_COMPLETE", "at": 31.0},
            {"kind": "log", "line": "wrote the layer cache in 2.1 s"},
        ]
    )
    assert deployment.builds == deployment.running == 1
    assert deployment.image_seconds("A") == pytest.approx(11.5)
    assert deployment.answer_seconds("A") == pytest.approx(1.5)
    assert deployment.cache_seconds == pytest.approx(2.1)


def test_the_cdk_cli_has_built_each_image_that_it_pushed_by_tag() -> None:
    pushes = [
        ("cdk-hnb659fds-container-assets", "one"),
        ("cdk-hnb659fds-container-assets", "one"),
        ("cdk-hnb659fds-container-assets", "sha256:1"),
        ("cdk-hnb659fds-container-assets", "two"),
        ("agents", "three"),
    ]
    deployment = Deployment(
        [{"kind": "push", "repository": name, "reference": reference} for name, reference in pushes]
    )
    assert deployment.builds_of_cdk == 2


@pytest.mark.parametrize("subject", ["local", "CodeBuild"])
def test_synthesis_reads_and_copies_each_file_once_and_no_ignored_file(subject: str, tmp_path: Path) -> None:
    directory = agent(tmp_path / "agent", files=3, ignored=3)
    found = accesses(subject, directory, tmp_path / "cdk.out")
    sources = {str(path): {"reads": 1, "copies": 1} for path in directory.glob("source/*/*")}
    assert len(sources) == 3
    assert {path: found[path] for path in found if "/source/" in path} == sources
    assert not [path for path in found if "/ignored/" in path]
