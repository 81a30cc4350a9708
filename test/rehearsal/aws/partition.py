"""The account's partition: ministack knows `aws` only, so its sources are rewritten as they are imported.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType

PARTITION = os.environ.get("REHEARSAL_PARTITION", "aws")
URL_SUFFIX = os.environ.get("REHEARSAL_URL_SUFFIX", "amazonaws.com")

REPLACED = {
    "arn:aws:": f"arn:{PARTITION}:",
    '"AWS::Partition": "aws"': f'"AWS::Partition": "{PARTITION}"',
    '"AWS::URLSuffix": "amazonaws.com"': f'"AWS::URLSuffix": "{URL_SUFFIX}"',
    "dkr.ecr.{get_region()}.amazonaws.com": f"dkr.ecr.{{get_region()}}.{URL_SUFFIX}",
}


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path).decode()
        for text, replacement in REPLACED.items():
            source = source.replace(text, replacement)
        return compile(source, path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != "ministack":
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Let ministack, which is not imported yet, use the partition of the account."""
    if (PARTITION, URL_SUFFIX) != ("aws", "amazonaws.com"):
        sys.meta_path.insert(0, _Finder())
