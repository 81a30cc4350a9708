"""The limits of a deployment time out in order, so that the one that can explain itself comes first."""

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration
from image_builder import timeouts
from image_builder.function.assembly import limits
from image_builder.function.cloudformation import response
from image_builder.function.services.clients import connect

from arm64_agent_image import ImageBuild
from test.image_builder.deployed_template import DeployedTemplate, deployed_template

CLOUDFORMATION_LIMIT = 3600
LONGEST_CODEBUILD_QUEUE = 480 * 60


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> DeployedTemplate:
    return deployed_template(tmp_path_factory.mktemp("app"))


def call_seconds(monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a call to AWS takes that gets no response, with its retries."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    connect.cache_clear()
    config: Any = connect().codebuild.meta.config
    connect.cache_clear()
    attempts = config.retries["total_max_attempts"]
    longest_pauses = sum(1 << n for n in range(attempts - 1))
    return float(attempts * (config.connect_timeout + config.read_timeout) + longest_pauses)


def response_seconds() -> int:
    """How long the attempts to deliver a response take."""
    return response.TRIES * response.TIMEOUT + sum(1 << n for n in range(response.TRIES - 1))


def test_the_template_states_the_limits_of_the_function(template: DeployedTemplate) -> None:
    assert template.service_timeout == timeouts.SERVICE
    assert template.definition["TimeoutSeconds"] == timeouts.EXECUTION
    assert template.function_timeout == timeouts.FUNCTION
    assert template.queue_timeout == timeouts.QUEUE
    assert template.definition["States"]["Assemble"]["TimeoutSeconds"] == timeouts.ASSEMBLY


def test_an_assembly_gives_up_before_its_state_does_and_leaves_time_for_the_longest_build() -> None:
    assert limits.SECONDS + limits.LONGEST_CALL < timeouts.ASSEMBLY < timeouts.FUNCTION
    assert timeouts.ASSEMBLY + timeouts.PROPAGATION + timeouts.MAX_BUILD < timeouts.DEADLINE


def test_the_latest_build_has_time_for_the_shortest_timeout() -> None:
    assert timeouts.LATEST_START + timeouts.MIN_BUILD <= timeouts.DEADLINE


def test_the_queue_of_codebuild_ends_no_earlier_than_the_function_stops_waiting(
    template: DeployedTemplate,
) -> None:
    assert timeouts.LATEST_START <= template.queue_timeout <= LONGEST_CODEBUILD_QUEUE


def test_the_function_the_execution_and_cloudformation_time_out_in_this_order(
    template: DeployedTemplate,
) -> None:
    execution = template.definition["TimeoutSeconds"]
    assert execution >= timeouts.DEADLINE + timeouts.FUNCTION
    assert timeouts.DEADLINE + timeouts.WAITING_POLL + response_seconds() < execution
    assert execution < template.service_timeout <= CLOUDFORMATION_LIMIT


def test_the_longest_build_ends_before_the_deadline() -> None:
    assert timeouts.PROPAGATION + timeouts.MAX_BUILD < timeouts.DEADLINE


@pytest.mark.parametrize("minutes", [timeouts.MIN_BUILD // 60, timeouts.MAX_BUILD // 60])
def test_accepts_every_timeout_that_the_function_allows(minutes: int, tmp_path: Path) -> None:
    build = ImageBuild.code_build(timeout=Duration.minutes(minutes))
    assert deployed_template(tmp_path, image_build=build).build_timeout == minutes * 60


@pytest.mark.parametrize("minutes", [timeouts.MIN_BUILD // 60 - 1, timeouts.MAX_BUILD // 60 + 1])
def test_rejects_any_other_timeout(minutes: int, tmp_path: Path) -> None:
    build = ImageBuild.code_build(timeout=Duration.minutes(minutes))
    with pytest.raises(RuntimeError, match="'timeout' must be"):
        deployed_template(tmp_path, image_build=build)


def test_the_function_has_time_for_an_execution_that_does_not_start_and_a_slow_response(
    template: DeployedTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = call_seconds(monkeypatch)
    assert timeouts.START_EXECUTION + call + response_seconds() <= template.function_timeout


def test_the_function_has_time_for_five_builds_that_do_not_stop_and_a_slow_response(
    template: DeployedTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = call_seconds(monkeypatch)
    assert 5 * call + response_seconds() <= template.function_timeout


def test_the_function_has_time_for_a_step_whose_last_call_gets_no_response(
    template: DeployedTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call without a response ends the step, which then reads the log and stops two builds."""
    call = call_seconds(monkeypatch)
    assert 3 * call + response_seconds() <= template.function_timeout


def test_new_permissions_have_propagated_before_a_build_is_no_longer_started_again() -> None:
    assert timeouts.PROPAGATION < timeouts.RESTART < timeouts.LATEST_START


def test_a_build_that_had_to_wait_skips_the_layer_cache() -> None:
    assert timeouts.QUEUED_TOO_LONG + timeouts.CACHE_EXPORT < timeouts.LATEST_START
