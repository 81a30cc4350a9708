"""Which properties are taken, and the sentence for those that are not."""

import json
import re
from typing import Any

import pytest
from image_builder import docker_build, properties
from image_builder.checks import InvalidPropertyError
from image_builder.properties import BuildVariable, EcrRegistry, SecretRegistry

from test.image_builder.fakes import ACCOUNT, PROJECT, REPOSITORY, TAG, URI, event


def test_reads_what_cloudformation_delivers() -> None:
    docker = {
        "file": "docker/Dockerfile.prod",
        "target": "prod",
        "buildArgs": {"VERSION": "1"},
        "buildContexts": {"base": "docker-image://alpine"},
        "secrets": {"npmrc": "SECRET_1"},
        "symbolicLinks": {"a/link": "../b"},
        "emptyDirectories": ["tmp"],
    }
    wanted = properties.parse(
        event(
            "create",
            DockerBuild=json.dumps(docker),
            LayerCache="false",
            EnvironmentVariables=[{"Name": "SECRET_1", "Type": "SECRETS_MANAGER", "Value": "arn:x"}],
            Registries=[
                {"Type": "ECR", "Host": "1.dkr.ecr.us-west-2.amazonaws.com", "Region": "us-west-2"},
                {
                    "Type": "SECRET",
                    "Server": "https://index.docker.io/v1/",
                    "UsernameVariable": "U",
                    "PasswordVariable": "P",
                },
            ],
        )
    )
    assert wanted == properties.Properties(
        project_name=PROJECT,
        repository_name=REPOSITORY,
        registry_id=ACCOUNT,
        repository_uri=URI,
        image_tag=TAG,
        source_location="cdk-hnb659fds-assets-123456789012-eu-west-1/1111.zip",
        timeout_in_minutes=30,
        layer_cache=False,
        docker_build=docker_build.DockerBuild(
            file="docker/Dockerfile.prod",
            target="prod",
            build_args={"VERSION": "1"},
            build_contexts={"base": "docker-image://alpine"},
            secrets={"npmrc": "SECRET_1"},
            symbolic_links={"a/link": "../b"},
            empty_directories=("tmp",),
        ),
        environment_variables=(BuildVariable("SECRET_1", "SECRETS_MANAGER", "arn:x"),),
        registries=(
            EcrRegistry("1.dkr.ecr.us-west-2.amazonaws.com", "us-west-2"),
            SecretRegistry("https://index.docker.io/v1/", "U", "P"),
        ),
    )
    assert wanted.image_uri == f"{URI}:{TAG}"
    assert wanted.registry_host == f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ProjectName", None, "'ProjectName' must be a text, got None"),
        ("ProjectName", "", "'ProjectName' must be a text that is not empty, got ''"),
        ("ProjectName", {"Ref": "x"}, "'ProjectName' must be a text, got {'Ref': 'x'}"),
        ("RepositoryName", None, "'RepositoryName' must be a text, got None"),
        ("RegistryId", "12345", "'RegistryId' must be an account id of 12 digits, got '12345'"),
        ("RegistryId", "\u0661" * 12, "'RegistryId' must be an account id of 12 digits"),
        ("RepositoryUri", "agent", "'RepositoryUri' must be <host>/agent-image-1a2b3c, got 'agent'"),
        (
            "RepositoryUri",
            "host/another",
            "'RepositoryUri' must be <host>/agent-image-1a2b3c, got 'host/another'",
        ),
        ("ImageTag", "latest", "'ImageTag' must be 64 lower-case hexadecimal digits, got 'latest'"),
        ("ImageTag", "A" * 64, "'ImageTag' must be 64 lower-case hexadecimal digits"),
        ("ImageTag", f"{TAG}\n", "'ImageTag' must be 64 lower-case hexadecimal digits"),
        ("SourceLocation", "bucket", "'SourceLocation' must be <bucket>/<key>, got 'bucket'"),
        ("TimeoutInMinutes", "soon", "'TimeoutInMinutes' must be a whole number from 5 to 40, got 'soon'"),
        ("TimeoutInMinutes", "4", "'TimeoutInMinutes' must be a whole number from 5 to 40, got '4'"),
        ("TimeoutInMinutes", "41", "'TimeoutInMinutes' must be a whole number from 5 to 40, got '41'"),
        ("TimeoutInMinutes", "-5", "'TimeoutInMinutes' must be a whole number from 5 to 40, got '-5'"),
        ("TimeoutInMinutes", None, "'TimeoutInMinutes' must be a whole number from 5 to 40, got None"),
        ("LayerCache", "yes", "'LayerCache' must be 'true' or 'false', got 'yes'"),
        ("DockerBuild", None, "'DockerBuild' must be a text, got None"),
        ("DockerBuild", "{", "'DockerBuild' must be a JSON object, got '{'"),
        ("DockerBuild", "[" * 100_000, "'DockerBuild' must be a JSON object, got '[[["),
        ("DockerBuild", "[]", "'DockerBuild' must be an object, got []"),
        ("DockerBuild", "{}", "'file' must be a text, got None"),
        ("EnvironmentVariables", "x", "'EnvironmentVariables' must be a list, got 'x'"),
        ("EnvironmentVariables", ["x"], "'EnvironmentVariables' must be an object, got 'x'"),
        ("EnvironmentVariables", [{"Name": "1"}], "'Type' must be a text, got None"),
        (
            "EnvironmentVariables",
            [{"Name": "A", "Type": "PLAINTEXT", "Value": "x"}],
            "'Type' must be SECRETS_MANAGER or PARAMETER_STORE, got 'PLAINTEXT'",
        ),
        (
            "EnvironmentVariables",
            [{"Name": "A-B", "Type": "PARAMETER_STORE", "Value": "x"}],
            "'EnvironmentVariables' must be the name of an environment variable, got 'A-B'",
        ),
        ("Registries", {}, "'Registries' must be a list, got {}"),
        (
            "Registries",
            [{"Type": "HUB"}],
            "'Registries' must be a list of objects with Type 'ECR' or 'SECRET', got 'HUB'",
        ),
        (
            "Registries",
            [{"Type": "ECR", "Host": "-x", "Region": "r"}],
            "'Host' must be a registry's host name, got '-x'",
        ),
        (
            "Registries",
            [{"Type": "ECR", "Host": "x", "Region": "$r"}],
            "'Region' must be the name of a region, got '$r'",
        ),
        (
            "Registries",
            [{"Type": "SECRET", "Server": "a b", "UsernameVariable": "U", "PasswordVariable": "P"}],
            "'Server' must be the address of a registry, got 'a b'",
        ),
        (
            "Registries",
            [{"Type": "SECRET", "Server": "x", "UsernameVariable": "U", "PasswordVariable": "$P"}],
            "'PasswordVariable' must be the name of an environment variable, got '$P'",
        ),
    ],
)
def test_malformed_property_is_a_sentence(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(InvalidPropertyError, match=re.escape(sentence)):
        properties.parse(event("create", **{name: value}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"context": "x"}, "'DockerBuild' must be an object with no other keys than file, target"),
        ({"file": ""}, "'file' must be a text that is not empty"),
        ({"file": "/etc/passwd"}, "'file' must be a path inside the directory, got '/etc/passwd'"),
        ({"file": "../Dockerfile"}, "'file' must be a path inside the directory, got '../Dockerfile'"),
        ({"file": "a/../../Dockerfile"}, "'file' must be a path inside the directory"),
        ({"file": "."}, "'file' must be a path inside the directory, got '.'"),
        ({"file": "a\0b"}, r"'file' must be a text without NUL and without halves of characters"),
        ({"file": "a\nb"}, "'file' must be a path without control characters, which BuildKit does not take"),
        ({"target": ""}, "'target' must be a text that is not empty"),
        ({"target": 1}, "'target' must be a text, got 1"),
        ({"target": None}, "'target' must be a text, got None"),
        ({"buildArgs": []}, "'buildArgs' must be an object, got []"),
        ({"buildArgs": {"A": 1}}, "'buildArgs' must be a text, got 1"),
        ({"buildArgs": {"A": None}}, "'buildArgs' must be a text, got None"),
        ({"buildArgs": {"A": "a\0b"}}, "'buildArgs' must be a text without NUL"),
        (
            {"buildArgs": {"A": "\ud83d"}},
            "'buildArgs' must be a text without NUL and without halves of characters",
        ),
        ({"buildArgs": {"A=B": "x"}}, "'buildArgs' must be a name without '=', got 'A=B'"),
        ({"buildArgs": {"": "x"}}, "'buildArgs' must be a name without '=', got ''"),
        ({"buildContexts": {"a=b": "x"}}, "'buildContexts' must be a name without '=', got 'a=b'"),
        (
            {"secrets": {"a,b": "X"}},
            "'secrets' must be an id of letters, digits, '_', '.', '/' and '-', got 'a,b'",
        ),
        ({"secrets": {"a": "$X"}}, "'secrets' must be the name of an environment variable, got '$X'"),
        ({"emptyDirectories": {}}, "'emptyDirectories' must be a list, got {}"),
        ({"emptyDirectories": [""]}, "'emptyDirectories' must be a path inside the directory, got ''"),
        ({"emptyDirectories": [".."]}, "'emptyDirectories' must be a path inside the directory, got '..'"),
        ({"emptyDirectories": [1]}, "'emptyDirectories' must be a text, got 1"),
        ({"symbolicLinks": {"..": "x"}}, "'symbolicLinks' must be a path inside the directory, got '..'"),
        ({"symbolicLinks": {"/": "x"}}, "'symbolicLinks' must be a path inside the directory, got '/'"),
        (
            {"symbolicLinks": {"a": ""}},
            "'symbolicLinks' must be an object of links with targets, got {'a': ''}",
        ),
        (
            {"symbolicLinks": {"a": "/etc", "a/b": "x"}},
            "'symbolicLinks' must be a path that is not below another",
        ),
    ],
)
def test_malformed_docker_option_is_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidPropertyError, match=re.escape(sentence)):
        properties.parse(event("create", DockerBuild=json.dumps({"file": "Dockerfile", **changes})))


@pytest.mark.parametrize("raw", [None, "text", []])
def test_missing_properties_are_a_sentence(raw: object) -> None:
    with pytest.raises(InvalidPropertyError, match="'ResourceProperties' must be an object"):
        properties.parse({"RequestType": "Create", "ResourceProperties": raw})


@pytest.mark.parametrize("request_id", [None, "", 7])
def test_missing_request_id_is_a_sentence(request_id: object) -> None:
    with pytest.raises(InvalidPropertyError, match="'RequestId' must be a text"):
        properties.request_token({"RequestId": request_id})


@pytest.mark.parametrize(
    ("path", "shortest"), [("./a//b/", "a/b"), ("a/../b", "b"), ("-x", "-x"), ("...", "...")]
)
def test_paths_are_taken_in_their_shortest_form(path: str, shortest: str) -> None:
    assert docker_build.parse(json.dumps({"file": path})).file == shortest
