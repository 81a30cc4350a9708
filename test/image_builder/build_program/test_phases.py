"""The phases of a build, run as CodeBuild runs them: with bash, in a folder with the program alone."""

import ast
import json
import sys
from pathlib import Path

import pytest
import yaml
from image_builder import timeouts
from image_builder.build_program import __main__, retry, source

from test.image_builder.build_program.conftest import FakeTime
from test.image_builder.build_program.entrypoints import X86_64, elf
from test.image_builder.build_program.fake_host import (
    ARM64_IMAGE,
    BASE,
    BUILDSPEC,
    CACHE_FROM,
    CACHE_TO,
    CLASSIC,
    CONTAINERD,
    HOSTILE,
    IMAGE,
    PACKAGE,
    PREVIOUS_TAG,
    REQUESTED_AT,
    FakeHost,
    at_once,
    first_time,
    lost_race,
)

FILE = "--file=./Dockerfile"
TAG_OPTION = f"--tag={IMAGE}"
ECR_BASE = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/base"
RUN_STEP_FAILED = 'ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2'
HOSTILE_MODULES = [
    ".python-version",
    "json.py",
    "os.py",
    "re.py",
    "sitecustomize.py",
    "usercustomize.py",
    "image_builder/__init__.py",
    "pyproject.toml",
    "python3",
]


@pytest.fixture
def build(machine: FakeHost) -> FakeHost:
    """A build host with a source to build and an engine with the containerd image store."""
    machine.rules = CONTAINERD | ARM64_IMAGE
    machine.variables = {"PREVIOUS_IMAGE_TAG": PREVIOUS_TAG}
    machine.upload({"server.py": "print('agent')"})
    return machine


def builds(machine: FakeHost) -> list[list[str]]:
    """The calls of ``docker buildx build``, without common options, output type and metadata."""
    found = machine.docker("buildx", "build")
    assert all(words[: len(BASE)] == BASE for words in found)
    return [
        [
            word
            for word in words[len(BASE) :]
            if not word.startswith(("--output=type=docker", "--metadata-file="))
        ]
        for words in found
    ]


def test_buildspec_aborts_at_the_first_failure() -> None:
    phases = yaml.safe_load(BUILDSPEC.read_text())["phases"]
    assert list(phases) == ["install", "pre_build", "build", "post_build"]
    assert all(phase["on-failure"] == "ABORT" for phase in phases.values())


def test_builds_checks_pushes_and_writes_the_cache(build: FakeHost) -> None:
    assert build.run().failed_phase is None
    steps = [words for words in build.docker() if words[0] not in ("info", "login")]
    (output,) = (word for word in steps[0] if word.startswith("--output=type=docker"))
    metadata = build.context.parent / "metadata.json"
    assert steps == [
        [*BASE, FILE, TAG_OPTION, output, f"--metadata-file={metadata}", CACHE_FROM, "."],
        ["image", "inspect", IMAGE],
        ["create", "--pull=never", "--platform=linux/arm64", IMAGE],
        ["buildx", "imagetools", "inspect", "--raw", IMAGE],
        ["push", IMAGE],
        [*BASE, FILE, "--output=type=cacheonly", CACHE_TO, "."],
    ]


def test_log_says_what_happened(build: FakeHost) -> None:
    build.rules |= {"'docker buildx build '*cache-to*": "exit 0", "'docker buildx build '*": "echo '#1 DONE'"}
    log = build.run().log
    assert "logged in to public.ecr.aws\n#1 DONE\n" in log
    assert "wrote the layer cache in" in log


def test_only_docker_runs_in_the_context(build: FakeHost) -> None:
    build.run()
    in_context = [call.arguments[:2] for call in build.calls if call.cwd == build.context.resolve()]
    assert in_context == [["buildx", "build"]] * 2
    others = {call.cwd for call in build.calls} - {build.context.resolve()}
    assert others == {build.source.resolve()}


