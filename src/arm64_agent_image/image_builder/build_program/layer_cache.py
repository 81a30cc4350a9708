"""The layer cache in the image's own repository: it makes a build quicker, and never fails one.

The repository's tags are immutable, so each build writes the cache ``cache-<its image tag>`` and reads the
one of the image that it replaces.
https://docs.docker.com/build/cache/backends/registry/
"""

from __future__ import annotations

import time

from ..timeouts import CACHE_EXPORT, QUEUED_TOO_LONG
from .docker import build_command
from .parameters import Parameters
from .process import CommandError, stream
from .settings import Settings


def read_options(settings: Settings) -> list[str]:
    """The option that reads the cache of the image before this one; docker ignores one that is not there."""
    if not settings.layer_cache or settings.previous_image_tag is None:
        return []
    return [f"--cache-from=type=registry,ref={_reference(settings, settings.previous_image_tag)}"]


def write(settings: Settings, parameters: Parameters, started: float) -> None:
    """Write the cache for the next build, unless others wait for the machine."""
    if started - settings.requested_at > QUEUED_TOO_LONG:
        print("notice: no layer cache is written, because this build had to wait for others")
        return
    cache = f"type=registry,ref={_reference(settings, settings.image_tag)},mode=max"
    options = ["--output=type=cacheonly", f"--cache-to={cache},image-manifest=true,oci-mediatypes=true"]
    began = time.monotonic()
    try:
        stream(build_command(parameters, *options), cwd=settings.context, timeout=CACHE_EXPORT)
    except CommandError as error:
        print(f"notice: the layer cache was not written, so the next build is slower: {error}")
        return
    print(f"the layer cache was written in {time.monotonic() - began:.1f} s")


def _reference(settings: Settings, tag: str) -> str:
    return f"{settings.repository_uri}:cache-{tag}"
