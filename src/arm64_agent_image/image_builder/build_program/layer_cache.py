"""The layer cache in the image's own repository, which speeds up builds and never fails one.

The repository's tags are immutable, so each build writes the cache ``cache-<its image tag>`` and reads the
cache of the image that it replaces.
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
    """The option that reads the cache of the previous image; docker ignores a cache that does not exist."""
    if not settings.layer_cache or settings.previous_image_tag is None:
        return []
    return [f"--cache-from=type=registry,ref={_reference(settings, settings.previous_image_tag)}"]


def write(settings: Settings, parameters: Parameters, started: float) -> None:
    """Write the cache for the next build, unless other builds are waiting."""
    if started - settings.requested_at > QUEUED_TOO_LONG:
        print("notice: no layer cache is written, because other builds are waiting")
        return
    cache = f"type=registry,ref={_reference(settings, settings.image_tag)},mode=max"
    options = ["--output=type=cacheonly", f"--cache-to={cache},image-manifest=true,oci-mediatypes=true"]
    began = time.monotonic()
    try:
        stream(build_command(parameters, *options), cwd=settings.context, timeout=CACHE_EXPORT)
    except CommandError as error:
        print(f"notice: could not write the layer cache, so the next build is slower: {error}")
        return
    print(f"wrote the layer cache in {time.monotonic() - began:.1f} s")


def _reference(settings: Settings, tag: str) -> str:
    return f"{settings.repository_uri}:cache-{tag}"
