"""docker for builds and for the CDK CLI: ECR's host names become the registry on 127.0.0.1."""

import os
import re
import sys

ECR = re.compile(r"(?:https?://)?\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+(?=[/:]|$)")


def main() -> None:
    """Become the real docker."""
    registry = os.environ["REHEARSAL_REGISTRY"]
    arguments = [ECR.sub(registry, argument) for argument in sys.argv[1:]]
    if arguments[:2] == ["buildx", "create"]:
        sys.exit("the rehearsal pulls no builder image: the engine builds with what it has")
    docker = os.environ["REHEARSAL_DOCKER"]
    os.execv(docker, [docker, *arguments])


main()
