"""`make acceptance`: the scenarios in an AWS account, or in the emulated one."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

import pytest

from .target import VARIABLE

HERE = Path(__file__).parent
REAL = """
{variable} is {account}: this run deploys to AWS, with the credentials and the region of the environment.

It costs: about ten builds of a few minutes on the smallest ARM machine of CodeBuild, one NAT gateway for less
than an hour, two KMS keys until they are deleted, a few invocations of AgentCore, and the storage of some
images. Prices: https://aws.amazon.com/codebuild/pricing/ and the pages of the other services.
It takes about an hour. All stacks are named Acceptance<six digits>..., and are destroyed at the end.
It leaves behind: source archives in the bucket and images in the repository of the bootstrap stack (`cdk gc`
deletes them), and two KMS keys that AWS deletes after seven days. If the run is killed, delete its stacks.
"""
EMULATED = """
{variable} is not set: this run deploys to the emulated account of the rehearsal, on this machine only, by the
same code. It costs nothing, leaves nothing behind and settles nothing about AWS. To run it on AWS:

    {variable}=<account id> make acceptance
"""


def main() -> int:
    """Say what the run costs, then run it; the exit status says whether every scenario passed."""
    parser = argparse.ArgumentParser(prog="python -m test.acceptance", description=__doc__)
    parser.add_argument("-k", metavar="EXPRESSION", help="only scenarios whose names match, as in pytest")
    expression = parser.parse_args().k
    account = os.environ.get(VARIABLE, "")
    if account and not re.fullmatch(r"[0-9]{12}", account):
        print(f"{VARIABLE} must be an AWS account id of 12 digits, got '{account}'", file=sys.stderr)
        return 2
    print((REAL if account else EMULATED).format(variable=VARIABLE, account=account), flush=True)
    options = [str(HERE), "-v", "--tb=short", "-p", "no:xdist", "-p", "no:cacheprovider", "--durations=0"]
    return int(pytest.main([*options, *(["-k", expression] if expression else [])]))


if __name__ == "__main__":
    sys.exit(main())
