"""The Python examples, each synthesized in a process of its own as on a machine of the given kind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from test.synth import Assembly, read_assembly
from tools.hosts import environment

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
ARM, X86 = "arm64", "x64"


class Synthesis:
    """Synthesizes each example once for each kind of machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: dict[tuple[str, str], Assembly] = {}

    def __call__(self, app: str, architecture: str = X86, **variables: str) -> Assembly:
        if (app, architecture) not in self.done:
            output = self.folder / f"{app.replace('/', '-')}-{architecture}"
            subprocess.run(
                [sys.executable, Path(app).name],
                cwd=(EXAMPLES / app).parent,
                env={
                    **environment(architecture, **variables),
                    "PYTHONPATH": str(ROOT / "build/bindings/python/src"),
                    "CDK_OUTDIR": str(output),
                    "CDK_CONTEXT_JSON": json.dumps({"aws:cdk:enable-asset-metadata": True}),
                },
                check=True,
            )
            self.done[app, architecture] = read_assembly(output)
        return self.done[app, architecture]
