"""What the generated commands make docker do, run in real bash."""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from image_builder import properties
from image_builder.buildspec import buildspec
from image_builder.checks import InvalidPropertyError
from image_builder.layer_cache import BUILDER, BUILDKIT_IMAGE
from image_builder.place import Place
from image_builder.words import word

from test.image_builder.fakes import OLD_TAG, TAG, URI, event
from test.image_builder.shell import MODES, Machine, Mode

IMAGE = f"{URI}:{TAG}"
HOST = URI.split("/")[0]
TOKEN = "8f6b1c0e-5f0f-4d38-9f7a-2f4f0f6f9c11"
EUROPE = Place(region="eu-west-1", partition="aws")
CONTAINERD = {"docker?info*": """echo '[["driver-type","io.containerd.snapshotter.v1"]]'"""}
NO_CONTAINERD = {"docker?info*": """echo '[["Backing Filesystem","extfs"]]'"""}
BASE = [
    "buildx",
    "build",
    "--progress=plain",
    "--platform=linux/arm64",
    "--provenance=false",
    "--sbom=false",
    "--file=./Dockerfile",
]
OUTPUT = [f"--tag={IMAGE}", "--output=type=docker"]
CREATE = ["create", "--pull=never", "--platform=linux/arm64", IMAGE]
CACHE_FROM = f"--cache-from=type=registry,ref={URI}:cache-{OLD_TAG}"
CACHE_TO = f"--cache-to=type=registry,ref={URI}:cache-{TAG},mode=max,image-manifest=true,oci-mediatypes=true"

HOSTILE = {
    "spaces": "a b  c",
    "double quotes": 'say "hi"',
    "single quotes": "it's 'quoted'",
    "both quotes": """'"'"'""",
    "a variable": "$HOME ${PATH}",
    "a substitution": "$(touch $CANARY)",
    "backticks": "`touch $CANARY`",
    "a semicolon": "x; touch $CANARY",
    "an ampersand": "x && touch $CANARY & touch $CANARY",
    "a pipe": "x | touch $CANARY",
    "a redirection": "x > $CANARY < /etc/passwd",
    "a newline": "one\ntwo\n\nthree",
    "a newline and a command": "one\ntouch $CANARY\n",
    "carriage returns": "one\r\ntwo\r",
    "tabs": "\ta\tb\t",
    "backslashes": "\\ \\\\ \\n \\x41 \\' a\\",
    "trailing blanks": "value   ",
    "leading blanks": "   value",
    "json": '{"key": ["value", 1, null, "$(id)", "\\n"]}',
    "pem": "-----BEGIN CERTIFICATE-----\nMIIB+jCCAWOgAwIBAgI=\n-----END CERTIFICATE-----\n",
    "non-ascii": "na\u00efve caf\u00e9 \u2013 \u65e5\u672c\u8a9e",
    "beyond the basic plane": "\U0001f9be \U0001d518\U0001d52b\U0010ffff",
    "line separators": "a\u0085b\u2028c\u2029d",
    "a byte order mark": "\ufeffx",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
    "a hexadecimal digit after an escape": "éa é1 \x01f",
    "empty": "",
    "a leading dash": "-x",
    "leading dashes": "--push",
    "a dash": "-",
    "two dashes": "--",
    "globs": "* ? [a-z] {a,b} ~ ~root",
    "history": "!! !x ^a^b",
    "a comment": "# x",
    "a percent": "%s %d %%",
    "equals": "a=b=c",
    "a comma": "a,b",
    "yaml": "- a: &b *c | > ! % @ `",
    "a colon": "key: value #x",
    "a heredoc": "<<EOF\nx\nEOF",
    "ansi quoting": "$'\\x41' $\"x\"",
    "brackets": "[[ 1 ]] (( 1 )) { x; }",
}

Run = Callable[..., Any]


def document(
    *, name: str = "create", place: Place = EUROPE, previous: str | None = None, **changes: object
) -> str:
    """The buildspec of a request, with some properties changed; those of docker in lower case."""
    docker = {"file": "Dockerfile", **{k: changes.pop(k) for k in list(changes) if k[0].islower()}}
    wanted = properties.parse(event(name, DockerBuild=json.dumps(docker), **changes))
    return buildspec(wanted, TOKEN, previous, place)


def uncached(**changes: object) -> str:
    return document(LayerCache="false", **changes)  # type: ignore[arg-type]


def elf(machine: int) -> bytes:
    """The beginning of a little-endian ELF program for a machine."""
    return struct.pack("<4sBBBB8xHHI", b"\x7fELF", 2, 1, 1, 0, 2, machine, 1)


