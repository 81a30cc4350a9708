"""The environment of a build is read, or rejected with a clear error."""

import contextlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builder.build_program import settings
from image_builder.build_program.process import BuildError
from image_builder.build_program.settings import Registry

from test.image_builder.build_program.fake_host import HOST, IMAGE, REPOSITORY, REQUESTED_AT, TAG, FakeHost

NUMBERS = st.from_regex(r"\d{1,3}", fullmatch=True)
REGISTRY_NAMES = st.builds(
    "REGISTRY_{}_{}".format, NUMBERS, st.sampled_from(["SERVER", "REGION", "USERNAME"])
)


def test_reads_the_variables_of_the_deployment(machine: FakeHost) -> None:
    machine.variables = {
        "LAYER_CACHE": "false",
        "KEEP_PLAN": "true",
        "PREVIOUS_IMAGE_TAG": "old",
        "REGISTRY_0_SERVER": "docker.io",
        "REGISTRY_1_SERVER": "210987654321.dkr.ecr.us-west-2.amazonaws.com",
        "REGISTRY_1_REGION": "us-west-2",
    }
    wanted = settings.read(machine.environment)
    assert wanted == settings.Settings(
        repository_uri=REPOSITORY,
        image_tag=TAG,
        source="assets/source.zip",
        parameters="assets/parameters.json",
        region="eu-west-1",
        partition="aws",
        requested_at=REQUESTED_AT,
        layer_cache=False,
        keep_plan=True,
        previous_image_tag="old",
        registries=(
            Registry("docker.io", None, "REGISTRY_0_USERNAME", "REGISTRY_0_PASSWORD"),
            Registry(
                "210987654321.dkr.ecr.us-west-2.amazonaws.com",
                "us-west-2",
                "REGISTRY_1_USERNAME",
                "REGISTRY_1_PASSWORD",
            ),
        ),
    )
    assert (wanted.image_uri, wanted.registry_host) == (IMAGE, HOST)


def test_reads_the_registries_in_the_order_of_their_numbers(machine: FakeHost) -> None:
    machine.variables = {f"REGISTRY_{number}_SERVER": f"registry{number}" for number in (10, 9, 0, 2)}
    servers = [registry.server for registry in settings.read(machine.environment).registries]
    assert servers == ["registry0", "registry2", "registry9", "registry10"]


@pytest.mark.parametrize(
    ("partition", "expected"), [("aws", True), ("aws-cn", False), ("aws-us-gov", False), ("aws-new", False)]
)
def test_only_the_partition_aws_has_ecr_public(partition: str, expected: bool, machine: FakeHost) -> None:
    machine.variables = {"CODEBUILD_BUILD_ARN": f"arn:{partition}:codebuild:r:123456789012:build/x:y"}
    assert settings.read(machine.environment).has_ecr_public is expected


def test_first_image_has_no_previous_tag(machine: FakeHost) -> None:
    assert settings.read(machine.environment).previous_image_tag is None


@pytest.mark.parametrize("name", ["IMAGE_TAG", "SOURCE", "PARAMETERS", "REQUESTED_AT"])
def test_rejects_a_build_started_by_hand(name: str, machine: FakeHost) -> None:
    machine.variables = {name: None}
    with pytest.raises(BuildError, match="deploy the stack"):
        settings.read(machine.environment)


@given(
    removed=st.sets(
        st.sampled_from(["IMAGE_TAG", "SOURCE", "IMAGE_REPOSITORY", "AWS_REGION", "LAYER_CACHE"])
    ),
    changes=st.dictionaries(
        st.sampled_from(["REQUESTED_AT", "LAYER_CACHE", "CODEBUILD_BUILD_ARN"]) | REGISTRY_NAMES, st.text()
    ),
)
def test_any_environment_is_read_or_rejected_with_a_clear_error(
    removed: set[str], changes: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    environment = FakeHost(tmp_path_factory.getbasetemp()).environment | changes
    for name in removed:
        environment.pop(name, None)
    with contextlib.suppress(BuildError):
        wanted = settings.read(environment)
        assert all(getattr(wanted, each.name) is not None for each in fields(wanted)[:8])
