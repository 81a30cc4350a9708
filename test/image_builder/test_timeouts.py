"""The limits of a deployment time out in order, so that the one that can explain itself comes first.

The function's code and the state machine of the template run into each limit in a simulated account.
"""

from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration
from image_builder import timeouts
from image_builder.function.assembly import limits
from image_builder.function.cloudformation import response

from arm64_agent_image import ImageBuild
from test.image_builder.deployed_template import DeployedTemplate, deployed_template
from test.image_builder.fakes import NOW, PROJECT
from test.image_builder.function.test_request_lifecycle import Step, deploy, request
from test.image_builder.simulated_aws import (
    Account,
    Answer,
    Fate,
    Fault,
    Plan,
    hanging,
    seconds_without_answer,
)

CLOUDFORMATION_LIMIT = 3600
LONGEST_CODEBUILD_QUEUE = 480 * 60
NEVER = 1e9
SLOW_RESPONSE = (Fault.SILENCE_BEFORE,) * (response.TRIES - 1)


def deployed(account: Account, step: Step) -> Answer:
    """The answer to the request of a step."""
    with account.connected():
        return deploy(account, 1, step)


def test_the_template_states_the_limits_of_the_function(template: DeployedTemplate) -> None:
    assert template.service_timeout == timeouts.SERVICE
    assert template.definition["TimeoutSeconds"] == timeouts.EXECUTION
    assert template.function_timeout == timeouts.FUNCTION
    assert template.queue_timeout == timeouts.QUEUE
    assert template.definition["States"]["Assemble"]["TimeoutSeconds"] == timeouts.ASSEMBLY


def test_the_template_stays_within_the_limits_of_aws(template: DeployedTemplate) -> None:
    assert template.definition["TimeoutSeconds"] < template.service_timeout <= CLOUDFORMATION_LIMIT
    assert template.queue_timeout <= LONGEST_CODEBUILD_QUEUE


