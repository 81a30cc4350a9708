"""The build program against a real ``docker buildx build``: what arrives in the image, byte for byte."""

import io
import json
import os
import socket
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from image_builder.build_program import __main__ as program
from image_builder.build_program import entrypoint, image, layer_cache, parameters, process, settings, source
from image_builder.build_program.entrypoint import WrongArchitectureError
from image_builder.build_program.image import ImageRejectedError
from image_builder.build_program.process import CommandError
from image_builder.build_program.settings import Settings

from test.image_builder.build_program.entrypoints import ARM64, STARTS, X86_64, Start, write_image
from test.image_builder.build_program.fake_host import HOSTILE, IMAGE, PREVIOUS_TAG, TAG, FakeHost
from test.rehearsal import debian, engine
from test.rehearsal.docker_engine import Engine
from test.rehearsal.processes import free_port, spawn, stop, wait_until

NOTHING = "FROM scratch\nCOPY Dockerfile /\n"
ARGUMENT_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
MANIFESTS = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
]


@dataclass
class Docker:
    """A real engine, and a work folder as the phase before the build leaves it."""

    engine: Engine
    settings: Settings

    @property
    def context(self) -> Path:
        return self.settings.context

    def build(self, **options: object) -> None:
        """Run the build phase."""
        document = json.dumps({"file": "Dockerfile", **options})
        (self.settings.folder / "parameters.json").write_text(document)
        source.restore(parameters.parse(document), self.context)
        program.build(self.settings)

    def image(self) -> Any:
        """The engine's description of the image."""
        return json.loads(self.engine.run("image", "inspect", self.settings.image_uri))[0]


@dataclass(frozen=True)
class Registry:
    """A registry of this machine."""

    host: str

    def manifest(self, name: str, tag: str) -> tuple[str, bytes]:
        """The media type and the content of a manifest."""
        request = urllib.request.Request(
            f"http://{self.host}/v2/{name}/manifests/{tag}", headers={"Accept": ", ".join(MANIFESTS)}
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.headers["Content-Type"], response.read()


@pytest.fixture(scope="module")
def real_engine() -> Iterator[Engine]:
    if sentence := engine.missing():
        pytest.skip(sentence)
    with engine.engine() as running:
        yield running


@pytest.fixture(scope="module")
def registry(real_engine: Engine) -> Iterator[Registry]:
    if not debian.is_debian() or not real_engine.is_on_this_machine:
        pytest.skip("the registry is a Debian package that runs on the engine's machine")
    root = debian.unpacked("docker-registry", [f"docker-registry/{debian.SUITE}"])
    with tempfile.TemporaryDirectory() as folder:
        host, log = f"127.0.0.1:{free_port()}", Path(folder) / "log"
        configuration = Path(folder) / "registry.yml"
        configuration.write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "storage": {"filesystem": {"rootdirectory": f"{folder}/data"}},
                    "http": {"addr": host},
                }
            )
        )
        running = spawn(
            [str(root / "usr/bin/docker-registry"), "serve", str(configuration)], log, dict(os.environ)
        )
        try:
            wait_until(lambda: _listens(host), "docker-registry", running, log)
            yield Registry(host)
        finally:
            stop(running)


def _listens(host: str) -> bool:
    try:
        urllib.request.urlopen(f"http://{host}/v2/", timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def docker(real_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").symlink_to(real_engine.docker)
    for name, value in real_engine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    wanted = settings.read(FakeHost(tmp_path).environment)
    made = Docker(real_engine, replace(wanted, folder=tmp_path / "work"))
    made.context.mkdir(parents=True)
    yield made
    assert not (tmp_path / "canary").exists()
    real_engine.run("image", "rm", "--force", made.settings.image_uri, check=False)


def labels_of(docker: Docker, arguments: Mapping[str, str]) -> list[str]:
    """The labels of a Dockerfile that copies every build argument into one."""
    labels = "".join(f'ARG {name}\nLABEL {name}="${name}"\n' for name in arguments)
    (docker.context / "Dockerfile").write_text(NOTHING + labels)
    docker.build(buildArgs=arguments)
    details = docker.image()
    assert (details["Os"], details["Architecture"]) == ("linux", "arm64")
    return [details["Config"]["Labels"][name] for name in arguments]


def test_build_arguments_arrive_byte_for_byte(docker: Docker) -> None:
    arguments = {f"ARG_{n}": value for n, value in enumerate(HOSTILE.values())}
    assert labels_of(docker, arguments) == list(HOSTILE.values())


@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ARGUMENT_TEXTS, min_size=60, max_size=60))
def test_any_build_arguments_arrive_byte_for_byte(docker: Docker, values: list[str]) -> None:
    assert labels_of(docker, {f"ARG_{n}": value for n, value in enumerate(values)}) == values


