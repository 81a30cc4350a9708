"""The build context is restored as the directory was, and nothing is written outside of it."""

import json
import stat
import time
import zipfile
from pathlib import Path

import pytest
from image_builder.build_program import retry, source
from image_builder.build_program.parameters import Parameters
from image_builder.build_program.process import BuildError, CommandError
from image_builder.build_program.retry import PAUSE
from image_builder.validation import InvalidValueError

from test.image_builder.build_program.conftest import FakeTime
from test.image_builder.build_program.fake_host import HOSTILE, REQUESTED_AT, FakeHost, first_time

FORBIDDEN = "echo 'fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden' >&2"


def archive_of(tmp_path: Path, *entries: tuple[zipfile.ZipInfo, str]) -> Path:
    with zipfile.ZipFile(tmp_path / "source.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for info, text in entries:
            archive.writestr(info, text)
    return tmp_path / "source.zip"


def entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.external_attr = (stat.S_IFREG | mode) << 16
    return info


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "context"
    made.mkdir()
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    made = FakeTime(REQUESTED_AT)
    monkeypatch.setattr(retry, "time", made)
    return made


def test_fetches_and_restores_the_context(local: FakeHost) -> None:
    local.upload({"agent/server.py": "print()"}, symbolicLinks={"link": "agent"}, emptyDirectories=["tmp"])
    wanted = source.prepare(local.settings)
    assert wanted == Parameters(symbolic_links={"link": "agent"}, empty_directories=("tmp",))
    assert sorted(path.name for path in local.context.rglob("*")) == [
        "Dockerfile",
        "agent",
        "link",
        "server.py",
        "tmp",
    ]
    assert (local.context / "link/server.py").read_text() == "print()"
    assert source.read_parameters(local.settings) == wanted


def test_fetches_from_the_given_locations(local: FakeHost) -> None:
    local.upload()
    source.prepare(local.settings)
    assert [(words[2], words[4]) for words in local.aws("s3", "cp")] == [
        ("s3://assets/parameters.json", "--only-show-errors"),
        ("s3://assets/source.zip", "--only-show-errors"),
    ]


def test_context_contains_nothing_of_an_earlier_build(local: FakeHost) -> None:
    local.upload({"old": ""}, emptyDirectories=["empty"])
    source.prepare(local.settings)
    local.upload({"new": ""})
    source.prepare(local.settings)
    assert sorted(path.name for path in local.context.iterdir()) == ["Dockerfile", "new"]


def test_archive_is_not_kept(local: FakeHost) -> None:
    local.upload()
    source.prepare(local.settings)
    assert sorted(path.name for path in local.settings.folder.iterdir()) == ["context", "parameters.json"]


def test_denied_download_is_retried(local: FakeHost, clock: FakeTime) -> None:
    local.rules = {"'aws s3 cp '*": first_time(f"{FORBIDDEN}; exit 1", 'cp "$BUCKETS/${3#s3://}" "$4"')}
    local.install()
    local.upload()
    source.prepare(local.settings)
    assert clock.slept == [PAUSE]
    assert len(local.aws("s3", "cp")) == 3


def test_other_failure_of_the_download_is_not_retried(local: FakeHost, clock: FakeTime) -> None:
    local.rules = {"'aws s3 cp '*": "echo 'fatal error: (404) Key does not exist' >&2; exit 1"}
    local.install()
    with pytest.raises(CommandError, match=r"^aws s3 cp failed: fatal error: \(404\) Key does not exist"):
        source.prepare(local.settings)
    assert clock.slept == []
    assert len(local.aws("s3", "cp")) == 1


def test_rejects_parameters_that_are_malformed(local: FakeHost) -> None:
    local.upload(target=1)
    with pytest.raises(InvalidValueError, match="'target' must be a string, got 1"):
        source.prepare(local.settings)


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444])
def test_files_keep_their_modes(mode: int, tmp_path: Path, target: Path) -> None:
    source.unpack(archive_of(tmp_path, (entry("bin/run", mode), "#!/bin/sh\n")), target)
    assert stat.S_IMODE((target / "bin/run").stat().st_mode) == mode


