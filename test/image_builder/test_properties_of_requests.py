"""Whatever AWS does: one answer to each request, one build, no unverified success, errors in sentences."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from image_builder import on_event
from image_builder.failure import LIMIT, weight

from test.image_builder.fakes import NOW, FakeClock, event
from test.image_builder.world import Answer, Fault, Plan, World, deploy

TEXT = st.text(st.characters(codec=None), max_size=300)
KINDS = (
    "arm64",
    "index",
    "amd64",
    "foreign index",
    "huge",
    "malformed",
    "nothing",
    "pushed arm64",
    "pushed amd64",
)
PLANS = st.builds(
    Plan,
    seconds=st.sampled_from([1, 60, 600, 1790, 2000, 10_000]),
    status=st.sampled_from(
        ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "FAILED", "FAULT", "STOPPED", "NEW_STATUS"]
    ),
    manifest=st.sampled_from(KINDS),
    log=st.lists(TEXT | TEXT.map(lambda text: text * 1000), max_size=5).map(tuple),
    reason=TEXT,
)
FAULTS = st.lists(st.sampled_from([Fault.NONE] * 4 + list(Fault)), max_size=60)


@dataclass
class Step:
    """A request, and what happens to the account around it."""

    name: str
    tag: str
    repeats: int
    delay: float
    denied_seconds: float
    full_seconds: float
    vanishing: str
    timeout: int


STEPS = st.lists(
    st.builds(
        Step,
        name=st.sampled_from(["create", "update", "update", "rollback", "delete"]),
        tag=st.sampled_from(["a", "b"]),
        repeats=st.sampled_from([0, 0, 0, 1, 2]),
        delay=st.sampled_from([0, 200, 400, 1500]),
        denied_seconds=st.sampled_from([0, 0, 0, 10, 110, 100_000]),
        full_seconds=st.sampled_from([0, 0, 0, 30, 580, 100_000]),
        vanishing=st.sampled_from(["nothing"] * 6 + ["tags", "builds", "repository"]),
        timeout=st.sampled_from([5, 30, 40]),
    ),
    min_size=1,
    max_size=5,
)


class VanishingClock(FakeClock):
    """Time in which something disappears while others wait."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.vanishing = "nothing"

    def now(self) -> float:
        if self.world and self.time > NOW + 100:
            if self.vanishing == "repository":
                self.world.repository = False
                self.world.tags.clear()
            if self.vanishing == "tags":
                self.world.tags.clear()
            if self.vanishing == "builds":
                self.world.builds.clear()
                self.world.tokens.clear()
            self.vanishing = "nothing"
        return super().now()


@contextmanager
def downloads(world: World) -> Iterator[None]:
    def urlopen(url: str, timeout: float) -> io.BytesIO:
        return world.download(url, timeout)

    with patch("image_builder.verify.urlopen", urlopen):
        yield


def request(number: int, step: Step) -> dict[str, Any]:
    raw = event(step.name, ImageTag=step.tag * 64, TimeoutInMinutes=str(step.timeout))
    return raw | {"RequestId": f"00000000-0000-4000-8000-{number:012d}"}


def check(world: World, asked: dict[str, Any], step: Step, answer: Answer) -> None:
    tag, token = asked["ResourceProperties"]["ImageTag"], asked["RequestId"]
    builds = [b for b in world.builds.values() if b.variables["REQUEST_ID"] == token]
    assert len(builds) <= 1
    if step.name == "delete":
        assert answer.error is None
        assert answer.data is None
    elif answer.error is None:
        assert answer.data is not None
        assert world.is_right(tag)
        assert answer.data["ImageDigest"] == world.tags[tag]
        assert answer.data["ImageTag"] == tag
    else:
        text = str(answer.error)
        assert weight(text) <= LIMIT
        assert not text.startswith("unexpected")
        assert len(text) > 40
        text.encode("utf-8")
        if answer.polls and not world.lost_stops and not step.denied_seconds:
            world.settle()
            assert not [b for b in builds if b in world.running()]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, plans=st.lists(PLANS, max_size=5), faults=FAULTS, no_builds_at_all=st.booleans())
