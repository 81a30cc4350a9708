"""Whatever AWS does, each request gets one true response in time, one build, and clear errors.

Runs the function's code and the state machine of the synthesized template in a simulated account.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from image_builder import timeouts
from image_builder.errors import LIMIT
from image_builder.function.cloudformation import response
from image_builder.text import json_size

from test.image_builder.deployed_template import DeployedTemplate
from test.image_builder.fakes import NOW, PROJECT, event
from test.image_builder.simulated_aws import (
    FINE,
    THROTTLED,
    Account,
    Answer,
    Fate,
    Fault,
    Plan,
    hanging,
    killed,
)
from test.image_builder.states_language import EVENT_LIMIT

EVENTS_OF_A_STEP, EVENTS_OF_A_RETRY = 9, 3
TEXT = st.text(st.characters(codec=None), max_size=300)
RIGHT_KINDS = ("arm64", "index", "pushed arm64")
KINDS = (*RIGHT_KINDS, "amd64", "foreign index", "huge", "malformed", "nothing", "pushed amd64")
PLANS = st.builds(
    Plan,
    seconds=st.sampled_from([1, 60, 600, 1790, 2000, 10_000]),
    status=st.sampled_from(["SUCCEEDED"] * 3 + ["FAILED", "FAULT", "STOPPED", "NEW_STATUS"]),
    manifest=st.sampled_from(KINDS),
    export_seconds=st.sampled_from([0, 0, 20, 500]),
    log=st.lists(TEXT | TEXT.map(lambda text: text * 1000), max_size=5).map(tuple),
    reason=TEXT,
)
EXAMPLES = settings().max_examples
FAULTS = st.lists(st.sampled_from([Fault.NONE] * 4 + list(Fault)), max_size=60)


def mostly(usual: Any, others: list[Any], most: int) -> st.SearchStrategy[list[Any]]:
    """Lists of the usual value with a limited number of others in between."""
    gaps = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(others)), max_size=most)
    return gaps.map(lambda gaps: [value for gap, other in gaps for value in [usual] * gap + [other]])


@dataclass
class Step:
    """A request, and what happens to the account around it."""

    name: str = "create"
    tag: str = "a"
    deliveries: tuple[float, ...] = (0,)
    request_fates: tuple[Fate, ...] = ()
    step_fates: tuple[Fate, ...] = ()
    response_faults: tuple[Fault, ...] = ()
    denied_seconds: float = 0
    denied_to_builds_seconds: float = 0
    full_seconds: float = 0
    slots: int = 60
    vanishing: str = "nothing"
    minutes: int = 30


STEPS = st.lists(
    st.builds(
        Step,
        name=st.sampled_from(["create", "update", "update", "rollback", "delete"]),
        tag=st.sampled_from(["a", "b"]),
        deliveries=st.sampled_from([(0,), (0,), (30,), (0, 0), (0, 200), (0, 40, 400), (0, 1500)]),
        request_fates=mostly(FINE, [killed(0), killed(2), killed(99), THROTTLED], 2).map(tuple),
        step_fates=st.tuples(
            mostly(FINE, [killed(0), killed(1), killed(3), killed(99), THROTTLED], 5),
            st.sampled_from([[], [], [hanging(0)], [hanging(2)]]),
        ).map(lambda fates: tuple(fates[0] + fates[1])),
        response_faults=mostly(Fault.NONE, list(Fault), 4).map(tuple),
        denied_seconds=st.sampled_from([0, 0, 0, 10, 110, 100_000]),
        denied_to_builds_seconds=st.sampled_from([0, 0, 0, 20, 100_000]),
        full_seconds=st.sampled_from([0, 0, 0, 30, 2900, 100_000]),
        slots=st.sampled_from([60, 60, 1]),
        vanishing=st.sampled_from(["nothing"] * 6 + ["tags", "builds", "repository"]),
        minutes=st.sampled_from([5, 30, 40]),
    ),
    min_size=1,
    max_size=5,
)


def request(number: int, step: Step, project: str = PROJECT) -> dict[str, Any]:
    """A request for the image of a step."""
    uri = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{project}"
    properties = {"ProjectName": project, "RepositoryName": project, "RepositoryUri": uri}
    raw = event(step.name, ImageTag=step.tag * 64, **properties)
    return raw | {"RequestId": f"00000000-0000-4000-8000-{number:012d}"}


def deploy(account: Account, number: int, step: Step) -> Answer:
    """The answer to the request of a step, around which the account changes."""
    now, codebuild = account.clock.time, account.codebuild
    account.denied_until = now + step.denied_seconds
    account.denied_to_builds_until = now + step.denied_to_builds_seconds
    account.full_until, account.slots = now + step.full_seconds, step.slots
    account.request_fates, account.step_fates = iter(step.request_fates), iter(step.step_fates)
    account.response_faults = iter(step.response_faults)
    account.ecr.exists, codebuild.minutes = True, step.minutes
    account.events.at(now + 100, lambda _: vanish(account, step.vanishing))
    (answer,) = account.cloudformation.deploy(request(number, step), deliveries=step.deliveries)
    assert answer is not None
    return answer


def vanish(account: Account, what: str) -> None:
    """Someone deletes something."""
    if what == "builds":
        account.codebuild.vanish()
    if what in ("tags", "repository"):
        account.ecr.tags.clear()
    if what == "repository":
        account.ecr.exists = False


def check(account: Account, asked: dict[str, Any], step: Step, answer: Answer) -> None:
    """The answer came in time and is true, and no more was built than necessary."""
    assert answer.seconds <= account.template.service_timeout
    project, tag = asked["ResourceProperties"]["ProjectName"], asked["ResourceProperties"]["ImageTag"]
    builds = account.codebuild.of_request(asked["RequestId"])
    assert len(builds) <= 2
    if len(builds) == 2:
        assert builds[0].variables["REQUEST_ID"] != builds[1].variables["REQUEST_ID"]
        assert builds[0].failing_phase == "PROVISIONING"
    if step.name == "delete":
        assert answer.data == {}
        assert not account.codebuild.has_answered or not account.codebuild.running()
    elif answer.is_success:
        assert answer.data["ImageTag"] == tag
        assert account.ecr.has_been_right(project, tag, answer.data["ImageDigest"])
    else:
        assert json_size(answer.reason) <= LIMIT
        assert not answer.reason.startswith("unexpected")
        assert len(answer.reason) > 40
        answer.reason.encode("utf-8")
        account.run(lambda: not executions_run(account), account.clock.time + 60)
        if account.codebuild.has_answered:
            assert not [b for b in builds if b.ended is None]


def executions_run(account: Account) -> bool:
    """Whether an execution has steps left, such as one that was killed before it had cleaned up."""
    return any(execution.status == "RUNNING" for execution in account.stepfunctions.executions.values())


def check_executions(account: Account) -> None:
    """No execution has ended without an answer."""
    for execution in account.stepfunctions.executions.values():
        assert execution.status in ("RUNNING", "SUCCEEDED"), execution.error
        assert execution.event_count < EVENT_LIMIT


@settings(max_examples=EXAMPLES * 3 // 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    steps=STEPS,
    plans=st.lists(PLANS, max_size=5),
    faults=FAULTS,
    no_builds_at_all=st.booleans(),
    seed=st.integers(0, 2**32),
)
@example(
    [Step(step_fates=(FINE, FINE, killed(3)), full_seconds=30)],
    [Plan(seconds=1, manifest="foreign index", export_seconds=20)],
    [Fault.SLOW, Fault.SLOW],
    False,
    0,
)
@example([Step()], [Plan(seconds=10_000)], [], False, 0)
@example([Step(deliveries=(0, 0, 0), minutes=40)], [Plan(seconds=2399)], [Fault.ERROR_AFTER] * 3, False, 0)
@example([Step(full_seconds=2900, minutes=40)], [Plan(seconds=2399)], [], False, 0)
@example([Step(denied_to_builds_seconds=20)], [], [], False, 0)
def test_every_request_gets_one_true_response_in_time(
    template: DeployedTemplate,
    steps: list[Step],
    plans: list[Plan],
    faults: list[Fault],
    no_builds_at_all: bool,
    seed: int,
) -> None:
    account = Account(template, faults=iter(faults), plans=iter(plans), random=Random(seed))
    if no_builds_at_all and len(steps) == 1:
        steps[0].slots = 0
    with account.connected():
        for number, step in enumerate(steps):
            check(account, request(number, step), step, deploy(account, number, step))
        account.run(lambda: False, account.clock.time + 2 * template.service_timeout)
    check_executions(account)


@settings(max_examples=EXAMPLES * 2 // 5, deadline=None)
@given(
    first=st.sampled_from([Fault.ERROR_AFTER, Fault.SILENCE_AFTER]),
    others=st.lists(st.sampled_from(list(Fault)), max_size=20),
    repeats=st.integers(0, 3),
    late=st.sampled_from([0, 200, 301, 1500]),
    plan=PLANS,
)
@example(Fault.ERROR_AFTER, [Fault.SILENCE_BEFORE] * 11, 0, 0, Plan(seconds=2000))
def test_a_start_that_took_effect_is_found_again_however_often_and_late(
    template: DeployedTemplate, first: Fault, others: list[Fault], repeats: int, late: float, plan: Plan
) -> None:
    account = Account(template, plans=iter([plan]))
    start_build = account.codebuild.start_build

    def first_answer_is_lost(**asked: Any) -> Any:
        if not account.codebuild.starts:
            account.faults = chain([first], others)
        return start_build(**asked)

    step = Step(deliveries=tuple(n * late for n in range(repeats + 1)), minutes=40)
    with account.connected(), patch.object(account.codebuild, "start_build", first_answer_is_lost):
        answer = deploy(account, 1, step)
        check(account, request(1, step), step, answer)
        account.run(lambda: False, account.clock.time + template.service_timeout)
    assert len(account.codebuild.builds) == 1
    check_executions(account)


@pytest.mark.parametrize("kind", KINDS)
def test_without_faults_only_right_images_succeed(template: DeployedTemplate, kind: str) -> None:
    account = Account(template, plans=iter([Plan(manifest=kind)]))
    with account.connected():
        answer = deploy(account, 1, Step())
    check(account, request(1, Step()), Step(), answer)
    assert answer.is_success == (kind in RIGHT_KINDS)


@pytest.mark.parametrize("minutes", [5, 30, 40])
def test_a_build_that_never_ends_is_ended_inside_the_hour(template: DeployedTemplate, minutes: int) -> None:
    account = Account(template, plans=iter([Plan(seconds=1e9)]))
    step = Step(minutes=minutes, full_seconds=590)
    with account.connected():
        answer = deploy(account, 1, step)
    assert "timed out (TIMED_OUT in phase BUILD)" in answer.reason
    assert account.codebuild.running() == []


@pytest.mark.parametrize("fates", [[], [killed(0)] * 3, [killed(2)] * 3, [hanging(1)], [THROTTLED] * 5])
def test_a_build_that_started_as_late_as_it_may_is_stopped_at_the_deadline(
    template: DeployedTemplate, fates: list[Fate]
) -> None:
    account = Account(template, plans=iter([Plan(seconds=1e9)]))
    step = Step(minutes=40, full_seconds=timeouts.LATEST_START - 30)
    with account.connected():
        account.events.at(NOW + timeouts.DEADLINE - 5, lambda _: setattr(account, "step_fates", iter(fates)))
        answer = deploy(account, 1, step)
        check(account, request(1, step), step, answer)
    assert "did not finish in time (IN_PROGRESS in phase BUILD)" in answer.reason
    assert answer.seconds >= timeouts.DEADLINE
    assert account.codebuild.running() == []


def test_the_same_content_a_rollback_and_a_delete_cost_one_build_for_each_content(
    template: DeployedTemplate,
) -> None:
    account = Account(template)
    with account.connected():
        for number, tag in enumerate(["a", "b", "b", "a", "b"]):
            step = Step("update", tag, deliveries=(0, 0, 30))
            assert deploy(account, number, step).is_success
        deploy(account, 9, Step("delete"))
        account.run(lambda: False, account.clock.time + template.service_timeout)
    assert [b.variables["IMAGE_TAG"][0] for b in account.codebuild.builds.values()] == ["a", "b"]
    check_executions(account)


def test_the_deployment_waits_for_the_image_and_not_for_the_cache(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(seconds=60, export_seconds=300)]))
    with account.connected():
        answer = deploy(account, 1, Step())
    assert answer.is_success
    assert 60 < answer.seconds < 60 + 10
    assert len(account.codebuild.running()) == 1


@pytest.mark.parametrize(
    ("delay", "words"), [(timeouts.FAILURE_IN_LOG - 10, "make: *** No rule"), (600, "exit status 2")]
)
def test_a_failure_waits_for_a_log_that_is_late(template: DeployedTemplate, delay: float, words: str) -> None:
    failing = Plan(status="FAILED", log=("make: *** No rule",), log_delay=delay, reason="exit status 2")
    account = Account(template, plans=iter([failing]))
    with account.connected():
        answer = deploy(account, 1, Step())
    assert words in answer.reason
    assert answer.seconds < failing.seconds + timeouts.FAILURE_IN_LOG + 20


def test_a_build_that_died_for_lack_of_a_permission_is_started_once_more(template: DeployedTemplate) -> None:
    account = Account(template)
    with account.connected():
        answer = deploy(account, 1, Step(denied_to_builds_seconds=20))
    assert answer.is_success
    assert [b.status for b in account.codebuild.builds.values()] == ["FAILED", "SUCCEEDED"]


def test_a_build_whose_role_lacks_a_permission_for_good_is_started_twice(template: DeployedTemplate) -> None:
    account = Account(template)
    with account.connected():
        answer = deploy(account, 1, Step(denied_to_builds_seconds=1e9))
    assert (
        "IAM was still propagating the permissions of the build's new role, or a permissions boundary"
        in answer.reason
    )
    assert [b.status for b in account.codebuild.builds.values()] == ["FAILED", "FAILED"]


def test_delete_stops_what_runs(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(seconds=1000)]))
    with account.connected():
        account.cloudformation.send(request(1, Step()))
        account.run(lambda: len(account.codebuild.running()) == 1, NOW + 60)
        assert len(account.codebuild.running()) == 1
        assert deploy(account, 2, Step("delete")).is_success
        assert account.codebuild.running() == []
        account.run(lambda: False, account.clock.time + template.service_timeout)
    assert len(account.codebuild.builds) == 1
    check_executions(account)


def test_a_rejected_image_stops_its_build(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(manifest="amd64", export_seconds=300)]))
    with account.connected():
        answer = deploy(account, 1, Step())
    assert "is for linux/amd64, not for linux/arm64" in answer.reason
    assert account.codebuild.running() == []


@pytest.mark.parametrize("plan", [Plan(manifest="amd64", export_seconds=300), Plan(seconds=1e9)])
def test_a_failure_whose_answer_was_lost_is_answered_with_the_same_cause(
    template: DeployedTemplate, plan: Plan
) -> None:
    answers = []
    for faults in ((), (Fault.SILENCE_BEFORE,) * response.TRIES):
        account = Account(template, plans=iter([plan]))
        with account.connected():
            answers.append(deploy(account, 1, Step(minutes=40, response_faults=faults)))
        assert account.codebuild.running() == []
    assert answers[0].reason == answers[1].reason
    assert "STOPPED" not in answers[0].reason


def test_the_deployment_after_a_rejected_image_builds_again(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(manifest="amd64", export_seconds=300), Plan()]))
    with account.connected():
        assert not deploy(account, 1, Step()).is_success
        assert deploy(account, 2, Step()).is_success


def test_delete_stops_the_other_builds_when_one_cannot_be_stopped(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(export_seconds=1000), Plan(export_seconds=1000)]))
    with account.connected():
        for number, tag in enumerate(["a", "b"]):
            assert deploy(account, number, Step("update", tag)).is_success
        account.faults = iter([Fault.NONE, Fault.NONE, Fault.THROTTLED])
        deploy(account, 2, Step("delete"))
    assert len(account.codebuild.running()) == 1


@pytest.mark.parametrize("lost", [Fault.ERROR_AFTER, Fault.SILENCE_AFTER])
@pytest.mark.parametrize("fates", [[killed(0)] * 4, [hanging(0)] * 4])
def test_a_failure_stops_a_build_whose_start_got_no_response(
    template: DeployedTemplate, lost: Fault, fates: list[Fate]
) -> None:
    account = Account(template, plans=iter([Plan(seconds=1e9)]))
    start_build = account.codebuild.start_build

    def answer_is_lost(**asked: Any) -> Any:
        account.faults = iter([lost])
        return start_build(**asked)

    step = Step(step_fates=(FINE, *fates), minutes=40)
    with account.connected(), patch.object(account.codebuild, "start_build", answer_is_lost):
        answer = deploy(account, 1, step)
        check(account, request(1, step), step, answer)
    assert "the function that waits for the build failed" in answer.reason
    assert [b.status for b in account.codebuild.builds.values()] == ["STOPPED"]


def test_a_failure_does_not_stop_the_builds_of_other_requests(template: DeployedTemplate) -> None:
    plans = [Plan(export_seconds=3000), Plan(manifest="amd64", export_seconds=300)]
    account = Account(template, plans=iter(plans))
    with account.connected():
        assert deploy(account, 1, Step(tag="a", minutes=60)).is_success
        assert not deploy(account, 2, Step("update", tag="b")).is_success
    assert [b.status for b in account.codebuild.builds.values()] == ["IN_PROGRESS", "STOPPED"]


def test_an_adopted_build_is_left_alone_at_the_deadline(template: DeployedTemplate) -> None:
    account = Account(template, plans=iter([Plan(seconds=1e9)]))
    account.codebuild.minutes = 120
    with account.connected():
        account.cloudformation.send(request(1, Step()))
        account.run(lambda: len(account.codebuild.running()) == 1, NOW + 60)
        (adopted,) = account.codebuild.running()
        adopted.variables["REQUEST_ID"] = "another request"
        account.run(lambda: bool(account.cloudformation.answers), NOW + template.service_timeout)
    (answer,) = account.cloudformation.answers.values()
    assert "(IN_PROGRESS in phase BUILD)" in answer.reason
    assert answer.seconds >= timeouts.DEADLINE
    assert account.codebuild.running() == [adopted]


@pytest.mark.parametrize("name", ["create", "delete"])
def test_an_answer_is_delivered_although_s3_is_unreachable_for_two_minutes(
    template: DeployedTemplate, name: str
) -> None:
    account = Account(template)
    with account.connected():
        faults = (Fault.SILENCE_BEFORE,) * 2 * response.TRIES
        answer = deploy(account, 1, Step(name, response_faults=faults))
    assert answer.is_success
    assert answer.seconds > 2 * 60
    check_executions(account)


def test_a_function_that_keeps_failing_is_answered_by_the_state_machine(template: DeployedTemplate) -> None:
    account = Account(template)
    with account.connected():
        answer = deploy(account, 1, Step(step_fates=(FINE, FINE, *[killed(0)] * 4)))
    assert "the function that waits for the build failed: Lambda.Unknown" in answer.reason
    assert account.codebuild.running() == []
    check_executions(account)


def test_an_old_version_of_the_progress_is_answered_in_the_middle_of_an_execution(
    template: DeployedTemplate,
) -> None:
    account = Account(template, plans=iter([Plan(seconds=100)]))
    invoke = account.functions.invoke

    def older(event: dict[str, Any], fates: Iterator[Fate]) -> Any:
        result = invoke(event, fates)
        is_early = account.clock.time < NOW + 50 and isinstance(result, dict)
        names = ("build_id", "responded", "wait_seconds")
        return {name: result[name] for name in names} | {"polls": 3} if is_early else result

    with account.connected(), patch.object(account.functions, "invoke", older):
        answer = deploy(account, 1, Step())
    assert answer.is_success
    assert len(account.codebuild.builds) == 1
    check_executions(account)


def deploy_ten(account: Account) -> list[Answer]:
    """The answers for ten images at once in an account that runs one build at a time."""
    account.slots = 1
    requests = [request(n, Step(), f"{PROJECT}{n}") for n in range(10)]
    with account.connected():
        answers = [answer for answer in account.cloudformation.deploy(*requests) if answer is not None]
    for asked, answer in zip(requests, answers, strict=True):
        check(account, asked, Step(), answer)
    check_executions(account)
    return answers


@settings(max_examples=EXAMPLES // 10, deadline=None)
@given(st.lists(st.integers(60, 240), min_size=10, max_size=10), st.integers(0, 2**32))
@example([240] * 10, 0)
def test_ten_images_succeed_in_an_account_that_runs_one_build_at_a_time(
    template: DeployedTemplate, seconds: list[int], seed: int
) -> None:
    account = Account(template, plans=iter([Plan(seconds=s) for s in seconds]), random=Random(seed))
    assert all(answer.is_success for answer in deploy_ten(account))
    assert len(account.codebuild.builds) == 10


@settings(max_examples=EXAMPLES // 20, deadline=None)
@given(st.integers(0, 2**32))
def test_images_that_do_not_fit_into_the_hour_fail_before_it_ends(
    template: DeployedTemplate, seed: int
) -> None:
    account = Account(template, plans=repeat(Plan(seconds=600)), random=Random(seed))
    answers = deploy_ten(account)
    assert sum(answer.is_success for answer in answers) == 5
    for answer in answers:
        if not answer.is_success:
            assert "use all the capacity of this account" in answer.reason
            assert "Service Quotas" in answer.reason
    assert account.codebuild.running() == []


class ShortestDelays(Random):
    """Draws the shortest delay that the jitter of a retry allows."""

    def uniform(self, a: float, _b: float) -> float:
        return a


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_the_longest_execution_stays_below_the_limit_of_events(
    template: DeployedTemplate, failures: int
) -> None:
    """Even if every step fails so often first, and every retry follows at once."""
    fates = chain.from_iterable(repeat([*[THROTTLED] * failures, FINE]))
    plans = iter([Plan(seconds=1e9)])
    account = Account(template, plans=plans, step_fates=fates, random=ShortestDelays())
    account.codebuild.minutes = 60
    with account.connected():
        (answer,) = account.cloudformation.deploy(request(1, Step()))
    assert answer is not None
    assert "did not finish in time" in answer.reason
    assert answer.seconds >= timeouts.DEADLINE
    (execution,) = account.stepfunctions.executions.values()
    polls = timeouts.DEADLINE / timeouts.IMAGE_POLL + 1
    assert execution.event_count <= polls * (EVENTS_OF_A_STEP + EVENTS_OF_A_RETRY * failures) < EVENT_LIMIT
