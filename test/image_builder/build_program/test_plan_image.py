"""The plan is kept under the digest of its image, and never fails a build."""

import hashlib
import json
from pathlib import Path

import pytest
from image_builder.build_program import plan_image

from test.image_builder.build_program.fake_host import IMAGE, REPOSITORY, FakeHost
from test.image_builder.build_program.test_plan import TYPICAL

CONFIG = "sha256:c0ffee"
MANIFEST = json.dumps({"config": {"digest": CONFIG}})
PLAN_URI = f"{REPOSITORY}:plan-{hashlib.sha256(MANIFEST.encode()).hexdigest()}"


@pytest.fixture
def pushed(local: FakeHost) -> FakeHost:
    """A build host after the push of an image."""
    local.rules = {"'docker buildx imagetools inspect --raw '*": f"printf %s '{MANIFEST}'"}
    local.install()
    local.context.mkdir(parents=True)
    write_metadata(local, {**TYPICAL, "containerimage.config.digest": CONFIG})
    return local


def write_metadata(host: FakeHost, document: object) -> None:
    (host.context.parent / "metadata.json").write_text(json.dumps(document))


def test_buildx_writes_all_that_it_has_solved(local: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    monkeypatch.setattr("os.environ", environment)
    (option,) = plan_image.metadata_options(local.settings)
    assert option == f"--metadata-file={local.context.parent}/metadata.json"
    assert environment == {"BUILDX_METADATA_PROVENANCE": "max"}


def test_the_plan_is_the_only_file_of_an_image_under_the_digest(pushed: FakeHost) -> None:
    plan_image.write(pushed.settings, 7)
    folder = pushed.context.parent / "plan"
    plan = json.loads((folder / "plan.json").read_text())
    assert (plan["builtAt"], plan["reads"]) == (7, ["/requirements.txt"])
    assert (folder / "Dockerfile").read_text() == "FROM scratch\nCOPY plan.json /\n"
    (build,) = pushed.docker("buildx", "build")
    assert f"--tag={PLAN_URI}" in build
    assert Path(build[-1]) == folder
    assert pushed.docker("push") == [["push", "--quiet", PLAN_URI]]


def test_an_image_of_another_build_gets_no_plan(pushed: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    write_metadata(pushed, {**TYPICAL, "containerimage.config.digest": "sha256:other"})
    plan_image.write(pushed.settings, 7)
    assert pushed.docker("push") == []
    assert "notice: changes of code will be built, not assembled: the image that was pushed is of" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "failing", ["'docker buildx imagetools '*", "'docker buildx build '*", "'docker push '*"]
)
def test_a_plan_that_cannot_be_kept_is_a_notice(
    failing: str, pushed: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed.rules = {failing: "echo no >&2; exit 1"} | pushed.rules
    pushed.install()
    plan_image.write(pushed.settings, 7)
    assert f"notice: the next change of {IMAGE} will be built, not assembled: " in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_metadata_that_cannot_be_read_is_a_notice(
    content: str | None, pushed: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pushed.context.parent / "metadata.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    plan_image.write(pushed.settings, 7)
    assert "will be built, not assembled: " in capsys.readouterr().out
    assert pushed.docker("push") == []