def starting(machine: Machine, program: bytes) -> None:
    """The image that docker builds starts this program."""
    (machine.root / "agent").write_bytes(program)
    machine.rules = {
        "docker?create*": "echo c0ffee",
        "docker?inspect*.Path*": "echo /app/agent",
        "docker?cp*": f"tar -C {machine.root} -c agent",
    }


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_builds_for_linux_arm64_and_pushes(mode: Mode, machine: Machine) -> None:
    result = machine.run(uncached(), mode)
    assert result.failed_phase is None
    assert [call for call in result.docker() if call[0] != "login"] == [
        [*BASE, *OUTPUT, "."],
        CREATE,
        ["push", IMAGE],
    ]


@pytest.mark.parametrize("mode", MODES)
def test_with_a_layer_cache_the_image_is_pushed_before_the_cache(mode: Mode, machine: Machine) -> None:
    machine.rules = CONTAINERD
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase is None
    assert [call for call in result.docker() if call[0] != "login"] == [
        ["info", "--format", "{{json .DriverStatus}}"],
        ["buildx", "imagetools", "inspect", "--raw", f"{URI}:cache-{OLD_TAG}"],
        [*BASE, *OUTPUT, CACHE_FROM, "."],
        CREATE,
        ["push", IMAGE],
        [*BASE, "--output=type=cacheonly", CACHE_TO, "."],
    ]


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_build_argument_reaches_docker_as_it_is(value: str, machine: Machine) -> None:
    result = machine.run(uncached(buildArgs={"VALUE": value, "OTHER": "1"}))
    assert result.docker("buildx", "build") == [
        [*BASE, f"--build-arg=VALUE={value}", "--build-arg=OTHER=1", *OUTPUT, "."]
    ]
    assert not (machine.root / "canary").exists()


@pytest.mark.parametrize(
    "value", [v for v in HOSTILE.values() if v], ids=[k for k, v in HOSTILE.items() if v]
)
def test_hostile_names_reach_docker_as_they_are(value: str, machine: Machine) -> None:
    name, file = value.replace("=", ""), re.sub(r"[\x00-\x1f\x7f]", "", value)
    result = machine.run(
        uncached(
            file=f"docker/{file}",
            target=value,
            buildArgs={name: "v"},
            buildContexts={name: f"docker-image://{value}"},
        )
    )
    assert result.docker("buildx", "build") == [
        [
            *BASE[:-1],
            f"--file=./docker/{file}",
            f"--target={value}",
            f"--build-arg={name}=v",
            f"--build-context={name}=docker-image://{value}",
            *OUTPUT,
            ".",
        ]
    ]
    assert not (machine.root / "canary").exists()


@pytest.mark.parametrize("mode", MODES)
def test_all_hostile_values_at_once_reach_docker_in_every_way_to_run_the_phases(
    mode: Mode, machine: Machine
) -> None:
    machine.rules = CONTAINERD
    arguments = {f"ARG_{n}": value for n, value in enumerate(HOSTILE.values())}
    expected = [f"--build-arg={n}={v}" for n, v in arguments.items()]
    result = machine.run(document(previous=OLD_TAG, buildArgs=arguments), mode)
    assert result.docker("buildx", "build") == [
        [*BASE, *expected, *OUTPUT, CACHE_FROM, "."],
        [*BASE, *expected, "--output=type=cacheonly", CACHE_TO, "."],
    ]
    assert not (machine.root / "canary").exists()


@pytest.mark.parametrize("file", ["-", "-f", "https://example.com/Dockerfile", "a b/Dockerfile.prod"])
def test_file_is_always_a_path_below_the_directory(file: str, machine: Machine) -> None:
    (call,) = machine.run(uncached(file=file)).docker("buildx", "build")
    assert f"--file=./{file.replace('//', '/')}" in call


def test_secrets_are_passed_by_the_name_of_their_variable(machine: Machine) -> None:
    machine.variables = {"SECRET_1": "hunter2"}
    result = machine.run(uncached(secrets={"npm.rc": "SECRET_1"}))
    (call,) = result.docker("buildx", "build")
    assert "--secret=id=npm.rc,env=SECRET_1" in call
    assert "hunter2" not in str(result)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_buildspec_is_printable_ascii_whatever_the_values_are(value: str) -> None:
    text = document(buildArgs={"VALUE": value}, previous=OLD_TAG)
    assert all(" " <= character <= "~" for character in text)
    assert yaml.safe_load(text) == json.loads(text)


