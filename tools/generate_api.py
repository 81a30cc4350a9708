"""Writes API.md, or the file given as the argument, from the compiled jsii assembly."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ASSEMBLY = ("package.json", ".jsii", "README.md")


def generate(output: Path) -> None:
    """Run jsii-docgen where no other copy of this package is installed, which it would document instead."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ASSEMBLY:
            shutil.copy(ROOT / name, project)
        project.joinpath("node_modules").symlink_to(ROOT / "node_modules")
        docgen = [str(ROOT / "node_modules/.bin/jsii-docgen"), "--output", "API.md", "--language", "python"]
        subprocess.run(docgen, cwd=project, check=True)
        shutil.copy(project / "API.md", output)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "API.md")
