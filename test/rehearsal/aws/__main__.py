"""`python -m test.rehearsal.aws`: the emulated AWS; its settings are environment variables."""

import sys

from ministack.app import main

from . import (
    cloudformation,
    codebuild,
    express,
    functions,
    invocations,
    projects,
    registry,
    resource_import,
    sessions,
    stepfunctions,
)

cloudformation.install()
codebuild.install()
express.install()
functions.install()
invocations.install()
projects.install()
registry.install()
resource_import.install()
sessions.install()
stepfunctions.install()
sys.argv = ["test.rehearsal.aws"]
main()
