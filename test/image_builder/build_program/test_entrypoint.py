"""The architecture of the program that an image starts comes from its header."""

import json
from pathlib import Path

import pytest
from image_builder.build_program import entrypoint
from image_builder.build_program.entrypoint import WrongArchitectureError

from test.image_builder.build_program.entrypoints import ARM64, X86_64, elf
from test.image_builder.build_program.fake_host import IMAGE, FakeHost

NOT_KNOWN = "notice: the program that the image starts, and its architecture, are known only at run time\n"
COPY = (
    'file="$ROOT${3#*:}"; [ -f "$file" ] || exit 1;'
    ' tar --transform="s|.*|program|" -P -h -c "$file" 2> /dev/null'
)


class Image:
    """An image in the fake engine."""

    def __init__(self, machine: FakeHost) -> None:
        self.machine = machine
        self.root = machine.root / "rootfs"
        self.starts("/app/agent")

    def starts(self, program: str, **config: object) -> None:
        """Say what the image starts."""
        self.root.mkdir(exist_ok=True)
        details = self.machine.root / "container.json"
        details.write_text(
            json.dumps([{"Path": program, "Config": {"Env": None, "WorkingDir": "", **config}}])
        )
        self.machine.rules = {
            "'docker create '*": "echo c0ffee",
            "'docker inspect '*": f"cat {details}",
            "'docker cp '*": COPY,
        }
        self.machine.install()

    def write(self, path: str, content: bytes) -> None:
        """Put a file into the image."""
        file = Path(f"{self.root}{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.fixture
def image(local: FakeHost, monkeypatch: pytest.MonkeyPatch) -> Image:
    made = Image(local)
    monkeypatch.setenv("ROOT", str(made.root))
    return made


def test_inspects_a_container_that_never_runs(image: Image) -> None:
    image.write("/app/agent", elf(ARM64))
    entrypoint.check(IMAGE)
    assert image.machine.docker() == [
        ["create", "--pull=never", "--platform=linux/arm64", IMAGE],
        ["inspect", "--type=container", "c0ffee"],
        ["cp", "--follow-link", "c0ffee:/app/agent", "-"],
        ["rm", "--force", "c0ffee"],
    ]


def test_accepts_a_program_for_arm64(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    image.write("/app/agent", elf(ARM64))
    entrypoint.check(IMAGE)
    assert capsys.readouterr().out == "/app/agent, which the image starts, is for arm64\n"


@pytest.mark.parametrize(
    ("code", "name"),
    [(X86_64, "x86-64"), (0x03, "x86"), (0x28, "arm32"), (0xF3, "machine 243"), (0, "machine 0")],
)
def test_rejects_a_program_for_another_architecture(code: int, name: str, image: Image) -> None:
    image.write("/app/agent", elf(code))
    message = f"^/app/agent, which the image starts, is for {name}, not for arm64$"
    with pytest.raises(WrongArchitectureError, match=message):
        entrypoint.check(IMAGE)
    assert image.machine.docker("rm") == [["rm", "--force", "c0ffee"]]


@pytest.mark.parametrize(
    ("program", "config", "expected"),
    [
        ("agent", {}, "/usr/local/bin/agent"),
        ("agent", {"Env": ["A=1", "PATH=/nowhere::/opt/"]}, "/opt/agent"),
        ("agent", {"Env": "not a list"}, "/usr/local/bin/agent"),
        ("./agent", {"WorkingDir": "/srv/"}, "/srv/./agent"),
        ("bin/agent", {}, "/bin/agent"),
        ("/a $(touch $CANARY) b", {}, "/a $(touch $CANARY) b"),
    ],
)
def test_finds_the_program_as_the_kernel_would(
    program: str, config: dict[str, object], expected: str, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    image.starts(program, **config)
    image.write(expected, elf(ARM64))
    entrypoint.check(IMAGE)
    assert capsys.readouterr().out == f"{expected}, which the image starts, is for arm64\n"
    assert not image.machine.canary.exists()


@pytest.mark.parametrize(
    "line", [b"#!/bin/sh\n", b"#! /bin/sh -eu\n", b"#!/bin/sh\r\n", b"#!\t/bin/sh", b"#!/bin/sh\n\xff\0"]
)
def test_reads_the_interpreter_of_a_script(line: bytes, image: Image) -> None:
    image.write("/app/agent", line)
    image.write("/bin/sh", elf(X86_64))
    with pytest.raises(WrongArchitectureError, match=r"^/bin/sh, which the image starts, is for x86-64"):
        entrypoint.check(IMAGE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"neither a program nor a script",
        b"#!",
        b"#! \n",
        b"#!/nowhere\n",
        b"#!\xff\n",
        b"\x7f",
        b"#!/app/agent\n",
    ],
)
def test_program_that_cannot_be_read_only_causes_a_notice(
    content: bytes, image: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write("/app/agent", content)
    entrypoint.check(IMAGE)
    assert capsys.readouterr().out == NOT_KNOWN


def test_only_the_beginning_of_a_program_is_read(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    image.write("/app/agent", elf(ARM64))
    with (image.root / "app/agent").open("ab") as file:
        file.truncate(200 * 1024**2)
    entrypoint.check(IMAGE)
    assert "is for arm64" in capsys.readouterr().out


@pytest.mark.parametrize("failing", ["create", "inspect", "cp", "rm"])
def test_failure_of_the_check_itself_does_not_fail_the_build(failing: str, image: Image) -> None:
    image.write("/app/agent", elf(ARM64))
    image.machine.rules[f"'docker {failing} '*"] = "exit 1"
    image.machine.install()
    entrypoint.check(IMAGE)
