"""The layer cache in the image's own repository: it makes a build quicker, and never fails one.

The repository's tags are immutable, so each build writes the cache ``cache-<its image tag>`` and reads the
one of the image that it replaces. Docker's own builder exports a cache only with the containerd image store;
where it does not, a builder in a container does, whose image comes from ECR Public.
https://docs.docker.com/build/cache/backends/registry/
"""

from collections.abc import Sequence

from .docker_command import docker_arguments
from .place import Place
from .properties import Properties
from .words import word, words

BUILDKIT_IMAGE = "public.ecr.aws/vend/moby/buildkit:buildx-stable-1"
BUILDER = "arm64-agent-image"


def prepare(properties: Properties, state: str, previous_tag: str | None, place: Place) -> Sequence[str]:
    """Commands that find out whether a cache can be written, and whether there is one to read."""
    builder = f"--name={BUILDER} --driver=docker-container --driver-opt=image={BUILDKIT_IMAGE} --bootstrap"
    own_builder = f"""\
elif timeout 180 docker buildx create {builder} && docker buildx use {BUILDER}; then
  touch {state}/cache
"""
    choose = f"""\
if docker info --format '{{{{json .DriverStatus}}}}' | grep io.containerd.snapshotter.v1 > /dev/null; then
  touch {state}/cache
{own_builder if place.has_ecr_public else ""}else
  docker buildx rm --force {BUILDER} > /dev/null 2>&1 || true
  echo "notice: this builder cannot export a layer cache, the build goes on without one"
fi"""
    if previous_tag is None:
        return [choose]
    cache = word(_reference(properties, previous_tag))
    probe = f"""\
if [ -e {state}/cache ] && timeout 60 docker buildx imagetools inspect --raw {cache} > {state}/manifest; then
  touch {state}/cache-from
else
  echo "notice: there is no layer cache to read"
fi"""
    return [choose, probe]


def read(command: str, properties: Properties, state: str, previous_tag: str) -> str:
    """The build command, given the cache of the previous image if there is one.

    When it fails with the cache it is tried once without; not when a RUN step failed, which would fail again.
    """
    cache = word(f"--cache-from=type=registry,ref={_reference(properties, previous_tag)}")
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
fi"""


def write(properties: Properties, state: str) -> str:
    """The command that writes the cache, after the image is pushed."""
    cache = f"type=registry,ref={_reference(properties, properties.image_tag)}"
    cache += ",mode=max,image-manifest=true,oci-mediatypes=true"
    arguments = words(
        [*docker_arguments(properties.docker_build), "--output=type=cacheonly", f"--cache-to={cache}"]
    )
    return f"""\
if [ -e {state}/cache ]; then
  timeout 600 docker {arguments} . || echo "notice: the layer cache was not written, the next build is slower"
fi"""


def _reference(properties: Properties, tag: str) -> str:
    return f"{properties.repository_uri}:cache-{tag}"
