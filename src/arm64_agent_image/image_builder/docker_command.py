"""The argument vector of ``docker buildx build`` for an image."""

from .docker_build import DockerBuild


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
