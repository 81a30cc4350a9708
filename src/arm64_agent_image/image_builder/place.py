"""Where a build runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A region of a partition of AWS."""

    region: str
    partition: str

    @property
    def has_ecr_public(self) -> bool:
        """Whether Amazon ECR Public can be called from there."""
        return self.partition == "aws"
