"""The layer cache makes the next build faster and never fails one."""

from dataclasses import replace
from pathlib import Path

import pytest
from image_builder.build_program import layer_cache
from image_builder.build_program.parameters import Parameters
from image_builder.build_program.settings import Settings
from image_builder.timeouts import QUEUED_TOO_LONG

from test.image_builder.build_program.fake_host import (
    BASE,
    CACHE_FROM,
    CACHE_TO,
    PREVIOUS_TAG,
    REQUESTED_AT,
    FakeHost,
)

EXPORT = [*BASE, "--file=./Dockerfile", "--build-arg=A=1", "--output=type=cacheonly", CACHE_TO, "."]
PARAMETERS = Parameters(build_args={"A": "1"})


@pytest.fixture
def wanted(local: FakeHost) -> Settings:
    local.context.mkdir(parents=True)
    return local.settings


def test_reads_the_cache_of_the_previous_image(wanted: Settings) -> None:
    assert layer_cache.read_options(replace(wanted, previous_image_tag=PREVIOUS_TAG)) == [CACHE_FROM]


@pytest.mark.parametrize("changes", [{"layer_cache": False}, {"previous_image_tag": None}])
def test_reads_no_cache_when_there_is_none(changes: dict[str, bool | None], wanted: Settings) -> None:
    settings = replace(replace(wanted, previous_image_tag=PREVIOUS_TAG), **changes)  # type: ignore[arg-type]
    assert layer_cache.read_options(settings) == []


def test_writes_the_cache_of_the_same_build(
    wanted: Settings, local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    layer_cache.write(wanted, PARAMETERS, REQUESTED_AT + QUEUED_TOO_LONG)
    assert local.docker() == [EXPORT]
    assert [call.cwd for call in local.calls] == [Path(local.context).resolve()]
    assert "wrote the layer cache in" in capsys.readouterr().out


def test_failure_to_write_the_cache_only_causes_a_notice(
    wanted: Settings, local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    local.rules = {"*cache-to*": "echo the registry said no; exit 1"}
    local.install()
    layer_cache.write(wanted, PARAMETERS, REQUESTED_AT)
    assert capsys.readouterr().out == (
        "the registry said no\n"
        "notice: could not write the layer cache, so the next build is slower: docker buildx build failed"
        " with exit status 1\n"
    )


def test_cache_that_takes_too_long_only_causes_a_notice(
    wanted: Settings,
    local: FakeHost,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(layer_cache, "CACHE_EXPORT", 0.5)
    local.rules = {"*cache-to*": "exec sleep 60"}
    local.install()
    layer_cache.write(wanted, PARAMETERS, REQUESTED_AT)
    assert "notice: could not write the layer cache" in capsys.readouterr().out


def test_no_cache_is_written_while_others_wait_for_the_machine(
    wanted: Settings, local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    layer_cache.write(wanted, PARAMETERS, REQUESTED_AT + QUEUED_TOO_LONG + 1)
    assert local.docker() == []
    assert "notice: no layer cache is written" in capsys.readouterr().out
