"""Environments that make a CDK app believe it runs on another machine."""

import os
from urllib.parse import quote

KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION")


def environment(architecture: str, **variables: str) -> dict[str, str]:
    """A host of this architecture, `arm64` or `x64`, without the CI variables of this one."""
    script = quote(f"Object.defineProperty(process,'arch',{{value:'{architecture}'}})", safe="(),.")
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {
        **kept,
        "NODE_OPTIONS": f"--import=data:text/javascript,{script}",
        "CDK_DEFAULT_ACCOUNT": "111122223333",
        "CDK_DEFAULT_REGION": "us-east-1",
        **variables,
    }