def test_plain_words_stay_readable() -> None:
    assert word("--build-arg=VERSION=1.2.3") == "--build-arg=VERSION=1.2.3"
    assert word("--build-arg=NAME=two words") == "'--build-arg=NAME=two words'"
    assert word("é\n'\\") == r"$'\xc3\xa9\n\'\\'"


def test_refuses_a_command_longer_than_linux_takes() -> None:
    with pytest.raises(
        InvalidPropertyError, match="'DockerBuild' must not make a command longer than 120000"
    ):
        document(buildArgs={"VALUE": "x" * 120_000})


@pytest.mark.parametrize("mode", MODES)
def test_restores_links_and_empty_directories_before_docker_sees_the_context(
    mode: Mode, machine: Machine
) -> None:
    linked = machine.source / "node_modules" / "lib"
    linked.mkdir(parents=True)
    (linked / "copied by the archive").touch()
    (machine.source / "-file").write_text("copied by the archive")
    machine.rules = {"docker?buildx?build*": "find . | sort > $RECORD/context"}
    links = {
        "node_modules/lib": "../packages/lib",
        "-file": "-target $(touch $CANARY)",
        "new folder/lien é": "/absolute",
        "dangling": "nowhere",
    }

    result = machine.run(
        uncached(symbolicLinks=links, emptyDirectories=["-empty", "a b/c\nd", "x/$(touch $CANARY)"]), mode
    )

    assert result.failed_phase is None, result.log
    for path, target in links.items():
        assert (machine.source / path).is_symlink()
        assert (machine.source / path).readlink() == Path(target)
    for directory in ("-empty", "a b/c\nd", "x/$(touch $CANARY)"):
        assert (machine.source / directory).is_dir()
    assert "./node_modules/lib" in (machine.root / "record/context").read_text()
    assert not (machine.root / "canary").exists()


@pytest.mark.parametrize("mode", MODES)
def test_logs_in_to_the_repository_before_anything_else_of_docker(mode: Mode, machine: Machine) -> None:
    machine.rules = {"aws?ecr?get-login-password*": "echo token", "aws?ecr-public*": "echo public"}
    result = machine.run(uncached(), mode)
    assert [c for c in result.calls if c[0] == "aws"] == [
        ["aws", "ecr", "get-login-password", "--region=eu-west-1"],
        ["aws", "ecr-public", "get-login-password", "--region=us-east-1"],
    ]
    assert result.docker()[:2] == [
        ["login", "--username=AWS", "--password-stdin", "--", HOST],
        ["login", "--username=AWS", "--password-stdin", "--", "public.ecr.aws"],
    ]
    assert result.inputs == ["token\n", "public\n"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failing", ["aws?ecr?get-login-password*", f"docker?login*{HOST}"])
def test_fails_in_pre_build_when_the_login_fails(failing: str, mode: Mode, machine: Machine) -> None:
    machine.rules = {failing: "echo no credentials >&2; exit 3"}
    result = machine.run(uncached(), mode)
    assert result.failed_phase in ("pre_build", "some")
    assert "no credentials" in result.log
    assert result.docker("buildx") == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failing", ["aws?ecr-public*", "docker?login*public.ecr.aws"])
def test_goes_on_without_a_login_to_ecr_public(failing: str, mode: Mode, machine: Machine) -> None:
    machine.rules = {failing: "exit 255"}
    result = machine.run(uncached(), mode)
    assert result.failed_phase is None
    assert "notice: no login to ECR Public" in result.log
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-new", "new-1")]
)
def test_asks_for_ecr_public_only_where_it_exists(partition: str, region: str, machine: Machine) -> None:
    machine.rules = NO_CONTAINERD
    result = machine.run(document(place=Place(region=region, partition=partition), previous=OLD_TAG))
    assert result.failed_phase is None
    assert [c for c in result.calls if c[0] == "aws"] == [
        ["aws", "ecr", "get-login-password", f"--region={region}"]
    ]
    assert "public.ecr.aws" not in str(result)
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
def test_logs_in_to_more_registries_without_showing_a_secret(mode: Mode, machine: Machine) -> None:
    machine.variables = {"USER_1": "-robot $x", "PASSWORD_1": "p'a\"s$s\\w\n"}
    machine.rules = {"aws?ecr?get-login-password*us-west-2": "echo other"}
    registries = [
        {"Type": "ECR", "Host": "210987654321.dkr.ecr.us-west-2.amazonaws.com", "Region": "us-west-2"},
        {
            "Type": "SECRET",
            "Server": "docker.io",
            "UsernameVariable": "USER_1",
            "PasswordVariable": "PASSWORD_1",
        },
    ]
    result = machine.run(uncached(Registries=registries), mode)
    assert result.docker("login")[1:3] == [
        ["login", "--username=AWS", "--password-stdin", "--", "210987654321.dkr.ecr.us-west-2.amazonaws.com"],
        ["login", "--username=-robot $x", "--password-stdin", "--", "docker.io"],
    ]
    assert result.inputs[1:3] == ["other\n", "p'a\"s$s\\w\n\n"]
    assert "s$s" not in str(result.calls) + result.log


