"""An image that AgentCore Runtime would reject is not pushed, and a lost race for the tag is harmless."""

import json
import tarfile
from typing import Any

import pytest
from image_builder.build_program import image, process, retry
from image_builder.build_program.image import SIZE_LIMIT, ImageRejectedError
from image_builder.build_program.process import CommandError
from image_builder.build_program.retry import PAUSE

from test.image_builder.build_program.conftest import FakeTime
from test.image_builder.build_program.entrypoints import X86_64, elf
from test.image_builder.build_program.fake_host import (
    CLASSIC,
    CONTAINERD,
    IMAGE,
    REQUESTED_AT,
    FakeHost,
    first_time,
    lost_race,
)

LOOK = ["buildx", "imagetools", "inspect", "--raw", IMAGE]
DENIAL = "denied: User is not authorized to perform: ecr:PutImage"
DENIED = f"echo '{DENIAL}'; exit 1"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime(REQUESTED_AT)
    monkeypatch.setattr(retry, "time", made)
    return made


def describe(machine: FakeHost, store: dict[str, str], **changes: Any) -> None:
    """Give the fake engine an image."""
    details = machine.root / "image.json"
    details.write_text(json.dumps([{"Os": "linux", "Architecture": "arm64", "Size": 1000, **changes}]))
    machine.rules = {**store, "'docker image inspect '*": f"cat {details}"}
    machine.install()


def test_accepts_an_image_for_arm64(local: FakeHost) -> None:
    describe(local, CONTAINERD)
    image.check(local.settings)
    assert local.docker("image") == [["image", "inspect", IMAGE]]
    assert local.docker("create") == [["create", "--pull=never", "--platform=linux/arm64", IMAGE]]


@pytest.mark.parametrize(
    ("system", "architecture"), [("linux", "amd64"), ("windows", "arm64"), ("linux", "arm")]
)
def test_rejects_an_image_for_another_platform(system: str, architecture: str, local: FakeHost) -> None:
    describe(local, CONTAINERD, Os=system, Architecture=architecture)
    message = f"^the image is for {system}/{architecture}, not for linux/arm64$"
    with pytest.raises(ImageRejectedError, match=message):
        image.check(local.settings)


def test_rejects_an_image_that_is_too_large(local: FakeHost) -> None:
    describe(local, CONTAINERD, Size=SIZE_LIMIT + 1)
    local.rules["'docker image save '*"] = saved(local, SIZE_LIMIT + 1)
    local.install()
    message = r"^the compressed size of the image exceeds 2 GB, the limit of AgentCore Runtime: use"
    with pytest.raises(ImageRejectedError, match=message):
        image.check(local.settings)


def test_accepts_an_image_whose_size_is_large_only_unpacked(
    local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(local, CONTAINERD, Size=10 * SIZE_LIMIT)
    local.rules["'docker image save '*"] = saved(local, 0)
    local.install()
    image.check(local.settings)
    assert "the compressed size of the image is 0.00 GB" in capsys.readouterr().out


def saved(machine: FakeHost, size: int) -> str:
    """A command that prints the beginning of an archive whose first layer claims this size."""
    entry = tarfile.TarInfo("blobs/sha256/layer")
    entry.size = size
    file = machine.root / "saved.tar"
    file.write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
    return f"cat {file}"


def test_accepts_an_image_of_the_largest_size(local: FakeHost) -> None:
    describe(local, CONTAINERD, Size=SIZE_LIMIT)
    image.check(local.settings)


def test_uncompressed_size_of_the_classic_store_is_ignored(local: FakeHost) -> None:
    describe(local, CLASSIC, Size=10 * SIZE_LIMIT)
    image.check(local.settings)


def test_rejects_an_image_whose_program_is_for_another_architecture(local: FakeHost) -> None:
    describe(local, CONTAINERD)
    (local.root / "agent").write_bytes(elf(X86_64))
    (local.root / "container.json").write_text('[{"Path": "/agent", "Config": {}}]')
    local.rules |= {
        "'docker create '*": "echo c0ffee",
        "'docker inspect '*": f"cat {local.root}/container.json",
        "'docker cp '*": f"tar -C {local.root} -c agent",
    }
    local.install()
    with pytest.raises(process.BuildError, match="/agent, which the image starts, is for x86-64"):
        image.check(local.settings)


def test_missing_image_has_a_clear_error(local: FakeHost) -> None:
    local.rules = {"'docker image inspect '*": "echo 'No such image' >&2; exit 1"}
    local.install()
    with pytest.raises(CommandError, match=r"^docker image inspect failed: No such image$"):
        image.check(local.settings)


def test_pushes_the_image_once(local: FakeHost) -> None:
    image.push(local.settings)
    assert local.docker() == [LOOK, ["push", IMAGE]]


def test_image_that_another_build_has_pushed_is_left_as_it_is(
    local: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    local.rules = {"'docker buildx imagetools '*": "exit 0"}
    local.install()
    image.push(local.settings)
    assert local.docker("push") == []
    assert "notice: another build of the same source has pushed the image" in capsys.readouterr().out


def test_lost_race_for_the_push_only_causes_a_notice(
    local: FakeHost, capsys: pytest.CaptureFixture[str], clock: FakeTime
) -> None:
    local.rules = lost_race("tag invalid: the tag is immutable")
    local.install()
    image.push(local.settings)
    assert local.docker() == [LOOK, ["push", IMAGE], LOOK]
    assert clock.slept == []
    assert "notice: another build of the same source has pushed the image" in capsys.readouterr().out


def test_failing_push_fails(local: FakeHost, clock: FakeTime) -> None:
    local.rules = {"'docker push '*": "echo no space left; exit 1"}
    local.install()
    with pytest.raises(CommandError, match=r"docker push .* failed with exit status 1"):
        image.push(local.settings)
    assert clock.slept == []


def test_denied_push_is_retried(local: FakeHost, clock: FakeTime) -> None:
    local.rules = {"'docker push '*": first_time(DENIED)}
    local.install()
    image.push(local.settings)
    assert local.docker("push") == [["push", IMAGE]] * 2
    assert clock.slept == [PAUSE]


def test_denied_push_is_not_retried_when_the_image_exists(local: FakeHost, clock: FakeTime) -> None:
    local.rules = lost_race(DENIAL)
    local.install()
    image.push(local.settings)
    assert local.docker("push") == [["push", IMAGE]]
    assert clock.slept == []
