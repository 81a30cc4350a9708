"""Valid parameters are accepted; invalid ones cause a clear error."""

import contextlib
import json
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builder.build_program import parameters
from image_builder.build_program.docker import build_command
from image_builder.build_program.parameters import Parameters
from image_builder.validation import InvalidValueError

from test.image_builder.build_program.fake_host import BASE, HOSTILE

TEXT = st.text(st.characters(codec=None), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
KEYS = ["target", "buildArgs", "buildContexts", "secrets", "symbolicLinks", "emptyDirectories", "x"]


def parse(**changes: object) -> Parameters:
    return parameters.parse(json.dumps({"file": "Dockerfile", **changes}))


def test_reads_every_parameter() -> None:
    assert parse(
        file="docker/Dockerfile.prod",
        target="prod",
        buildArgs={"VERSION": "1"},
        buildContexts={"base": "docker-image://alpine"},
        secrets={"npmrc": "BUILD_SECRET_0"},
        symbolicLinks={"a/link": "../b"},
        emptyDirectories=["tmp"],
    ) == Parameters(
        file="docker/Dockerfile.prod",
        target="prod",
        build_args={"VERSION": "1"},
        build_contexts={"base": "docker-image://alpine"},
        secrets={"npmrc": "BUILD_SECRET_0"},
        symbolic_links={"a/link": "../b"},
        empty_directories=("tmp",),
    )


def test_everything_but_the_file_is_optional() -> None:
    assert parse() == Parameters()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "'parameters' must be a JSON object, got '{'"),
        ("", "'parameters' must be a JSON object, got ''"),
        ("[" * 100_000, "'parameters' must be a JSON object, got '[[["),
        (f"[{'1' * 5000}]", "'parameters' must be a JSON object, got '[111"),
        ("[]", "'parameters' must be an object, got []"),
        ("{}", "'file' must be a string, got None"),
    ],
)
def test_rejects_a_document_that_is_not_an_object(document: str, message: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        parameters.parse(document)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": "x"}, "'parameters' must be an object with the keys file, target"),
        ({"file": ""}, "'file' must be a non-empty string"),
        ({"file": "/etc/passwd"}, "'file' must be a path inside the directory, got '/etc/passwd'"),
        ({"file": "../Dockerfile"}, "'file' must be a path inside the directory, got '../Dockerfile'"),
        ({"file": "a/../../Dockerfile"}, "'file' must be a path inside the directory"),
        ({"file": "."}, "'file' must be a path inside the directory, got '.'"),
        ({"file": "a\0b"}, "'file' must be a string without NUL characters or unpaired surrogates"),
        ({"file": "a\nb"}, "'file' must be a path without control characters, which BuildKit rejects"),
        ({"target": ""}, "'target' must be a non-empty string"),
        ({"target": 1}, "'target' must be a string, got 1"),
        ({"target": None}, "'target' must be a string, got None"),
        ({"buildArgs": []}, "'buildArgs' must be an object, got []"),
        ({"buildArgs": {"A": 1}}, "'buildArgs' must be a string, got 1"),
        ({"buildArgs": {"A": None}}, "'buildArgs' must be a string, got None"),
        ({"buildArgs": {"A": "a\0b"}}, "'buildArgs' must be a string without NUL characters"),
        ({"buildArgs": {"A": "\ud83d"}}, "'buildArgs' must be a string without NUL characters or unpaired"),
        ({"buildArgs": {"A=B": "x"}}, "'buildArgs' must be a name without '=', got 'A=B'"),
        ({"buildArgs": {"": "x"}}, "'buildArgs' must be a name without '=', got ''"),
        ({"buildContexts": {"a=b": "x"}}, "'buildContexts' must be a name without '=', got 'a=b'"),
        ({"secrets": {"a,b": "X"}}, "'secrets' must be an id of letters, digits, '_', '.', '/', '-'"),
        ({"secrets": {"a": "$X"}}, "'secrets' must be the name of an environment variable, got '$X'"),
        ({"secrets": {"a": "X\n"}}, "'secrets' must be the name of an environment variable, got 'X\\n'"),
        ({"emptyDirectories": {}}, "'emptyDirectories' must be a list, got {}"),
        ({"emptyDirectories": [""]}, "'emptyDirectories' must be a path inside the directory, got ''"),
        ({"emptyDirectories": [".."]}, "'emptyDirectories' must be a path inside the directory, got '..'"),
        ({"emptyDirectories": [1]}, "'emptyDirectories' must be a string, got 1"),
        ({"symbolicLinks": {"..": "x"}}, "'symbolicLinks' must be a path inside the directory, got '..'"),
        ({"symbolicLinks": {"/": "x"}}, "'symbolicLinks' must be a path inside the directory, got '/'"),
        ({"symbolicLinks": {"a": ""}}, "'symbolicLinks' must be an object of links with targets"),
        (
            {"symbolicLinks": {"a": "/etc", "a/b": "x"}},
            "'symbolicLinks' must be a path that is not below another symbolic link, got 'a/b'",
        ),
    ],
)
def test_rejects_a_malformed_parameter_with_a_clear_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        parse(**changes)