def test_fails_when_a_secret_for_a_registry_is_missing(machine: Machine) -> None:
    registry = {
        "Type": "SECRET",
        "Server": "docker.io",
        "UsernameVariable": "USER_1",
        "PasswordVariable": "NONE",
    }
    assert machine.run(uncached(Registries=[registry])).failed_phase == "pre_build"


def test_without_layer_cache_no_builder_is_asked_for_one(machine: Machine) -> None:
    result = machine.run(uncached(previous=OLD_TAG))
    assert "cache" not in str(result.calls)
    assert result.docker("buildx", "create") == result.docker("info") == []


@pytest.mark.parametrize("mode", MODES)
def test_makes_a_builder_that_exports_a_cache_when_docker_itself_cannot(mode: Mode, machine: Machine) -> None:
    machine.rules = NO_CONTAINERD
    result = machine.run(document(), mode)
    assert result.docker("buildx")[:2] == [
        [
            "buildx",
            "create",
            f"--name={BUILDER}",
            "--driver=docker-container",
            f"--driver-opt=image={BUILDKIT_IMAGE}",
            "--bootstrap",
        ],
        ["buildx", "use", BUILDER],
    ]
    assert [*BASE, "--output=type=cacheonly", CACHE_TO, "."] in result.docker("buildx", "build")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failing", ["docker?buildx?create*", "docker?buildx?use*"])
def test_builds_without_a_cache_when_no_builder_can_export_one(
    failing: str, mode: Mode, machine: Machine
) -> None:
    machine.rules = {**NO_CONTAINERD, failing: "exit 1"}
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase is None
    assert "notice: this builder cannot export a layer cache" in result.log
    assert result.docker("buildx", "rm") == [["buildx", "rm", "--force", BUILDER]]
    assert result.docker("buildx", "build") == [[*BASE, *OUTPUT, "."]]
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
def test_first_build_reads_no_cache_and_writes_one(mode: Mode, machine: Machine) -> None:
    machine.rules = CONTAINERD
    result = machine.run(document(previous=None), mode)
    assert result.docker("buildx", "imagetools") == []
    assert result.docker("buildx", "build") == [
        [*BASE, *OUTPUT, "."],
        [*BASE, "--output=type=cacheonly", CACHE_TO, "."],
    ]


@pytest.mark.parametrize("mode", MODES)
def test_missing_cache_is_a_notice(mode: Mode, machine: Machine) -> None:
    machine.rules = {**CONTAINERD, "docker?buildx?imagetools*": "exit 1"}
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase is None
    assert "notice: there is no layer cache to read" in result.log
    assert result.docker("buildx", "build")[0] == [*BASE, *OUTPUT, "."]


@pytest.mark.parametrize("mode", MODES)
def test_broken_cache_slows_a_build_and_never_fails_it(mode: Mode, machine: Machine) -> None:
    machine.rules = {**CONTAINERD, "*--cache-from*": "echo 'failed to copy: blob not found' >&2; exit 1"}
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase is None
    assert "failed to copy: blob not found" in result.log
    assert "notice: the build failed with the layer cache, once more without it" in result.log
    assert result.docker("buildx", "build")[:2] == [[*BASE, *OUTPUT, CACHE_FROM, "."], [*BASE, *OUTPUT, "."]]
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
def test_build_that_fails_without_its_cache_too_fails(mode: Mode, machine: Machine) -> None:
    machine.rules = {**CONTAINERD, "docker?buildx?build*": "echo no such base image; exit 1"}
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase in ("build", "some")
    assert len(result.docker("buildx", "build")) == 2
    assert result.docker("push") == []


@pytest.mark.parametrize("mode", MODES)
def test_failing_run_step_is_not_run_again_without_cache(mode: Mode, machine: Machine) -> None:
    said = 'ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2'
    machine.rules = {**CONTAINERD, "docker?buildx?build*": f"echo {word(said)} >&2; exit 1"}
    result = machine.run(document(previous=OLD_TAG), mode)
    assert result.failed_phase in ("build", "some")
    assert len(result.docker("buildx", "build")) == 1
    assert said in result.log