@pytest.mark.parametrize("minutes", [timeouts.MIN_BUILD // 60, timeouts.MAX_BUILD // 60])
def test_accepts_every_timeout_that_the_function_allows(minutes: int, tmp_path: Path) -> None:
    build = ImageBuild.code_build(timeout=Duration.minutes(minutes))
    assert deployed_template(tmp_path, image_build=build).build_timeout == minutes * 60


@pytest.mark.parametrize("minutes", [timeouts.MIN_BUILD // 60 - 1, timeouts.MAX_BUILD // 60 + 1])
def test_rejects_any_other_timeout(minutes: int, tmp_path: Path) -> None:
    build = ImageBuild.code_build(timeout=Duration.minutes(minutes))
    with pytest.raises(RuntimeError, match="'timeout' must be"):
        deployed_template(tmp_path, image_build=build)


def test_the_longest_build_ends_in_time_although_an_assembly_hung_before_it(
    template: DeployedTemplate,
) -> None:
    plans = iter([Plan(seconds=timeouts.MAX_BUILD - 1)])
    step = Step(
        "update",
        step_fates=(hanging(0),),
        full_seconds=template.function_timeout + timeouts.PROPAGATION,
        minutes=timeouts.MAX_BUILD // 60,
    )
    assert deployed(Account(template, plans=plans), step).is_success


def test_the_shortest_build_ends_in_time_although_it_starts_as_late_as_it_may(
    template: DeployedTemplate,
) -> None:
    plans = iter([Plan(seconds=timeouts.MIN_BUILD - 1)])
    full_seconds = timeouts.LATEST_START - timeouts.ACCOUNT_LIMIT_RETRY - 5
    account = Account(template, plans=plans)
    answer = deployed(account, Step(full_seconds=full_seconds, minutes=timeouts.MIN_BUILD // 60))
    assert answer.is_success, answer.reason
    (build,) = account.codebuild.builds.values()
    assert build.submitted > NOW + full_seconds


def test_the_shortest_build_ends_in_time_although_it_was_queued_as_long_as_it_may(
    template: DeployedTemplate,
) -> None:
    queued = template.queue_timeout - 5
    account = Account(
        template, slots=1, plans=iter([Plan(seconds=queued), Plan(seconds=timeouts.MIN_BUILD - 1)])
    )
    account.codebuild.minutes = queued // 60 + 1
    requests = [request(number, Step(), f"{PROJECT}{number}") for number in range(2)]
    with account.connected():
        answers = account.cloudformation.deploy(*requests)
    assert [answer and answer.is_success for answer in answers] == [True, True]
    assert max(build.began or 0 for build in account.codebuild.builds.values()) >= NOW + queued


def test_the_next_build_starts_in_time_although_one_that_waited_exports_its_cache(
    template: DeployedTemplate,
) -> None:
    plans = repeat(Plan(export_seconds=timeouts.CACHE_EXPORT))
    account = Account(template, slots=1, plans=plans, full_until=NOW + timeouts.QUEUED_TOO_LONG)
    account.codebuild.minutes = 60
    requests = [request(number, Step(), f"{PROJECT}{number}") for number in range(2)]
    with account.connected():
        answers = account.cloudformation.deploy(*requests)
    assert [answer and answer.is_success for answer in answers] == [True, True]


def test_a_build_that_lacked_a_permission_is_repeated_until_all_have_propagated(
    template: DeployedTemplate,
) -> None:
    step = Step(full_seconds=timeouts.PROPAGATION, denied_to_builds_seconds=timeouts.PROPAGATION + 25)
    account = Account(template)
    assert deployed(account, step).is_success
    assert [build.status for build in account.codebuild.builds.values()] == ["FAILED", "SUCCEEDED"]


@pytest.mark.parametrize(
    ("fates", "response_faults"), [((), SLOW_RESPONSE), ((hanging(1),), ())], ids=["response", "function"]
)
def test_the_deadline_is_explained_before_the_execution_times_out(
    template: DeployedTemplate, fates: tuple[Fate, ...], response_faults: tuple[Fault, ...]
) -> None:
    account = Account(template, plans=iter([Plan(seconds=NEVER)]))
    step = Step(
        full_seconds=timeouts.LATEST_START - 30,
        response_faults=response_faults,
        minutes=timeouts.MAX_BUILD // 60,
    )
    with account.connected():
        account.events.at(NOW + timeouts.DEADLINE, lambda _: setattr(account, "step_fates", iter(fates)))
        answer = deploy(account, 1, step)
    assert "did not finish in time" in answer.reason
    assert timeouts.DEADLINE < answer.seconds < template.definition["TimeoutSeconds"]
    assert [execution.status for execution in account.stepfunctions.executions.values()] == ["SUCCEEDED"]


def test_an_assembly_gives_up_before_its_state_does_although_its_last_call_gets_no_answer(
    template: DeployedTemplate,
) -> None:
    state = template.definition["States"]["Assemble"]["TimeoutSeconds"]
    assert limits.SECONDS + seconds_without_answer() < state < template.function_timeout


def unanswered(account: Account, after: int) -> Any:
    """The faults of an account in which no call after this number of calls gets an answer."""
    return setattr(account, "faults", chain(repeat(Fault.NONE, after), repeat(Fault.SILENCE_BEFORE)))


@pytest.mark.parametrize("answered_calls", [0, 1])
def test_the_function_has_time_for_an_execution_that_does_not_start(
    template: DeployedTemplate, answered_calls: int
) -> None:
    account = Account(template)
    unanswered(account, answered_calls)
    answer = deployed(account, Step(response_faults=SLOW_RESPONSE))
    assert not answer.is_success
    assert answer.seconds == account.functions.longest < template.function_timeout


def test_the_function_has_time_for_five_builds_that_do_not_stop(template: DeployedTemplate) -> None:
    account = Account(template, plans=repeat(Plan(export_seconds=1000)))
    with account.connected():
        for number, tag in enumerate("abcde"):
            assert deploy(account, number, Step("update", tag)).is_success
        unanswered(account, 2)
        assert deploy(account, 9, Step("delete", response_faults=SLOW_RESPONSE)).is_success
    assert len(account.codebuild.running()) == 5
    assert account.functions.longest < template.function_timeout


@pytest.mark.parametrize("answered_calls", range(6))
def test_the_function_has_time_for_its_last_step_although_calls_get_no_answer(
    template: DeployedTemplate, answered_calls: int
) -> None:
    account = Account(template, plans=iter([Plan(seconds=NEVER)]))
    step = Step(full_seconds=timeouts.LATEST_START - 30, response_faults=SLOW_RESPONSE, minutes=40)
    with account.connected():
        account.events.at(NOW + timeouts.DEADLINE, lambda _: unanswered(account, answered_calls))
        answer = deploy(account, 1, step)
    assert not answer.is_success
    assert account.functions.longest < template.function_timeout