@pytest.mark.parametrize("options", ["", "-S -E"], ids=["with site", "without site"])
def test_files_of_the_user_are_never_python_modules_of_the_program(options: str, build: FakeHost) -> None:
    broken = f"open({str(build.canary)!r}, 'w'); raise SystemExit('a module of the user')"
    build.upload(dict.fromkeys(HOSTILE_MODULES, broken))
    build.python_options = options
    assert build.run().failed_phase is None
    assert sorted(path.name for path in build.context.iterdir() if path.is_file()) == sorted(
        ["Dockerfile", *(name for name in HOSTILE_MODULES if "/" not in name)]
    )
    assert not build.canary.exists()


def test_needs_the_standard_library_only(build: FakeHost) -> None:
    build.python_options = "-S -E -W error"
    result = build.run()
    assert result.failed_phase is None, result.log


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("build_program/*.py")), ids=lambda file: file.name)
def test_every_module_compiles_for_python_3_11(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 11))
    imported = {node.names[0].name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import)}
    imported |= {
        str(node.module).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert imported <= sys.stdlib_module_names


def test_hostile_values_reach_docker_unchanged(build: FakeHost) -> None:
    arguments = {f"ARG_{number}": value for number, value in enumerate(HOSTILE.values())}
    files = {f"files/{value}": "" for value in HOSTILE.values() if value and "/" not in value}
    build.upload(files, buildArgs=arguments, target=HOSTILE["a substitution"])
    assert build.run().failed_phase is None
    expected = [
        FILE,
        f"--target={HOSTILE['a substitution']}",
        *(f"--build-arg={name}={value}" for name, value in arguments.items()),
    ]
    assert builds(build) == [
        [*expected, TAG_OPTION, CACHE_FROM, "."],
        [*expected, "--output=type=cacheonly", CACHE_TO, "."],
    ]
    assert sorted(path.name for path in (build.context / "files").iterdir()) == sorted(
        name.removeprefix("files/") for name in files
    )
    assert not build.canary.exists()


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", ""])
def test_values_do_not_depend_on_the_locale(locale: str, build: FakeHost) -> None:
    build.variables |= {"LC_ALL": locale, "LANG": locale}
    build.upload({"näme": ""}, buildArgs={"VALUE": "日本語"})
    assert build.run("install", "build").failed_phase is None
    assert "--build-arg=VALUE=日本語" in builds(build)[0]
    assert (build.context / "näme").exists()


def test_many_build_arguments_are_passed(build: FakeHost) -> None:
    arguments = {f"ARG_{number}": "x" * 1000 for number in range(60)}
    build.upload(buildArgs=arguments)
    assert build.run().failed_phase is None
    passed = [word for word in builds(build)[0] if word.startswith("--build-arg=")]
    assert passed == [f"--build-arg={name}={value}" for name, value in arguments.items()]


def test_argument_that_is_too_long_for_linux_has_a_clear_error(build: FakeHost) -> None:
    build.upload(buildArgs={"VALUE": "x" * 200_000})
    result = build.run()
    assert result.failed_phase == "build"
    assert "error: docker buildx build could not be started: " in result.log
    assert "Argument list too long" in result.log
    assert "Traceback" not in result.log
    assert len(result.log) < 2000


def test_secrets_are_passed_by_the_name_of_their_variable(build: FakeHost) -> None:
    build.variables |= {
        "BUILD_SECRET_0": "hunter2",
        "REGISTRY_0_SERVER": "docker.io",
        "REGISTRY_0_USERNAME": "robot",
        "REGISTRY_0_PASSWORD": "swordfish",
    }
    build.rules |= {"'aws ecr get-login-password '*": "echo token1234"}
    build.upload(secrets={"npm.rc": "BUILD_SECRET_0"})
    result = build.run()
    assert result.failed_phase is None
    assert all("--secret=id=npm.rc,env=BUILD_SECRET_0" in words for words in builds(build))
    shown = result.log + str([call.arguments for call in build.calls])
    assert not [secret for secret in ("hunter2", "swordfish", "token1234") if secret in shown]
    assert {"swordfish", "token1234"} <= {call.stdin for call in build.calls}


@pytest.mark.parametrize("phase", ["install", "pre_build", "build", "post_build"])
def test_build_started_by_hand_ends_with_a_clear_error(phase: str, build: FakeHost) -> None:
    build.variables = {"IMAGE_TAG": None, "SOURCE": None, "PARAMETERS": None, "REQUESTED_AT": None}
    result = build.run(phase)
    assert result.failed_phase == phase
    assert result.log == (
        "error: the environment of the build lacks 'IMAGE_TAG': deploy the stack instead of starting"
        " this project by hand\n"
    )
    assert build.calls == []


def test_the_source_is_fetched_while_the_engine_restarts(build: FakeHost) -> None:
    engine, copy = "'docker info'*", 'cp "$BUCKETS/${3#s3://}" "$4"'
    build.rules[engine] = at_once("restart", "fetch") + CONTAINERD[engine]
    build.rules["'aws s3 cp '*"] = at_once("fetch", "restart") + copy
    result = build.run("install")
    assert (result.failed_phase, result.log) == (None, "")
    assert (build.context / "server.py").exists()


def test_malformed_parameters_end_with_a_clear_error(build: FakeHost) -> None:
    build.upload(target=1)
    result = build.run()
    assert (result.failed_phase, result.log.splitlines()[-1]) == (
        "install",
        "error: 'target' must be a string, got 1",
    )


@pytest.mark.parametrize(
    ("failing", "phase"),
    [
        ("'aws s3 cp '*", "install"),
        ("'aws ecr get-login-password '*", "pre_build"),
        ("'docker login '*dkr.ecr*", "pre_build"),
    ],
)
def test_failure_before_the_build_ends_it(failing: str, phase: str, build: FakeHost) -> None:
    build.rules = {failing: "echo no network >&2; exit 1"} | build.rules
    result = build.run()
    assert result.failed_phase == phase
    assert "no network" in result.log.splitlines()[-1]
    assert builds(build) == []


def test_without_a_layer_cache_none_is_read_or_written(build: FakeHost) -> None:
    build.variables |= {"LAYER_CACHE": "false"}
    assert build.run().failed_phase is None
    assert builds(build) == [[FILE, TAG_OPTION, "."]]
    assert build.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize(("kept", "files"), [("true", 1), ("false", 0)])
def test_the_metadata_of_a_build_is_only_written_for_a_plan(kept: str, files: int, build: FakeHost) -> None:
    build.variables |= {"KEEP_PLAN": kept}
    result = build.run()
    assert str(build.docker("buildx", "build")).count("--metadata-file=") == files
    assert result.log.count("will be built, not assembled") == files


def test_engine_that_cannot_export_a_cache_builds_without_one(build: FakeHost) -> None:
    build.rules |= CLASSIC
    result = build.run()
    assert result.failed_phase is None
    assert "notice: the Docker engine cannot export a layer cache, so the build uses none" in result.log
    assert builds(build) == [[FILE, TAG_OPTION, "."]]
    assert build.docker("push") == [["push", IMAGE]]


def test_first_build_reads_no_cache_and_writes_one(build: FakeHost) -> None:
    build.variables = {}
    assert build.run().failed_phase is None
    assert builds(build) == [[FILE, TAG_OPTION, "."], [FILE, "--output=type=cacheonly", CACHE_TO, "."]]


def test_broken_cache_slows_a_build_down_and_never_fails_it(build: FakeHost) -> None:
    build.rules |= {"*cache-from*": "echo 'failed to copy: blob not found' >&2; exit 1"}
    result = build.run()
    assert result.failed_phase is None
    assert "failed to copy: blob not found" in result.log
    assert "notice: the build failed with the layer cache, repeating it without" in result.log
    assert builds(build)[:2] == [[FILE, TAG_OPTION, CACHE_FROM, "."], [FILE, TAG_OPTION, "."]]
    assert build.docker("push") == [["push", IMAGE]]


def test_build_that_fails_without_the_cache_too_fails(build: FakeHost) -> None:
    build.rules |= {"'docker buildx build '*": "echo no such base image; exit 1"}
    result = build.run()
    assert result.failed_phase == "build"
    assert result.log.endswith("no such base image\nerror: docker buildx build failed with exit status 1\n")
    assert len(builds(build)) == 2
    assert build.docker("push") == []


def test_failing_run_step_is_not_repeated(build: FakeHost) -> None:
    build.rules |= {"'docker buildx build '*": f"echo '{RUN_STEP_FAILED}' >&2; exit 1"}
    result = build.run()
    assert result.failed_phase == "build"
    assert RUN_STEP_FAILED in result.log
    assert len(builds(build)) == 1


def test_build_without_a_cache_is_not_repeated(build: FakeHost) -> None:
    build.variables = {}
    build.rules |= {"'docker buildx build '*": "exit 1"}
    assert build.run().failed_phase == "build"
    assert len(builds(build)) == 1


def test_failure_to_write_the_cache_only_causes_a_notice(build: FakeHost) -> None:
    build.rules |= {"*cache-to*": "exit 1"}
    result = build.run()
    assert result.failed_phase is None
    assert "notice: could not write the layer cache" in result.log
    assert build.docker("push") == [["push", IMAGE]]


@pytest.mark.parametrize(("waited", "written"), [(0, 1), (timeouts.QUEUED_TOO_LONG + 1, 0)])
def test_build_that_had_to_wait_writes_no_cache(waited: int, written: int, build: FakeHost) -> None:
    build.variables |= {"CODEBUILD_START_TIME": f"{REQUESTED_AT + waited}000"}
    assert build.run().failed_phase is None
    assert len([words for words in builds(build) if CACHE_TO in words]) == written


def test_image_whose_program_is_for_another_architecture_is_not_pushed(build: FakeHost) -> None:
    (build.root / "agent").write_bytes(elf(X86_64))
    (build.root / "container.json").write_text(json.dumps([{"Path": "/app/agent", "Config": {"Env": []}}]))
    build.rules |= {
        "'docker create '*": "echo c0ffee",
        "'docker inspect '*": f"cat {build.root}/container.json",
        "'docker cp '*": f"tar -C {build.root} -c agent",
    }
    result = build.run()
    assert result.failed_phase == "post_build"
    assert result.log.endswith("error: /app/agent, which the image starts, is for x86-64, not for arm64\n")
    assert build.docker("push") == []


def test_failing_push_fails_the_build_and_writes_no_cache(build: FakeHost) -> None:
    build.rules |= {"'docker push '*": "echo denied: no; exit 1"}
    result = build.run()
    assert result.failed_phase == "post_build"
    assert "denied: no" in result.log
    assert len(builds(build)) == 1


def test_lost_race_for_the_push_only_causes_a_notice(build: FakeHost) -> None:
    build.rules |= lost_race("the tag is immutable")
    result = build.run()
    assert result.failed_phase is None
    assert "notice: another build of the same source has pushed the image" in result.log


@pytest.mark.usefixtures("build")
def test_base_image_that_is_denied_to_a_new_role_is_pulled_again(
    local: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = denied_base_image(local, monkeypatch, REQUESTED_AT + 1)
    assert slept == [10]
    assert len(builds(local)) == 2
    assert all(CACHE_FROM in words for words in builds(local))


@pytest.mark.usefixtures("build")
def test_base_image_that_is_denied_to_an_old_role_fails(
    local: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = denied_base_image(local, monkeypatch, REQUESTED_AT + timeouts.PROPAGATION)
    assert slept == []
    assert [CACHE_FROM in words for words in builds(local)] == [True, False]


@pytest.mark.usefixtures("build")
def test_base_image_that_another_registry_denies_is_not_retried(
    local: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert denied_base_image(local, monkeypatch, REQUESTED_AT + 1, "docker.io/library/base") == []


def denied_base_image(
    machine: FakeHost, monkeypatch: pytest.MonkeyPatch, now: float, base: str = ECR_BASE
) -> list[float]:
    """Build with a base image that is denied once, and return how long the build has slept."""
    said = f"ERROR: {base}:1: unexpected status: 403 Forbidden"
    machine.rules |= {"'docker buildx build '*": first_time(f"echo '{said}' >&2; exit 1")}
    machine.install()
    clock = FakeTime(now)
    monkeypatch.setattr(retry, "time", clock)
    source.prepare(machine.settings)
    __main__.build(machine.settings)
    return clock.slept
