"""The buildspec of one build, as JSON text, which is YAML too.

Every value from outside becomes one word of bash by ``word``, in printable ASCII whatever the value is, so
that neither the YAML reader, nor the locale, nor the shell can change it. Each command stands alone: what a
later one needs of an earlier one is kept in files, because post_build also runs after a failed build.
https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
"""

import json
import posixpath
from collections.abc import Sequence

from . import layer_cache, program
from .checks import InvalidPropertyError
from .docker_build import DockerBuild
from .docker_command import docker_arguments
from .place import Place
from .properties import EcrRegistry, Properties, SecretRegistry
from .words import word, words

MAX_COMMAND = 120_000


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
            *(layer_cache.prepare(properties, state, previous_tag, place) if properties.layer_cache else []),
        ],
        "build": [_build(properties, state, previous_tag)],
        "post_build": [
            program.check(properties, state),
            _push(properties, state),
            *([layer_cache.write(properties, state)] if properties.layer_cache else []),
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
    if place.has_ecr_public:
        login = _ecr_login("timeout 60 aws ecr-public", "us-east-1", "public.ecr.aws")
        commands.append(
            f'{login} || echo "notice: no login to ECR Public, its images are pulled anonymously"'
        )
    return commands


def _ecr_login(service: str, region: str, host: str) -> str:
    password = f"{service} get-login-password --region={word(region)}"
    return f"set -o pipefail; {password} | docker login --username=AWS --password-stdin -- {word(host)}"


def _build(properties: Properties, state: str, previous_tag: str | None) -> str:
    outputs = [f"--tag={properties.image_uri}", "--output=type=docker"]
    command = f"docker {words([*docker_arguments(properties.docker_build), *outputs])}"
    if previous_tag is None or not properties.layer_cache:
        return f"{command} . && touch {state}/image"
    return f"{layer_cache.read(command, properties, state, previous_tag)} && touch {state}/image"


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
