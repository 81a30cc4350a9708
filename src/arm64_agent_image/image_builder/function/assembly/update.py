"""An update's first step: make its image from the previous one, or leave it to a build and say why."""

from __future__ import annotations

import tarfile
import traceback
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from ...errors import ImageBuildError
from ..cloudformation.request import Request, parse
from ..services.clients import Clients
from ..services.clock import Clock
from ..services.ecr import Image
from ..services.errors import AWS_ERRORS, summary
from . import plan, source
from .assemble import Sources, assemble
from .declined import DeclinedError
from .image import config_digest, only_layer, read_image
from .limits import CONFIG_BYTES, IMAGE_BYTES, PLAN_BYTES, SECONDS, Deadline, require
from .repository import Repository

PLAN_FILE = "plan.json"


def plan_tag(digest: str) -> str:
    """The tag that the plan of an image is kept under."""
    return f"plan-{digest.removeprefix('sha256:')}"


def attempt(event: Mapping[str, Any], aws: Clients, clock: Clock) -> None:
    """Put the assembled image under the request's tag, or say why it has to be built.

    No error leaves this function: the next step of the execution finds the image, or starts a build. An
    invalid request is answered there, too.
    """
    try:
        request = parse(event)
    except ImageBuildError as error:
        print(f"nothing is assembled: {error}")
        return
    started = clock.now()
    try:
        said = _attempt(request, aws, Deadline(clock.now, started + SECONDS))
        print(f"{request.image_uri} was assembled in {clock.now() - started:.1f} s: {said}")
    except (DeclinedError, ImageBuildError) as reason:
        print(f"{request.image_uri} is built, not assembled: {reason}")
    except AWS_ERRORS as error:
        print(f"{request.image_uri} is built, not assembled: {summary(error)}")
    except Exception as error:
        traceback.print_exc()
        print(f"{request.image_uri} is built, not assembled: unexpected {type(error).__name__}")


def _attempt(request: Request, aws: Clients, deadline: Deadline) -> str:
    previous_tag, previous_source = _candidate(request)
    repository = Repository(aws.ecr, request, deadline)
    if repository.find(request.image_tag) is not None:
        raise DeclinedError("it is already there")
    found = repository.find(previous_tag)
    if found is None:
        raise DeclinedError("the previous image is no longer in the repository")
    kept = repository.find(plan_tag(found.digest))
    if kept is None:
        raise DeclinedError("no plan is kept with the previous image")
    planned = _read_plan(repository, kept)
    _require_recent(request, planned, deadline.now())
    image = read_image(
        found.digest, found.manifest, repository.read_small(config_digest(found.manifest), CONFIG_BYTES)
    )
    parameters = source.read_parameters(aws.s3, request.parameters)
    with (
        source.fetched(aws.s3, previous_source, parameters, deadline) as old,
        source.fetched(aws.s3, request.source, parameters, deadline) as new,
    ):
        layers = assemble(image, planned, Sources(old, new, parameters.file), repository, deadline)
    documents = image.with_layers(layers)
    require(documents.size, IMAGE_BYTES, "the compressed bytes of the image")
    repository.write(iter([documents.config]), lambda: documents.config_digest)
    repository.put(documents.manifest, image.media_type, request.image_tag)
    _carry(repository, kept, plan_tag(documents.digest))
    _carry(repository, _cache(repository, previous_tag), f"cache-{request.image_tag}")
    count = sum(layer not in image.layers for layer in layers)
    return f"{count} of its {len(layers)} layers are new, the others are those of {image.digest}"


def _candidate(request: Request) -> tuple[str, str]:
    """Tag and source of the previous image, if only files can have changed since."""
    previous = request.previous
    if previous is None:
        raise DeclinedError("there is no previous image")
    if request.base_image_max_age == 0:
        raise DeclinedError("'baseImageMaxAge' is zero")
    if previous.repository_uri != request.repository_uri:
        raise DeclinedError("its repository has changed")
    if request.recipe_hash is None or previous.recipe_hash != request.recipe_hash:
        raise DeclinedError("build arguments, links, 'extraHash' or other options have changed")
    if previous.parameters != request.parameters or not isinstance(previous.source, str):
        raise DeclinedError("the parameters of the build have changed")
    return previous.image_tag, previous.source


def _require_recent(request: Request, planned: plan.Plan, now: float) -> None:
    """A build looks base images up again; so the last one must not be too long ago."""
    age = int(now - planned.built_at)
    if age > request.base_image_max_age:
        raise DeclinedError(
            f"the base image was looked up {age} s ago, 'baseImageMaxAge' is {request.base_image_max_age} s"
        )


def _read_plan(repository: Repository, image: Image) -> plan.Plan:
    """The plan, which the build program keeps as the only file of an image of its own."""
    blob = repository.read_small(only_layer(image.manifest), PLAN_BYTES)
    with tarfile.open(fileobj=BytesIO(blob), mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.name == PLAN_FILE else None
            if file is not None:
                require(entry.size, PLAN_BYTES, "the bytes of the plan")
                return plan.parse(file.read())
    raise DeclinedError("the image that keeps the plan does not contain it")


def _cache(repository: Repository, tag: str) -> Image | None:
    """The layer cache of an image, whose build may still export it."""
    try:
        return repository.find(f"cache-{tag}")
    except AWS_ERRORS as error:
        print(f"the next build finds no layer cache: {summary(error)}")
        return None


def _carry(repository: Repository, image: Image | None, tag: str) -> None:
    """Tag the plan or the layer cache for the new image; without them the next change takes longer."""
    if image is None:
        return
    try:
        repository.put(image.manifest, image.media_type, tag)
    except (DeclinedError, *AWS_ERRORS) as error:
        print(f"the new image goes without {tag}: {error}")