@pytest.mark.parametrize(
    "file",
    ["-", "-f", "a b/Docker file", 'it\'s "$HOME" $(touch $CANARY)', "`touch $CANARY`;x", "näme", "a,b=c"],
)
def test_dockerfiles_of_any_name_are_found(file: str, docker: Docker) -> None:
    path = docker.context / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(NOTHING.replace("Dockerfile", "."))
    docker.build(file=file)
    assert docker.image()["Os"] == "linux"


@pytest.mark.parametrize("target", ["$(touch $CANARY)", "--push", "a b"])
def test_targets_are_passed_unchanged(
    target: str, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    (docker.context / "Dockerfile").write_text(NOTHING)
    with pytest.raises(CommandError):
        docker.build(target=target)
    assert f'target stage "{target}" could not be found' in capsys.readouterr().out


def test_build_contexts_are_passed_by_name(docker: Docker) -> None:
    other = docker.settings.folder / "other, =context"
    other.mkdir()
    (other / "file").write_text("x")
    (docker.context / "Dockerfile").write_text("FROM scratch\nCOPY --from=more file /\n")
    docker.build(buildContexts={"more": str(other)})
    assert docker.image()["RootFS"]["Layers"]


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_program_of_the_image_is_found_and_read(
    start: Start, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    write_image(docker.context, start, ARM64, X86_64)
    docker.build()
    entrypoint.check(IMAGE)
    assert f"{start.program}, which the image starts, is for arm64\n" in capsys.readouterr().out
    write_image(docker.context, start, X86_64, ARM64)
    docker.build()
    with pytest.raises(WrongArchitectureError) as caught:
        entrypoint.check(IMAGE)
    assert str(caught.value) == f"{start.program}, which the image starts, is for x86-64, not for arm64"
    assert not docker.engine.containers()


@pytest.mark.parametrize("instructions", ["", 'CMD ["/mounted/later"]', 'CMD ["/opt"]', 'CMD ["/dangling"]'])
def test_image_without_a_program_is_accepted(
    instructions: str, docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    (docker.context / "opt/x").mkdir(parents=True)
    (docker.context / "dangling").symlink_to("nothing")
    (docker.context / "Dockerfile").write_text(f"FROM scratch\nCOPY . /\n{instructions}\n")
    docker.build()
    image.check(docker.settings)
    assert (
        "notice: the program that the image starts, and its architecture, are known only at run time"
        in capsys.readouterr().out
    )


def test_context_holds_links_and_empty_directories(docker: Docker) -> None:
    (docker.context / "Dockerfile").write_text("FROM scratch\nCOPY . /context\n")
    (docker.context / "lib").mkdir()
    (docker.context / "lib/file").write_text("x")
    links = {"modules/lib": "../lib", "modules/file é": "../lib/file", "dangling": "no where"}
    docker.build(symbolicLinks=links, emptyDirectories=["tmp/a b"])
    container = docker.engine.run("create", "--platform=linux/arm64", IMAGE, "none")
    try:
        copied = subprocess.run(
            ["docker", "cp", f"{container}:/context", "-"], capture_output=True, check=True
        )
    finally:
        docker.engine.run("container", "rm", container)
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        entries = {entry.name.removeprefix("context/"): entry for entry in archive.getmembers()}
    assert {name: entry.linkname for name, entry in entries.items() if entry.issym()} == links
    assert entries["tmp/a b"].isdir()


def write_large(docker: Docker) -> None:
    """A Dockerfile of one layer that hardly compresses and one that does."""
    (docker.context / "Dockerfile").write_text("FROM scratch\nCOPY random /\nCOPY zeros /\n")
    (docker.context / "random").write_bytes(os.urandom(300_000))
    (docker.context / "zeros").write_bytes(bytes(3_000_000))


def test_image_over_the_limit_is_refused(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    write_large(docker)
    docker.build()
    monkeypatch.setattr(image, "SIZE_LIMIT", 400_000)
    image.check(docker.settings)
    monkeypatch.setattr(image, "SIZE_LIMIT", 250_000)
    with pytest.raises(ImageRejectedError, match="the limit of AgentCore Runtime"):
        image.check(docker.settings)


def test_image_for_another_platform_is_refused(docker: Docker) -> None:
    (docker.context / "Dockerfile").write_text(f"FROM --platform=linux/amd64 scratch\n{NOTHING[13:]}")
    docker.engine.run(
        "buildx",
        "build",
        "--platform=linux/amd64",
        "--provenance=false",
        f"--tag={IMAGE}",
        str(docker.context),
    )
    with pytest.raises(ImageRejectedError, match="the image is for linux/amd64, not for linux/arm64"):
        image.check(docker.settings)


def in_registry(docker: Docker, registry: Registry, name: str) -> Docker:
    """The same build for a repository of this machine."""
    return replace(docker, settings=replace(docker.settings, repository_uri=f"{registry.host}/{name}"))


def test_pushed_image_is_one_manifest_of_docker_media_types(docker: Docker, registry: Registry) -> None:
    local = in_registry(docker, registry, "agent")
    write_large(local)
    local.build()
    size = local.image()["Size"]
    image.push(local.settings)
    media_type, content = registry.manifest("agent", TAG)
    manifest = json.loads(content)
    assert media_type == manifest["mediaType"] == MANIFESTS[0]
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    layers = {layer["mediaType"] for layer in manifest["layers"]}
    assert layers == {"application/vnd.docker.image.rootfs.diff.tar.gzip"}
    blobs = manifest["config"]["size"] + sum(layer["size"] for layer in manifest["layers"])
    assert 0 <= size - blobs <= len(content)


def test_image_on_an_oci_base_has_docker_media_types(docker: Docker, registry: Registry) -> None:
    base = f"{registry.host}/base:oci"
    write_large(docker)
    output = f"--output=type=image,name={base},oci-mediatypes=true"
    docker.engine.run(
        "buildx", "build", "--platform=linux/arm64", "--provenance=false", output, str(docker.context)
    )
    docker.engine.run("push", base)
    assert registry.manifest("base", "oci")[0] == MANIFESTS[2]
    docker.engine.run("image", "rm", "--force", base)
    local = in_registry(docker, registry, "child")
    (local.context / "Dockerfile").write_text(f"FROM {base}\nCOPY Dockerfile /\n")
    local.build()
    image.push(local.settings)
    media_type, content = registry.manifest("child", TAG)
    assert media_type == MANIFESTS[0]
    assert "vnd.oci" not in content.decode()


def test_an_image_that_is_already_pushed_is_found(docker: Docker, registry: Registry) -> None:
    local = in_registry(docker, registry, "race")
    (local.context / "Dockerfile").write_text(NOTHING)
    local.build()
    assert not image._is_pushed(local.settings)
    image.push(local.settings)
    assert image._is_pushed(local.settings)


def test_layer_cache_is_written_and_read(
    docker: Docker, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    local = in_registry(docker, registry, "cached")
    write_large(local)
    local.build()
    layer_cache.write(local.settings, parameters.parse('{"file": "Dockerfile"}'), local.settings.requested_at)
    assert "wrote the layer cache in" in capsys.readouterr().out
    later = replace(local.settings, image_tag="2" * 64, previous_image_tag=TAG)
    if local.engine.private:
        local.engine.prune_build_cache()
    replace(local, settings=later).build()
    said = capsys.readouterr().out
    assert f"importing cache manifest from {registry.host}/cached:cache-{TAG}" in said
    assert "CACHED" in said
    local.engine.run("image", "rm", "--force", later.image_uri)


def test_a_missing_cache_does_not_fail_the_build(
    docker: Docker, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    local = in_registry(docker, registry, "uncached")
    (local.context / "Dockerfile").write_text(NOTHING)
    local = replace(local, settings=replace(local.settings, previous_image_tag=PREVIOUS_TAG))
    local.build()
    said = capsys.readouterr().out
    assert f"cache-{PREVIOUS_TAG}: not found" in said
    assert "repeating it without" not in said


def test_a_timeout_ends_a_build_that_hangs(docker: Docker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        base = f"127.0.0.1:{silent.getsockname()[1]}/base"
        (docker.context / "Dockerfile").write_text(f"FROM {base}\n")
        with pytest.raises(CommandError, match="docker buildx build did not end within 1 s"):
            process.stream(["docker", "buildx", "build", "--progress=plain", "."], docker.context, timeout=1)
