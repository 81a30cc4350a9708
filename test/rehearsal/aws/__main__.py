"""`python -m test.rehearsal.aws`: the emulated AWS; its settings are environment variables."""

import sys

from ministack.app import main

from . import cloudformation, codebuild, projects, registry, sessions

cloudformation.install()
codebuild.install()
projects.install()
registry.install()
sessions.install()
sys.argv = ["test.rehearsal.aws"]
main()