@pytest.mark.parametrize("mode", MODES)
def test_cache_that_cannot_be_written_is_a_notice(mode: Mode, machine: Machine) -> None:
    machine.rules = {**CONTAINERD, "*--cache-to*": "exit 1"}
    result = machine.run(document(), mode)
    assert result.failed_phase is None
    assert "notice: the layer cache was not written" in result.log
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
def test_failing_build_pushes_nothing(mode: Mode, machine: Machine) -> None:
    machine.rules = {"docker?buildx?build*": "exit 1"}
    result = machine.run(uncached(), mode)
    assert result.failed_phase in ("build", "some")
    assert result.docker("push") == []


def test_post_build_after_a_failed_build_pushes_nothing(machine: Machine) -> None:
    machine.rules = {"docker?buildx?build*": "exit 1"}
    machine.run(uncached())
    after = json.loads(uncached())
    after["phases"] = {"post_build": after["phases"]["post_build"]}
    result = machine.run(json.dumps(after))
    assert result.failed_phase == "post_build"
    assert "there is no image to push" in result.log
    assert result.docker("push") == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("machine_code", "name"), [(0x3E, "x86-64"), (0x03, "x86"), (0x28, "arm32"), (0xF3, "f300")]
)
def test_image_whose_program_is_for_another_architecture_is_not_pushed(
    machine_code: int, name: str, mode: Mode, machine: Machine
) -> None:
    starting(machine, elf(machine_code))
    result = machine.run(uncached(), mode)
    assert result.failed_phase in ("post_build", "some")
    assert result.log.endswith(f"/app/agent, which the image starts, is for {name}, not for arm64\n")
    assert result.docker("rm") == [["rm", "--force", "c0ffee"]]
    assert result.docker("push") == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("program", "said"),
    [
        (elf(0xB7), "/app/agent, which the image starts, is for arm64"),
        (b"neither a program nor a script", "notice: what the image starts is not known"),
        (b"", "notice: what the image starts is not known"),
    ],
)
def test_image_is_pushed_when_its_program_is_for_arm64_or_not_known(
    program: bytes, said: str, mode: Mode, machine: Machine
) -> None:
    starting(machine, program)
    result = machine.run(uncached(), mode)
    assert result.failed_phase is None
    assert said in result.log
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("failing", ["docker?create*", "docker?inspect*", "docker?cp*", "docker?rm*"])
def test_check_of_the_program_never_fails_a_build_by_itself(
    failing: str, mode: Mode, machine: Machine
) -> None:
    starting(machine, elf(0xB7))
    machine.rules[failing] = "exit 1"
    result = machine.run(uncached(), mode)
    assert result.failed_phase is None
    assert result.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize("mode", MODES)
def test_failing_push_fails_the_build_and_writes_no_cache(mode: Mode, machine: Machine) -> None:
    machine.rules = {
        **CONTAINERD,
        "docker?push*": "echo denied; exit 1",
        "docker?buildx?imagetools*": "exit 1",
    }
    result = machine.run(document(), mode)
    assert result.failed_phase in ("post_build", "some")
    assert "denied" in result.log
    assert "cacheonly" not in str(result.calls)


@pytest.mark.parametrize("mode", MODES)
def test_push_that_lost_a_race_for_the_same_content_is_a_notice(mode: Mode, machine: Machine) -> None:
    machine.rules = {"docker?push*": "echo the tag is immutable; exit 1"}
    result = machine.run(uncached(), mode)
    assert result.failed_phase is None
    assert "notice: another build has pushed the image of the same source" in result.log


def test_leaves_no_file_of_its_own_behind(machine: Machine) -> None:
    machine.rules = CONTAINERD
    machine.run(document(previous=OLD_TAG))
    assert list((machine.root / "home/.arm64-agent-image").iterdir()) == []
    assert list(machine.source.iterdir()) == []


@pytest.mark.parametrize(
    ("request_type", "old", "expected"),
    [
        ("Update", {"ImageTag": OLD_TAG}, OLD_TAG),
        ("Update", {"ImageTag": TAG}, None),
        ("Update", {"ImageTag": "latest"}, None),
        ("Update", {"ImageTag": f"{OLD_TAG}\n"}, None),
        ("Update", {"ImageTag": ["x"]}, None),
        ("Update", {}, None),
        ("Update", None, None),
        ("Create", {"ImageTag": OLD_TAG}, None),
    ],
)
def test_reads_the_cache_of_the_image_that_is_replaced(
    request_type: str, old: object, expected: str | None
) -> None:
    request = event("update") | {"RequestType": request_type, "OldResourceProperties": old}
    assert properties.previous_image_tag(request) == expected
