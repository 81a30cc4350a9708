"""`python -m test.rehearsal.aws`: the emulated AWS; its settings are environment variables."""

import sys

from ministack.app import main

from . import (
    agentcore_invocations,
    cloudformation,
    codebuild,
    codebuild_projects,
    express,
    iam,
    lambda_errors,
    registry,
    resource_import,
    stepfunctions,
)

cloudformation.install()
codebuild.install()
express.install()
lambda_errors.install()
agentcore_invocations.install()
codebuild_projects.install()
registry.install()
resource_import.install()
iam.install()
stepfunctions.install()
sys.argv = ["test.rehearsal.aws"]
main()