@example([Step("create", "a", 0, 0, 0, 0, "nothing", 30)], [Plan(seconds=10_000)], [], False)
@example(
    [Step("create", "a", 2, 0, 0, 0, "nothing", 40)], [Plan(seconds=2_399)], [Fault.ERROR_AFTER] * 3, False
)
@example([Step("create", "a", 0, 0, 0, 595, "nothing", 40)], [Plan(seconds=2_399)], [], False)
def test_every_request_gets_one_true_answer_in_time(
    steps: list[Step], plans: list[Plan], faults: list[Fault], no_builds_at_all: bool
) -> None:
    clock = VanishingClock()
    world = World(clock, iter(faults), iter(plans), no_builds_at_all=no_builds_at_all and len(steps) == 1)
    clock.world = world
    with downloads(world):
        for number, step in enumerate(steps):
            now = clock.time
            world.denied_until, world.full_until = now + step.denied_seconds, now + step.full_seconds
            clock.vanishing, world.lost_stops = step.vanishing, 0
            asked = request(number, step)
            check(world, asked, step, deploy(world, asked, step.repeats, step.delay))
            world.repository = True


@settings(max_examples=40, deadline=None)
@given(
    first=st.sampled_from([Fault.ERROR_AFTER, Fault.SILENCE_AFTER]),
    others=st.lists(st.sampled_from(list(Fault)), max_size=20),
    repeats=st.integers(0, 3),
    late=st.sampled_from([0, 200, 301, 1500]),
    plan=PLANS,
)
def test_start_build_that_took_effect_is_found_again_however_often_and_late(
    first: Fault, others: list[Fault], repeats: int, late: float, plan: Plan
) -> None:
    world = World(faults=iter([Fault.NONE, Fault.NONE, first, *others]), plans=iter([plan]))
    step = Step("create", "a", repeats, 0, 0, 0, "nothing", 40)
    asked = request(1, step)
    with downloads(world):
        first_answer = deploy(world, asked, repeats, late)
        world.clock.time += late
        second_answer = deploy(world, asked)
    for answer in (first_answer, second_answer):
        check(world, asked, step, answer)
    assert len(world.builds) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_without_faults_only_right_images_succeed(kind: str) -> None:
    world = World(plans=iter([Plan(manifest=kind)]))
    step = Step("create", "a", 0, 0, 0, 0, "nothing", 30)
    with downloads(world):
        answer = deploy(world, request(1, step))
    check(world, request(1, step), step, answer)
    assert (answer.error is None) == (kind in ("arm64", "index", "pushed arm64"))


@pytest.mark.parametrize("minutes", [5, 30, 40])
def test_a_build_that_never_ends_is_ended_inside_the_hour(minutes: int) -> None:
    world = World(plans=iter([Plan(seconds=1e9)]), full_until=NOW + 590)
    step = Step("create", "a", 0, 0, 0, 0, "nothing", minutes)
    with downloads(world):
        answer = deploy(world, request(1, step))
    assert answer.error is not None
    assert "ran out of time" in str(answer.error)
    assert world.running() == []


def test_a_build_that_outlives_its_own_limits_is_stopped() -> None:
    world = World(plans=iter([Plan(seconds=1e9)]))
    step = Step("create", "a", 0, 0, 0, 0, "nothing", 30)
    with (
        downloads(world),
        patch("test.image_builder.world.Build.end", lambda b: (b.stopped or 1e12, "STOPPED")),
    ):
        answer = deploy(world, request(1, step))
        assert "did not end in time and is being stopped" in str(answer.error)
        assert world.running() == []
    assert world.clock.time - NOW < 38 * 60


def test_unchanged_content_and_rollback_and_delete_cost_one_build_for_each_content() -> None:
    world = World()
    tags = ["a", "b", "b", "a", "b"]
    with downloads(world):
        for number, tag in enumerate(tags):
            step = Step("update", tag, 1, 0, 0, 0, "nothing", 30)
            assert deploy(world, request(number, step), repeats=1).error is None
        deploy(world, request(9, Step("delete", "a", 0, 0, 0, 0, "nothing", 30)))
    assert [b.variables["IMAGE_TAG"][0] for b in world.builds.values()] == ["a", "b"]


def test_delete_stops_what_runs() -> None:
    world = World(plans=iter([Plan(seconds=1000)]))
    step = Step("create", "a", 0, 0, 0, 0, "nothing", 30)
    on_event.handle(request(1, step), world.aws, world.clock)
    assert len(world.running()) == 1
    deploy(world, request(2, Step("delete", "a", 0, 0, 0, 0, "nothing", 30)))
    world.clock.time += 1
    assert world.running() == []


def test_waiting_for_a_place_ends_before_lambda_does_even_if_every_call_is_slow() -> None:
    world = World(faults=repeat(Fault.SLOW), full_until=NOW + 1e6)
    answer = deploy(world, request(1, Step("create", "a", 0, 0, 0, 0, "nothing", 40)))
    assert "no build could start" in str(answer.error)
