"""A Docker engine that builds linux/arm64, by its command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .processes import RehearsalError


@dataclass(frozen=True)
class Engine:
    """A Docker engine that builds linux/arm64, and how to reach it."""

    docker: str
    private: bool
    plugins: Sequence[str]
    environment: Mapping[str, str]
    packages: Path | None = None

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the engine listens on a socket of this machine."""
        return self.environment["DOCKER_HOST"].startswith("unix://")

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run the docker command line and return what it printed."""
        result = subprocess.run(
            [self.docker, *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True
        )
        if check and result.returncode:
            raise RehearsalError(
                f"docker {' '.join(arguments[:3])} failed: {(result.stderr or result.stdout).strip()}"
            )
        return result.stdout.strip()

    def images(self) -> set[str]:
        """The ids of all images of the engine."""
        return set(self.run("image", "ls", "--all", "--quiet", "--no-trunc").split())

    def containers(self, *filters: str) -> set[str]:
        """The ids of all containers of the engine, or of those that pass the filters."""
        options = [f"--filter={each}" for each in filters]
        return set(self.run("container", "ls", "--all", "--quiet", "--no-trunc", *options).split())

    def build_cache(self) -> set[str]:
        """The ids of the build cache records."""
        lines = self.run("buildx", "du", check=False).splitlines()
        return {
            line.split()[0].rstrip("*")
            for line in lines[1:]
            if len(line.split()) > 2 and len(line.split()[0]) > 20
        }

    def prune_build_cache(self) -> None:
        """Empty the build cache of a private engine, as it is on a fresh CodeBuild host."""
        if not self.private:
            raise RehearsalError("the build cache of this machine's own engine is not emptied")
        self.run("buildx", "prune", "--all", "--force")