@pytest.mark.parametrize("depth", range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()))
def test_rejects_nesting_that_json_can_just_read(depth: int) -> None:
    with pytest.raises(InvalidValueError):
        parameters.parse('{"file": "x", "target": ' + "[" * depth + "]" * depth + "}")


@pytest.mark.parametrize(
    ("path", "shortest"), [("./a//b/", "a/b"), ("a/../b", "b"), ("-x", "-x"), ("...", "...")]
)
def test_paths_are_normalized(path: str, shortest: str) -> None:
    assert parse(file=path).file == shortest


@given(st.fixed_dictionaries({"file": TEXT}, optional=dict.fromkeys(KEYS, JSON)) | JSON)
def test_any_parameters_are_accepted_or_rejected_with_a_clear_error(values: Any) -> None:
    try:
        parameters.parse(json.dumps(values))
    except InvalidValueError as error:
        str(error).encode("utf-8")


@given(st.text())
def test_any_document_is_accepted_or_rejected_with_a_clear_error(document: str) -> None:
    with contextlib.suppress(InvalidValueError):
        parameters.parse(document)


def test_command_passes_every_parameter_by_its_own_option() -> None:
    wanted = Parameters(
        file="docker/Dockerfile.prod",
        target="prod",
        build_args={"A": "1", "B": ""},
        build_contexts={"base": "docker-image://alpine"},
        secrets={"npm.rc": "BUILD_SECRET_0"},
    )
    assert build_command(wanted, "--tag=x") == [
        "docker",
        *BASE,
        "--file=./docker/Dockerfile.prod",
        "--target=prod",
        "--build-arg=A=1",
        "--build-arg=B=",
        "--build-context=base=docker-image://alpine",
        "--secret=id=npm.rc,env=BUILD_SECRET_0",
        "--tag=x",
        ".",
    ]


@pytest.mark.parametrize("value", [v for v in HOSTILE.values() if v], ids=[k for k in HOSTILE if HOSTILE[k]])
def test_hostile_names_stay_one_argument(value: str) -> None:
    name, file = value.replace("=", ""), re.sub(r"[\x00-\x1f\x7f]", "", value)
    wanted = parse(file=f"docker/{file}", target=value, buildArgs={name: value}, buildContexts={name: value})
    assert build_command(wanted) == [
        "docker",
        *BASE,
        f"--file=./docker/{file}",
        f"--target={value}",
        f"--build-arg={name}={value}",
        f"--build-context={name}={value}",
        ".",
    ]


@pytest.mark.parametrize("file", ["-", "-f", "https://example.com/Dockerfile", "a b/Dockerfile.prod"])
def test_file_is_always_a_path_below_the_directory(file: str) -> None:
    assert f"--file=./{file.replace('//', '/')}" in build_command(parse(file=file))