def test_file_without_a_mode_is_readable(tmp_path: Path, target: Path) -> None:
    info = entry("file")
    info.external_attr = 1
    source.unpack(archive_of(tmp_path, (info, "")), target)
    assert stat.S_IMODE((target / "file").stat().st_mode) == 0o644


def test_set_user_id_bit_is_dropped(tmp_path: Path, target: Path) -> None:
    source.unpack(archive_of(tmp_path, (entry("file", 0o4755), "")), target)
    assert stat.S_IMODE((target / "file").stat().st_mode) == 0o755


def test_files_keep_their_times(tmp_path: Path, target: Path) -> None:
    archive = archive_of(
        tmp_path, (entry("old"), ""), (zipfile.ZipInfo("new", (2020, 2, 29, 23, 59, 58)), "")
    )
    source.unpack(archive, target)
    times = [time.localtime((target / name).stat().st_mtime)[:6] for name in ("old", "new")]
    assert times == [(1980, 1, 1, 0, 0, 0), (2020, 2, 29, 23, 59, 58)]


def test_directories_of_the_archive_are_made(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, (zipfile.ZipInfo("a/b/"), ""), (entry("a/b/file"), "x"))
    source.unpack(archive, target)
    assert (target / "a/b/file").read_text() == "x"


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "../context-outside"])
def test_rejects_a_path_outside_of_the_directory(name: str, tmp_path: Path, target: Path) -> None:
    with pytest.raises(BuildError, match=r"contains a path outside of the directory: .*outside"):
        source.unpack(archive_of(tmp_path, (entry(name), "")), target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["context", "source.zip"]


@pytest.mark.parametrize("name", [v for k, v in HOSTILE.items() if v and "/" not in v], ids=ascii)
def test_file_names_of_any_kind_are_kept(name: str, local: FakeHost) -> None:
    local.upload({f"folder/{name}": "x"})
    source.prepare(local.settings)
    assert [path.name for path in (local.context / "folder").iterdir()] == [name]
    assert not local.canary.exists()


def test_empty_directories_are_made(target: Path) -> None:
    (target / "existing").mkdir()
    names = ("existing", "-empty", "a b/c\nd", "x/$(touch $CANARY)")
    source.restore(Parameters(empty_directories=names), target)
    assert all((target / name).is_dir() for name in names)


def test_links_replace_what_the_archive_contains_in_their_place(target: Path) -> None:
    linked = target / "node_modules/lib"
    linked.mkdir(parents=True)
    (linked / "copied").touch()
    (target / "-file").write_text("copied")
    (target / "dangling").symlink_to("elsewhere")
    links = {
        "node_modules/lib": "../packages/lib",
        "-file": "-target $(touch $CANARY)",
        "new folder/lien é": "/absolute",
        "dangling": "nowhere",
    }
    source.restore(Parameters(symbolic_links=links), target)
    assert {path: str((target / path).readlink()) for path in links} == links


def test_linked_directory_keeps_its_content(target: Path) -> None:
    (target / "lib").mkdir()
    (target / "lib/file").touch()
    for _ in range(2):
        source.restore(Parameters(symbolic_links={"link": "lib"}), target)
    assert (target / "lib/file").exists()


def test_thousands_of_links_are_restored(local: FakeHost) -> None:
    links = {f"node_modules/.bin/tool-{number}": f"../tool/{number}" for number in range(5000)}
    local.upload(symbolicLinks=links)
    source.prepare(local.settings)
    found = {path.name: str(path.readlink()) for path in (local.context / "node_modules/.bin").iterdir()}
    assert found == {Path(path).name: destination for path, destination in links.items()}


def test_parameters_are_read_as_utf_8(local: FakeHost) -> None:
    local.upload()
    document = json.dumps({"file": "Dockerfile é"}, ensure_ascii=False)
    (local.root / "buckets/assets/parameters.json").write_text(document, encoding="utf-8")
    assert source.prepare(local.settings).file == "Dockerfile é"
