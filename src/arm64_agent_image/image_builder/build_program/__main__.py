"""``python3 -m image_builder.build_program <phase>``: one phase of the build in AWS CodeBuild."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..errors import ImageBuildError
from . import engine, image, layer_cache, logins, plan_image, settings, source
from .docker import build_command
from .process import BuildError, CommandError, stream
from .retry import retry_denied
from .settings import Settings

_BASE_IMAGE_DENIED = re.compile(r"\.dkr\.ecr\..*(?:40[13] |denied|not authorized)")


def install(wanted: Settings) -> None:
    """Fetch the source; meanwhile, restart the engine with the image store that can export a layer cache."""
    with ThreadPoolExecutor() as pool:
        fetched = pool.submit(source.prepare, wanted)
        if not engine.use_containerd_store():
            print("notice: the Docker engine cannot export a layer cache, so the build uses none")
    fetched.result()


def pre_build(wanted: Settings) -> None:
    """Log in to the registries."""
    logins.log_in(wanted)


def build(wanted: Settings) -> None:
    """Build the image into the engine's store.

    A build that fails with the layer cache is repeated without it, unless a RUN step failed: that would fail
    again.
    """
    parameters = source.read_parameters(wanted)
    outputs = [f"--tag={wanted.image_uri}", "--output=type=docker,oci-mediatypes=false"]
    if wanted.keep_plan:
        outputs += plan_image.metadata_options(wanted)
    cache = layer_cache.read_options(wanted) if engine.has_containerd_store() else []
    try:
        retry_denied(
            lambda: stream(build_command(parameters, *outputs, *cache), cwd=wanted.context),
            wanted.requested_at,
            _pull_denied,
        )
    except CommandError as error:
        if not cache or "did not complete successfully" in error.output:
            raise
        print("notice: the build failed with the layer cache, repeating it without")
        stream(build_command(parameters, *outputs), cwd=wanted.context)


def post_build(wanted: Settings) -> None:
    """Check and push the image, then keep its plan and export the layer cache."""
    image.check(wanted)
    image.push(wanted)
    if wanted.keep_plan:
        plan_image.write(wanted, _build_start())
    if wanted.layer_cache and engine.has_containerd_store():
        layer_cache.write(wanted, source.read_parameters(wanted), _build_start())


PHASES: dict[str, Callable[[Settings], None]] = {
    "install": install,
    "pre_build": pre_build,
    "build": build,
    "post_build": post_build,
}


def main(arguments: Sequence[str]) -> int:
    """Run a phase and return the exit status, which ends the build unless it is 0."""
    parser = argparse.ArgumentParser(prog="python3 -m image_builder.build_program", description=__doc__)
    parser.add_argument("phase", choices=PHASES)
    phase = parser.parse_args(arguments).phase
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    os.umask(source.UMASK)
    try:
        PHASES[phase](settings.read(os.environ))
    except (BuildError, ImageBuildError) as error:
        print(f"error: {error}")
        return 1
    return 0


def _pull_denied(error: CommandError) -> bool:
    """Whether Amazon ECR denies a base image, the grant for which may be seconds old."""
    return _BASE_IMAGE_DENIED.search(error.output) is not None


def _build_start() -> float:
    """When CodeBuild started the build, in seconds since the epoch; its variable is in milliseconds."""
    started = os.environ.get("CODEBUILD_START_TIME")
    return int(started) / 1000 if started else time.time()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
