"""The buildspec of one build, as JSON text, which is YAML too.

Every value from outside becomes one word of bash by ``word``, in printable ASCII whatever the value is, so
that neither the YAML reader, nor the locale, nor the shell can change it. Each command stands alone: what a
later one needs of an earlier one is kept in files, because post_build also runs after a failed build.
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html

The repository's tags are immutable, so each build writes the layer cache ``cache-<its image tag>`` and reads
the one of the image that it replaces.
"""

import json
import posixpath
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .checks import InvalidPropertyError
from .docker_build import DockerBuild
from .properties import EcrRegistry, Properties, SecretRegistry

BUILDKIT_IMAGE = "public.ecr.aws/vend/moby/buildkit:buildx-stable-1"
BUILDER = "arm64-agent-image"
MAX_COMMAND = 120_000
_ESCAPES = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord("'"): "\\'", ord("\\"): "\\\\"}


@dataclass(frozen=True)
class Place:
    """Where the build runs."""

    region: str
    partition: str


def word(value: str) -> str:
    """The value as one word of bash; ANSI-C quoting for what is not printable ASCII."""
    if all(" " <= character <= "~" for character in value):
        return shlex.quote(value)
    return (
        "$'"
        + "".join(_ESCAPES.get(b, chr(b) if 0x20 <= b <= 0x7E else f"\\x{b:02x}") for b in value.encode())
        + "'"
    )


def words(values: Iterable[str]) -> str:
    """The argument vector as words of bash."""
    return " ".join(word(value) for value in values)


def buildspec(properties: Properties, token: str, previous_tag: str | None, place: Place) -> str:
    """The buildspec for one request.

    :raises InvalidPropertyError: when a command gets longer than Linux lets a program's argument be.
    """
    state = f"~/.arm64-agent-image/{token}"
    phases = {
        "pre_build": [
            f"rm -rf {state} && mkdir -p {state}",
            *_restore(properties.docker_build),
            *_logins(properties, place),
            *(_prepare_cache(properties, state, previous_tag, place) if properties.layer_cache else []),
        ],
        "build": [_build(properties, state, previous_tag if properties.layer_cache else None)],
        "post_build": [
            _push(properties, state),
            *([_export_cache(properties, state)] if properties.layer_cache else []),
            f"rm -rf {state}",
        ],
    }
    if any(len(command) > MAX_COMMAND for commands in phases.values() for command in commands):
        raise InvalidPropertyError(
            f"'DockerBuild' must not make a command longer than {MAX_COMMAND} characters, which Linux does"
            " not take: shorten 'buildArgs', or put the long values into files of the directory"
        )
    document = {
        "version": "0.2",
        "env": {"shell": "bash"},
        "phases": {name: {"on-failure": "ABORT", "commands": commands} for name, commands in phases.items()},
    }
    return json.dumps(document)


def docker_arguments(build: DockerBuild) -> list[str]:
    """The argument vector of ``docker`` for this image, but for outputs, caches and the context."""
    return [
        "buildx",
        "build",
        "--progress=plain",
        "--platform=linux/arm64",
        "--provenance=false",
        "--sbom=false",
        f"--file=./{build.file}",
        *([f"--target={build.target}"] if build.target is not None else []),
        *(f"--build-arg={name}={value}" for name, value in build.build_args.items()),
        *(f"--build-context={name}={uri}" for name, uri in build.build_contexts.items()),
        *(f"--secret=id={name},env={variable}" for name, variable in build.secrets.items()),
    ]


def _restore(build: DockerBuild) -> Sequence[str]:
    commands = [f"mkdir -p -- {word(f'./{directory}')}" for directory in build.empty_directories]
    for path, target in build.symbolic_links.items():
        link, parent = word(f"./{path}"), word(f"./{posixpath.dirname(path)}")
        commands.append(f"rm -rf -- {link} && mkdir -p -- {parent} && ln -s -- {word(target)} {link}")
    return [" && \\\n".join(commands)] if commands else []


