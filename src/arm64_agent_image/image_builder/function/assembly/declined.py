"""Why an image is built instead of assembled."""

from __future__ import annotations


class DeclinedError(Exception):
    """The image cannot be assembled for certain; the text says why."""
