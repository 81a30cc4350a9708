"""`python -m test.rehearsal.aws`: the emulated AWS; its settings are environment variables."""

import sys

from ministack.app import main

from . import ministack_patches

ministack_patches.install()
sys.argv = ["test.rehearsal.aws"]
main()
