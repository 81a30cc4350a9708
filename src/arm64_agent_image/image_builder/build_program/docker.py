"""The argument vectors of ``docker buildx build``."""

from .parameters import Parameters


def build_command(parameters: Parameters, *more: str) -> list[str]:
    """The command that builds the image from the current directory.

    It makes one plain manifest without attestations, in Docker's media types: users report that AgentCore
    Runtime rejects an OCI index.
    """
    return [
        "docker",
        "buildx",
        "build",
        "--progress=plain",
        "--platform=linux/arm64",
        "--provenance=false",
        "--sbom=false",
        f"--file=./{parameters.file}",
        *([f"--target={parameters.target}"] if parameters.target is not None else []),
        *(f"--build-arg={name}={value}" for name, value in parameters.build_args.items()),
        *(f"--build-context={name}={uri}" for name, uri in parameters.build_contexts.items()),
        *(f"--secret=id={id},env={variable}" for id, variable in parameters.secrets.items()),
        *more,
        ".",
    ]
