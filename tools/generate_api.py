"""Writes the API references, API.md for Python and API.typescript.md, from the compiled jsii assembly."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ASSEMBLY = ("package.json", ".jsii", "README.md")
REFERENCES = {"API.md": "python", "API.typescript.md": "typescript"}


def generate(folder: Path) -> None:
    """Run jsii-docgen where no other copy of this package is installed, which it would document instead."""
    with tempfile.TemporaryDirectory() as temporary:
        project = Path(temporary)
        for name in ASSEMBLY:
            shutil.copy(ROOT / name, project)
        project.joinpath("node_modules").symlink_to(ROOT / "node_modules")
        for name, language in REFERENCES.items():
            docgen = [str(ROOT / "node_modules/.bin/jsii-docgen"), "--output", name, "--language", language]
            subprocess.run(docgen, cwd=project, check=True)
            shutil.copy(project / name, folder / name)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
