"""AWS emulated on 127.0.0.1: ministack, and what it lacks for this library."""

from . import partition

partition.install()