def _logins(properties: Properties, place: Place) -> Sequence[str]:
    commands = [_ecr_login("aws ecr", place.region, properties.registry_host)]
    for registry in properties.registries:
        match registry:
            case EcrRegistry(host, region):
                commands.append(_ecr_login("aws ecr", region, host))
            case SecretRegistry(server, username, password):
                login = f'docker login --username="${username}" --password-stdin -- {word(server)}'
                commands.append(f"set -o pipefail; printenv {password} | {login}")
    if _has_ecr_public(place):
        login = _ecr_login("timeout 60 aws ecr-public", "us-east-1", "public.ecr.aws")
        commands.append(
            f'{login} || echo "notice: no login to ECR Public, its images are pulled anonymously"'
        )
    return commands


def _ecr_login(service: str, region: str, host: str) -> str:
    password = f"{service} get-login-password --region={word(region)}"
    return f"set -o pipefail; {password} | docker login --username=AWS --password-stdin -- {word(host)}"


def _prepare_cache(
    properties: Properties, state: str, previous_tag: str | None, place: Place
) -> Sequence[str]:
    builder = f"--name={BUILDER} --driver=docker-container --driver-opt=image={BUILDKIT_IMAGE} --bootstrap"
    own_builder = f"""\
elif timeout 180 docker buildx create {builder} && docker buildx use {BUILDER}; then
  touch {state}/cache
"""
    choose = f"""\
if docker info --format '{{{{json .DriverStatus}}}}' | grep io.containerd.snapshotter.v1 > /dev/null; then
  touch {state}/cache
{own_builder if _has_ecr_public(place) else ""}else
  docker buildx rm --force {BUILDER} > /dev/null 2>&1 || true
  echo "notice: this builder cannot export a layer cache, the build goes on without one"
fi"""
    if previous_tag is None:
        return [choose]
    cache = word(_cache(properties, previous_tag))
    probe = f"""\
if [ -e {state}/cache ] && timeout 60 docker buildx imagetools inspect --raw {cache} > {state}/manifest; then
  touch {state}/cache-from
else
  echo "notice: there is no layer cache to read"
fi"""
    return [choose, probe]


def _build(properties: Properties, state: str, previous_tag: str | None) -> str:
    outputs = [f"--tag={properties.image_uri}", "--output=type=docker"]
    command = f"docker {words([*docker_arguments(properties.docker_build), *outputs])}"
    if previous_tag is None:
        return f"{command} . && touch {state}/image"
    cache = word(f"--cache-from=type=registry,ref={_cache(properties, previous_tag)}")
    return f"""\
set -o pipefail
docker_build() {{
  {command} "$@" .
}}
if [ ! -e {state}/cache-from ]; then
  docker_build
elif docker_build {cache} 2>&1 | tee {state}/log; then
  true
elif grep 'did not complete successfully' {state}/log > /dev/null; then
  false
else
  echo "notice: the build failed with the layer cache, once more without it"
  docker_build
fi && touch {state}/image"""


def _push(properties: Properties, state: str) -> str:
    uri = word(properties.image_uri)
    return f"""\
if [ ! -e {state}/image ]; then
  echo "there is no image to push"
  false
elif docker push {uri}; then
  true
elif timeout 60 docker buildx imagetools inspect --raw {uri} > /dev/null 2>&1; then
  echo "notice: another build has pushed the image of the same source"
else
  false
fi"""


def _export_cache(properties: Properties, state: str) -> str:
    cache = f"type=registry,ref={_cache(properties, properties.image_tag)}"
    cache += ",mode=max,image-manifest=true,oci-mediatypes=true"
    arguments = words(
        [*docker_arguments(properties.docker_build), "--output=type=cacheonly", f"--cache-to={cache}"]
    )
    return f"""\
if [ -e {state}/cache ]; then
  timeout 600 docker {arguments} . || echo "notice: the layer cache was not written, the next build is slower"
fi"""


def _has_ecr_public(place: Place) -> bool:
    return place.partition == "aws"


def _cache(properties: Properties, tag: str) -> str:
    return f"{properties.repository_uri}:cache-{tag}"
